"""What all measurements share: servers on one core, loads on the other, bounds."""

import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
RELEASE = os.path.join(os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target")), "release")
KEYWARD = os.path.join(RELEASE, "keyward")
EXAMPLES = os.path.join(RELEASE, "examples")
ROUNDS = 5
SECONDS = 3
broken = []


def bound(name, value, limit, at_least):
    good = value >= limit if at_least else value <= limit
    if not good:
        broken.append(name)
    print(f"{'ok    ' if good else 'BROKEN'} {name}: {value:.2f} ({'at least' if at_least else 'at most'} {limit})", flush=True)


def install(program):
    if not shutil.which(program):
        sudo = [] if os.getuid() == 0 else ["sudo"]
        subprocess.run(sudo + ["apt-get", "update", "-q"], check=True)
        subprocess.run(sudo + ["apt-get", "install", "-q", "-y", program], check=True)


class Server:
    """A process on core 0 that says `ready` with its address."""

    def __init__(self, command, settings=None):
        self.begun = time.monotonic()
        pinned = ["taskset", "-c", "0"] + command
        environment = dict(os.environ, **(settings or {}))
        self.process = subprocess.Popen(pinned, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)
        for line in self.process.stdout:
            if line.startswith("ready "):
                self.ready = time.monotonic()
                self.port = int(re.search(r"http://[^ ]*:(\d+)", line).group(1))
                return
        sys.exit(f"{command[0]} ended before it was ready")

    def processor_seconds(self):
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1)) / 1024

    def stop(self):
        self.process.terminate()
        self.process.wait()


def keyward(data, *more, settings=None):
    command = [KEYWARD, "serve", "--data-dir", data, "--http", "127.0.0.1:0", "--https", "", *more]
    return Server(command, settings)


def command(data, *words):
    run = [KEYWARD, *words, "--data-dir", data]
    return subprocess.run(run, check=True, capture_output=True, text=True).stdout.strip()


def token(data):
    return command(data, "token")


def call(connection, bearer, method, path, body=None):
    headers = {"authorization": f"Bearer {bearer}", "content-type": "application/json"}
    connection.request(method, path, json.dumps(body) if body is not None else None, headers)
    answer = connection.getresponse()
    content = answer.read()
    if answer.status >= 300:
        sys.exit(f"{method} {path}: {answer.status} {content.decode()}")
    return content


def connect(server):
    return http.client.HTTPConnection("127.0.0.1", server.port)
