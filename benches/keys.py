"""API keys: verification beside a constant answer, with few keys and with many; deletion; credits; floods."""

import json
import os
import shutil
import statistics
import subprocess
import sys
import threading
import time

from measure import EXAMPLES, ROOT, ROUNDS, SECONDS, RELEASE, Server, bound, call, connect, keyward

QUERY = "documents.thing0.read AND documents.thing1.read"
# Stores that take long to make are kept.
KEPT = os.path.join(os.path.dirname(RELEASE), "bench")


def store(directory, count):
    """A store with so many keys: where it is, the root key, the file with the keys, the first permission's number."""
    data = os.path.join(directory, f"keys{count}")
    said = os.path.join(data, "filled")
    if not os.path.exists(said):
        # Served once, so that there is a store to fill.
        keyward(data).stop()
        filled = subprocess.run([os.path.join(EXAMPLES, "fill"), data, str(count)], check=True, capture_output=True, text=True)
        with open(said, "w") as file:
            file.write(filled.stdout)
    with open(said) as file:
        root, keys, first = file.read().split()
    return data, root, keys, int(first)


def load(server, root, keys, distribution="uniform", query=QUERY, expected='"VALID"', seconds=SECONDS, connections=64, sleeping=False):
    """What a load found, with the processor time of a request in microseconds."""
    before = server.processor_seconds()
    words = ["taskset", "-c", "1", os.path.join(EXAMPLES, "load"), f"127.0.0.1:{server.port}", str(seconds)]
    words += [str(connections), root, keys, distribution, query, expected] + (["sleeping"] if sleeping else [])
    found = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
    found["cpu"] = (server.processor_seconds() - before) / max(found["requests"], 1) * 1e6
    if found["unexpected"]:
        sys.exit(f"{found['unexpected']} of {found['requests']} answers were not {expected}")
    return found


def ceiling(directory, server, root, keys):
    """The same stack with a constant answer: one of the server's own."""
    with open(keys) as file:
        key = file.readline().strip()
    answer = os.path.join(directory, "verdict.json")
    with open(answer, "wb") as file:
        file.write(call(connect(server), root, "POST", "/v2/keys.verifyKey", {"key": key, "permissions": QUERY}))
    return Server([os.path.join(EXAMPLES, "constant"), answer, "keys"])


def in_turns(ours, others, rounds=ROUNDS):
    """The medians of both, and of what one is beside the other in each round: what else the machine does changes from one
    minute to the next by more than what is measured, and less from one second to the next."""
    pairs = [(ours(), others()) for _ in range(rounds)]
    names = ("rate", "p50", "p99", "cpu")
    medians = [{name: statistics.median(pair[place][name] for pair in pairs) for name in names} for place in (0, 1)]
    return *medians, {name: statistics.median(mine[name] / other[name] for mine, other in pairs) for name in names}


def compare(title, measured, rate, cpu=None, p99=None):
    ours, constant, beside = measured
    for name, found in (("keyward", ours), ("constant", constant)):
        print(f"{title}, {name}: {found['rate']:.0f}/s, p50 {found['p50']:.0f} us, p99 {found['p99']:.0f} us, "
              f"{found['cpu']:.2f} us of processor time a request", flush=True)
    bound(f"{title}: rate beside the constant answer", beside["rate"], rate, True)
    if cpu:
        bound(f"{title}: processor time beside the constant answer", beside["cpu"], cpu, False)
    if p99:
        bound(f"{title}: p99 beside the constant answer", beside["p99"], p99, False)


class Writes:
    """So many management writes a second, beside a load, from two connections: one waits for its answers too long."""

    def __init__(self, server, root, rate):
        self.over = False
        self.counts = [0, 0]
        self.threads = [threading.Thread(target=self.write, args=(server, root, rate / 2, place)) for place in (0, 1)]
        for thread in self.threads:
            thread.start()

    @property
    def made(self):
        return sum(self.counts)

    def write(self, server, root, rate, place):
        connection, begun = connect(server), time.monotonic()
        while not self.over:
            slug = f"bench.{place}.{self.counts[place] // 2}"
            if self.counts[place] % 2 == 0:
                call(connection, root, "POST", "/v2/permissions.createPermission", {"name": slug, "slug": slug})
            else:
                call(connection, root, "POST", "/v2/permissions.deletePermission", {"permission": slug})
            self.counts[place] += 1
            time.sleep(max(0, begun + self.counts[place] / rate - time.monotonic()))

    def stop(self):
        self.over = True
        for thread in self.threads:
            thread.join()


def verify(directory, count):
    data, root, keys, _ = store(directory, count)
    server = keyward(data, settings={"KEYWARD_LIMITS__KEY_CACHE_MEBIBYTES": "2048"})
    constant = ceiling(directory, server, root, keys)
    # Once through all keys, so that they are in the cache.
    load(server, root, keys, distribution="each")
    one_second = lambda of: lambda: load(of, root, keys, seconds=1)
    title = f"{count:,} keys"
    compare(title, in_turns(one_second(server), one_second(constant), 21), 0.80, 1.25, 1.5)
    print(f"{title}: {server.memory():.0f} MiB", flush=True)
    writes = Writes(server, root, 500)
    begun, made = time.monotonic(), writes.made
    ours, others, beside = in_turns(lambda: load(server, root, keys), lambda: load(constant, root, keys))
    rate = (writes.made - made) / (time.monotonic() - begun)
    writes.stop()
    for name, found in (("keyward", ours), ("constant", others)):
        print(f"{title} and {rate:.0f} writes a second, {name}: {found['rate']:.0f}/s, p99 {found['p99']:.0f} us", flush=True)
    bound(f"{title} and {rate:.0f} writes a second: p99 beside the constant answer", beside["p99"], 1.5, False)
    server.stop()
    constant.stop()


def flood(directory):
    """Keys that nobody made."""
    data, root, keys, _ = store(directory, 10_000)
    server = keyward(data)
    load(server, root, keys)
    unknown = lambda: load(server, root, keys, distribution="invented", expected='"NOT_FOUND"')
    known = lambda: load(server, root, keys)
    found, others, beside = in_turns(unknown, known, 3)
    print(f"invented keys: {found['cpu']:.2f} us beside {others['cpu']:.2f} us of processor time for known ones", flush=True)
    bound("an invented key beside a known one, processor time", beside["cpu"], 1.0, False)

    def during():
        stop = []
        thread = threading.Thread(target=lambda: stop.append(load(
            server, root, keys, distribution="invented", expected='"NOT_FOUND"', connections=16, sleeping=True)))
        thread.start()
        result = load(server, root, keys, sleeping=True)
        thread.join()
        return result

    flooded, alone, beside = in_turns(during, lambda: load(server, root, keys, sleeping=True), 3)
    print(f"known keys: {flooded['rate']:.0f}/s during a flood from 16 connections, {alone['rate']:.0f}/s without", flush=True)
    bound("verification of known keys during a flood", beside["rate"], 2 / 3, True)
    server.stop()


def credits(directory):
    """A key whose uses are counted, exactly and durably."""
    data, root, keys, _ = store(directory, 10_000)
    server = keyward(data)
    connection = connect(server)
    made = call(connection, root, "POST", "/v2/keys.createKey",
                {"apiId": "api_0123456789abcdef01234567", "credits": {"remaining": 1_000_000_000}})
    made = json.loads(made)["data"]
    file = os.path.join(directory, "counted.txt")
    with open(file, "w") as out:
        out.write(made["key"] + "\n")
    found = load(server, root, file, query="", seconds=5)
    left = json.loads(call(connection, root, "POST", "/v2/keys.getKey", {"keyId": made["keyId"]}))["data"]["credits"]["remaining"]
    print(f"a counted key: {found['rate']:.0f}/s, p99 {found['p99']:.0f} us; {1_000_000_000 - left} credits for "
          f"{found['requests']} answers and those in flight", flush=True)
    bound("verifications of a counted key a second", found["rate"], 10_000, True)
    server.stop()


def deletion(directory, count):
    """Deleting a permission that many keys hold, beside one that a single key holds."""
    data, root, keys, first = store(directory, count)
    server = keyward(data, settings={"KEYWARD_LIMITS__KEY_CACHE_MEBIBYTES": "2048"})
    connection = connect(server)
    post = lambda operation, body: json.loads(call(connection, root, "POST", f"/v2/{operation}", body))["data"]
    api = "api_0123456789abcdef01234567"
    load(server, root, keys)
    times = {"many": [], "one": []}
    for round in range(15):
        slug = f"one.{round}"
        permission = post("permissions.createPermission", {"name": slug, "slug": slug})["permissionId"]
        post("keys.createKey", {"apiId": api, "permissions": [slug]})
        for kind, which in (("one", permission), ("many", "documents.thing0.read")):
            begun = time.monotonic()
            post("permissions.deletePermission", {"permission": which})
            times[kind].append((time.monotonic() - begun) * 1000)
        load(server, root, keys, expected='"INSUFFICIENT_PERMISSIONS"', seconds=0.3)
        post("permissions.restorePermission", {"permission": "documents.thing0.read"})
        load(server, root, keys, seconds=0.3)
    many, one = statistics.median(times["many"]), statistics.median(times["one"])
    print(f"deleting a permission that {count:,} keys hold: {many:.2f} ms; that one holds: {one:.2f} ms", flush=True)
    bound("deletion of what a million keys hold, ms", many, 5, False)
    bound("deletion of what a million keys hold beside one", many / one, 2, False)
    server.stop()


def run(directory):
    verify(directory, 10_000)
    flood(directory)
    credits(directory)
    os.makedirs(KEPT, exist_ok=True)
    verify(KEPT, 1_000_000)
    deletion(KEPT, 1_000_000)


def run_flips(directory):
    """A permission is deleted and restored all the time while 64 verifiers ask; none is told what was over."""
    data, root, keys, _ = store(directory, 10_000)
    server = keyward(data)
    words = ["taskset", "-c", "1", os.path.join(EXAMPLES, "load"), f"127.0.0.1:{server.port}", "0", "64", root, keys, "flips"]
    words += ["documents.thing0.read", "10000000"]
    found = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
    print(f"{found['checked']:,} verifications that began after a deletion was answered, {found['flips']} deletions, "
          f"{found['unexpected']} stale", flush=True)
    bound("stale verifications", found["unexpected"], 0, False)
    server.stop()


def run_many(_):
    """Ten million keys, a skewed choice of them, and a cache that can't hold them."""
    os.makedirs(KEPT, exist_ok=True)
    data, root, keys, _ = store(KEPT, 10_000_000)
    settings = {"KEYWARD_LIMITS__KEY_CACHE_MEBIBYTES": "392"}
    times = []
    for _ in range(3):
        server = keyward(data, settings=settings)
        with open(keys) as file:
            key = file.readline().strip()
        call(connect(server), root, "POST", "/v2/keys.verifyKey", {"key": key, "permissions": QUERY})
        times.append((time.monotonic() - server.begun) * 1000)
        server.stop()
    print(f"start with ten million keys: {', '.join(f'{t:.0f}' for t in times)} ms to the first answer", flush=True)
    bound("start with ten million keys to the first answer, ms", statistics.median(times), 200, False)
    server = keyward(data, settings=settings)
    constant = ceiling(KEPT, server, root, keys)
    # In the system's memory, as it is after it was made: that of a store made yesterday may be anywhere.
    with open(os.path.join(data, "keyward.db"), "rb") as file:
        while file.read(1 << 24):
            pass
    # Which keys are worth a place shows only after some ten million requests, by simulation. A load draws a million keys
    # and asks for those again and again: each of these draws others.
    for _ in range(12):
        load(server, root, keys, distribution="zipf", seconds=15)
    some = lambda of: lambda: load(of, root, keys, distribution="zipf", seconds=2)
    compare("10,000,000 keys, Zipf 1.0", in_turns(some(server), some(constant), 11), 0.50)
    bound("memory with ten million keys, MiB", server.memory(), 512, False)
    server.stop()
    constant.stop()


def run_better_auth(directory):
    # A copy, so that nothing is installed into the sources.
    folder = os.path.join(directory, "better-auth")
    shutil.copytree(os.path.join(ROOT, "benches", "better-auth"), folder)
    subprocess.run(["npm", "ci", "--ignore-scripts", "--silent", "--no-audit", "--no-fund"], check=True, cwd=folder)
    words = ["taskset", "-c", "0", "npx", "--yes", "--package", "node@22.23.3", "node", "measure.mjs", "1000", "5"]
    said = subprocess.run(words, check=True, cwd=folder, capture_output=True, text=True).stdout
    theirs = json.loads(said.strip().splitlines()[-1])
    data, root, keys, _ = store(directory, 10_000)
    server = keyward(data)
    load(server, root, keys)
    ours = load(server, root, keys)
    print(f"@better-auth/api-key, in its own process: {theirs['rate']:.0f}/s, {theirs['cpu_us']:.0f} us of processor time; "
          f"keyward, over HTTP: {ours['rate']:.0f}/s, {ours['cpu']:.2f} us", flush=True)
    bound("verifications beside @better-auth/api-key", ours["rate"] / theirs["rate"], 50, True)
    server.stop()
