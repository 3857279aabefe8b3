"""The token endpoint: tokens a second beside one bare signature a request, and beside oidc-provider."""

import json
import os
import re
import shutil
import sqlite3
import statistics
import subprocess
import sys
import threading
import time
import urllib.parse

import keys
from measure import EXAMPLES, ROOT, ROUNDS, SECONDS, Server, bound, call, connect, install, keyward, token

AUDIENCE = "https://api.example/"
SECRET = "a-secret-that-is-as-long-as-the-other-one-0123456789abcdefghijkl"


def script(directory, name, fields):
    """A wrk script that posts this form."""
    path = os.path.join(directory, f"{name}.lua")
    with open(path, "w") as file:
        file.write('wrk.method = "POST"\n')
        file.write('wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"\n')
        file.write(f'wrk.body = "{urllib.parse.urlencode(fields)}"\n')
    return path


def load(server, lua, seconds=SECONDS, path="/oauth/token"):
    """Requests per second, and processor microseconds a request."""
    before = server.processor_seconds()
    run = ["taskset", "-c", "1", "wrk", "-t", "1", "-c", "32", "-d", f"{seconds}s", "-s", lua]
    output = subprocess.run(run + [f"http://127.0.0.1:{server.port}{path}"], check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in output:
        sys.exit(output)
    count = int(re.search(r"(\d+) requests in", output).group(1))
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", output).group(1))
    return rate, (server.processor_seconds() - before) / count * 1e6


def in_turns(ours, other, lua, other_lua, other_path="/oauth/token"):
    """The medians of both: rate, microseconds."""
    mine, theirs = [], []
    for _ in range(ROUNDS):
        theirs.append(load(other, other_lua, path=other_path))
        mine.append(load(ours, lua))
    median = lambda list: tuple(statistics.median(entry[index] for entry in list) for index in (0, 1))
    return median(mine), median(theirs)


def machine(server, data, algorithm):
    """The form that an application sends which may ask for tokens of an API with this algorithm."""
    bearer, connection = token(data), connect(server)
    audience = f"{AUDIENCE}{algorithm}"
    scopes = [{"value": "read:a"}, {"value": "read:b"}]
    fields = {"identifier": audience, "scopes": scopes, "signing_alg": algorithm}
    call(connection, bearer, "POST", "/api/v2/resource-servers", fields)
    client = json.loads(call(connection, bearer, "POST", "/api/v2/clients", {"name": "bench"}))
    grant = {"client_id": client["client_id"], "audience": audience, "scope": ["read:a", "read:b"]}
    call(connection, bearer, "POST", "/api/v2/client-grants", grant)
    return {
        "grant_type": "client_credentials", "client_id": client["client_id"], "client_secret": client["client_secret"],
        "audience": audience,
    }


def say(what, ours, beside, theirs):
    print(f"{what}: {ours[0]:.0f}/s, {ours[1]:.1f} us of processor time; {beside}: {theirs[0]:.0f}/s, {theirs[1]:.1f} us", flush=True)


def run(directory):
    install("wrk")
    data = os.path.join(directory, "tokens")
    server = keyward(data)
    rsa = script(directory, "rsa", machine(server, data, "RS256"))
    load(server, rsa, 1)
    signing = Server([os.path.join(EXAMPLES, "signing"), "RS256"])
    ours, theirs = in_turns(server, signing, rsa, rsa, "/")
    signing.stop()
    say("RS256 tokens", ours, "one bare signature", theirs)
    bound("RS256 tokens beside one bare signature", ours[0] / theirs[0], 0.90, True)
    beside_oidc_provider(directory, server, rsa)
    beside_the_constant(directory, server, data)
    server.stop()
    verifications(directory)
    listings(directory)


def beside_oidc_provider(directory, server, lua):
    # A copy, so that nothing is installed into the sources.
    folder = os.path.join(directory, "oidc-provider")
    shutil.copytree(os.path.join(ROOT, "benches", "oidc-provider"), folder)
    subprocess.run(["npm", "ci", "--ignore-scripts", "--silent", "--no-audit", "--no-fund"], check=True, cwd=folder)
    provider = Server(["node", os.path.join(folder, "serve.mjs")])
    fields = {"grant_type": "client_credentials", "client_id": "machine", "client_secret": SECRET, "scope": "read:a read:b"}
    other = script(directory, "oidc", fields)
    load(provider, other, 3, "/token")
    ours, theirs = in_turns(server, provider, lua, other, "/token")
    provider.stop()
    say("RS256 tokens", ours, "oidc-provider", theirs)
    bound("RS256 tokens beside oidc-provider", ours[0] / theirs[0], 1.8, True)


def beside_the_constant(directory, server, data):
    fields = machine(server, data, "ES256")
    lua = script(directory, "es", fields)
    connection = connect(server)
    connection.request("POST", "/oauth/token", urllib.parse.urlencode(fields),
                       {"content-type": "application/x-www-form-urlencoded"})
    answer = os.path.join(directory, "token.json")
    with open(answer, "wb") as file:
        file.write(connection.getresponse().read())
    constant = Server([os.path.join(EXAMPLES, "constant"), answer])
    ours, theirs = in_turns(server, constant, lua, lua)
    constant.stop()
    say("ES256 tokens", ours, "the constant answer", theirs)
    bound("ES256 tokens beside the constant answer", ours[0] / theirs[0], 0.30, True)


def verifications(directory):
    """How late verifications of keys are while tokens are issued at full rate, beside when none are."""
    data, root, file, _ = keys.store(directory, 10_000)
    server = keyward(data)
    lua = script(directory, "beside", machine(server, data, "RS256"))
    keys.load(server, root, file)
    alone, beside = [], []
    for _ in range(ROUNDS):
        alone.append(keys.load(server, root, file, connections=4)["p99"])
        issuing = threading.Thread(target=load, args=(server, lua, SECONDS + 1))
        issuing.start()
        beside.append(keys.load(server, root, file, connections=4)["p99"])
        issuing.join()
    server.stop()
    before, during = statistics.median(alone), statistics.median(beside)
    print(f"verifyKey, p99: {before:.0f} us alone, {during:.0f} us while tokens are issued", flush=True)
    bound("p99 of verifyKey while tokens are issued, beside alone", during / before, 2, False)


def listings(directory):
    """How long a page of 10,000 roles and users takes, the first one and the last ones."""
    data = os.path.join(directory, "listings")
    server = keyward(data)
    bearer, connection = token(data), connect(server)
    for n in range(10_000):
        call(connection, bearer, "POST", "/api/v2/roles", {"name": f"role {n:05}"})
    user = {"connection": "Username-Password-Authentication", "email": "a@example.com", "password": "long enough"}
    call(connection, bearer, "POST", "/api/v2/users", user)
    server.stop()
    # Hashing 10,000 passwords would take minutes: the first user, many times over.
    store = sqlite3.connect(os.path.join(data, "keyward.db"))
    columns = [row[1] for row in store.execute("PRAGMA table_info(users)")]
    first = dict(zip(columns, store.execute("SELECT * FROM users").fetchone()))
    for n in range(10_000):
        row = {name: value.replace("a@example.com", f"u{n}@example.com") if isinstance(value, str) else value
               for name, value in first.items()}
        row["number"] += n + 1
        for name in ("id", "user_id"):
            if name in row:
                row[name] = f"{row[name][:-5]}{n:05}"
        words = ", ".join("?" for _ in columns)
        store.execute(f"INSERT INTO users ({', '.join(columns)}) VALUES ({words})", [row[name] for name in columns])
    store.commit()
    store.close()
    server = keyward(data)
    # The port is part of the issuer, and another one now.
    bearer, connection = token(data), connect(server)

    def milliseconds(path):
        times = []
        for _ in range(21):
            begun = time.monotonic()
            call(connection, bearer, "GET", path)
            times.append((time.monotonic() - begun) * 1000)
        return statistics.median(times)

    for what, last in (("roles", 19), ("users", 19)):
        first, end = milliseconds(f"/api/v2/{what}?per_page=50"), milliseconds(f"/api/v2/{what}?per_page=50&page={last}")
        ten = milliseconds(f"/api/v2/{what}?per_page=10")
        print(f"{what}, of 10,000: the first 50 in {first:.2f} ms, the first 10 in {ten:.2f} ms, page {last} in {end:.2f} ms", flush=True)
        bound(f"page {last} of {what} beside the first one", end / first, 2, False)
    server.stop()
