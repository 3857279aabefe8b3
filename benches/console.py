"""The console: the permissions of an API that has five thousand."""

import json
import os
import re
import statistics
import time
import urllib.parse

from measure import bound, call, command, connect, keyward, token

PERMISSIONS = 5_000
TIMES = 100


def sign_in(server, data):
    link = urllib.parse.urlsplit(command(data, "admin", "link").split()[-1]).path
    connection = connect(server)
    connection.request("POST", link, "", {"content-type": "application/x-www-form-urlencoded"})
    answer = connection.getresponse()
    answer.read()
    return answer.getheader("set-cookie").split(";")[0]


def look(server, cookie, path):
    """Milliseconds from the request to the whole page, each time, and its bytes."""
    connection = connect(server)
    times = []
    for _ in range(TIMES):
        begun = time.monotonic()
        connection.request("GET", path, headers={"cookie": cookie})
        answer = connection.getresponse()
        page = answer.read()
        times.append((time.monotonic() - begun) * 1000)
        assert answer.status == 200, (path, answer.status)
    return times, len(page)


def deletion(server, cookie, list_of):
    connection = connect(server)
    connection.request("GET", list_of, headers={"cookie": cookie})
    page = connection.getresponse().read().decode()
    return re.search(f"{list_of}/[^/]+/delete", page).group()


def run(directory):
    data = os.path.join(directory, "console")
    server = keyward(data)
    bearer = token(data)
    scopes = [{"value": f"read:thing-{n}", "description": f"See thing {n}, and who made it, when and why"} for n in range(PERMISSIONS)]
    body = {"identifier": "https://things.example/", "name": "Things", "scopes": scopes}
    made = json.loads(call(connect(server), bearer, "POST", "/api/v2/resource-servers", body))
    cookie = sign_in(server, data)
    list_of = f"/apis/{made['id']}/permissions"
    pages = {
        "the first page": list_of,
        "the last page": f"{list_of}?page=49",
        "what a search finds": f"{list_of}?q=thing-4",
        "by value": f"{list_of}?sort=value",
        "the confirmation of a deletion": deletion(server, cookie, list_of),
    }
    for name, path in pages.items():
        times, size = look(server, cookie, path)
        print(f"console, {PERMISSIONS} permissions, {name}: median {statistics.median(times):.1f} ms, "
              f"slowest of {TIMES} {max(times):.1f} ms, {size} bytes", flush=True)
        bound(f"console: {name}, ms", statistics.median(times), 50, False)
        bound(f"console: {name}, bytes", size, 300_000, False)
    server.stop()
