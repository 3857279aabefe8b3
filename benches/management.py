"""The Management API: reading and changing APIs, starting, memory."""

import json
import os
import re
import statistics
import subprocess
import sys
import threading

from measure import EXAMPLES, RELEASE, ROOT, ROUNDS, SECONDS, Server, bound, call, connect, install, keyward, token


def load(server, path, bearer):
    """Requests per second, and processor seconds per request."""
    before = server.processor_seconds()
    command = ["taskset", "-c", "1", "wrk", "-t", "1", "-c", "16", "-d", f"{SECONDS}s"]
    command += ["-H", f"Authorization: Bearer {bearer}", f"http://127.0.0.1:{server.port}{path}"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in output:
        sys.exit(output)
    count = int(re.search(r"(\d+) requests in", output).group(1))
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", output).group(1))
    return rate, (server.processor_seconds() - before) / count


def get(directory, permissions):
    data = os.path.join(directory, f"get{permissions}")
    server = keyward(data)
    bearer = token(data)
    connection = connect(server)
    scopes = [{"value": f"read:thing{n}", "description": "Read things"} for n in range(permissions)]
    made = call(connection, bearer, "POST", "/api/v2/resource-servers", {"identifier": "a", "name": "A", "scopes": scopes})
    path = f"/api/v2/resource-servers/{json.loads(made)['id']}"
    answer = os.path.join(directory, "answer.json")
    with open(answer, "wb") as file:
        file.write(call(connection, bearer, "GET", path))
    constant = Server([os.path.join(EXAMPLES, "constant"), answer])
    ours, ceiling = [], []
    for _ in range(ROUNDS):
        ceiling.append(load(constant, path, bearer))
        ours.append(load(server, path, bearer))
    server.stop()
    constant.stop()
    median = lambda list, index: statistics.median(entry[index] for entry in list)
    size = os.path.getsize(answer)
    print(f"GET, {permissions} permissions, {size} bytes: {median(ours, 0):.0f}/s beside {median(ceiling, 0):.0f}/s, "
          f"{median(ours, 1) * 1e6:.1f} us beside {median(ceiling, 1) * 1e6:.1f} us of processor time a request")
    bound(f"GET of {permissions} permissions, rate beside the constant answer", median(ours, 0) / median(ceiling, 0), 0.7, True)


def start_up(directory):
    data = os.path.join(directory, "many")
    server = keyward(data)
    bearer = token(data)

    def fill(part):
        connection = connect(server)
        for n in range(part, 10_000, 16):
            scopes = [{"value": f"read:{n}", "description": "Read"}, {"value": f"write:{n}"}]
            call(connection, bearer, "POST", "/api/v2/resource-servers", {"identifier": f"https://{n}.example/", "scopes": scopes})

    threads = [threading.Thread(target=fill, args=(part,)) for part in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    server.stop()
    times = []
    for _ in range(ROUNDS):
        server = keyward(data, "--public-url", "http://bench.test")
        connection = connect(server)
        bearer = token(data)
        connection.request("GET", "/.well-known/jwks.json")
        assert connection.getresponse().status == 200
        times.append((server.ready - server.begun) * 1000)
        call(connect(server), bearer, "GET", "/api/v2/resource-servers/https%3A%2F%2F9999.example%2F")
        memory = server.memory()
        server.stop()
    # The first one sets up the new public URL; the others find everything in place.
    print(f"start with 10,000 APIs: {', '.join(f'{t:.0f}' for t in times)} ms to `ready`, {memory:.1f} MiB")
    bound("start with 10,000 APIs, ms", statistics.median(times[1:]), 100, False)


def memory(directory):
    server = keyward(os.path.join(directory, "empty"))
    used = server.memory()
    server.stop()
    bound("memory when idle and empty, MiB", used, 40, False)


def patch():
    subprocess.run(["cargo", "bench", "--quiet", "--package", "keyward-server", "--bench", "patch"], check=True, cwd=ROOT,
                   stdout=subprocess.DEVNULL)
    criterion = os.path.join(os.path.dirname(RELEASE), "criterion", "patch")

    def median(name):
        with open(os.path.join(criterion, name, "new", "estimates.json")) as file:
            return json.load(file)["median"]["point_estimate"] / 1e6

    print(f"PATCH one of 1,000 permissions: {median('keyward'):.2f} ms beside {median('bare'):.2f} ms of bare SQL")
    bound("PATCH beside its bare transaction", median("keyward") / median("bare"), 5, False)


def run(directory):
    install("wrk")
    memory(directory)
    get(directory, 10)
    get(directory, 1000)
    start_up(directory)
    patch()
