"""An example API against the running server: what its tokens let through, and when they cease to.

    enforce.py ALGORITHM COMMAND...

The command starts the API; what it needs to know is in its environment. Standard library only.
"""

import json
import os
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

BASE = os.environ["BASE_URL"]
TRUST = ssl.create_default_context(cafile=os.environ["CA_FILE"])
# How long the example may take to learn something: it asks every half second.
PATIENCE = 20


def ask(method, url, body=None, bearer=None):
    """The status and the body, read as JSON where it is."""
    headers = {"content-type": "application/json"}
    if bearer:
        headers["authorization"] = f"Bearer {bearer}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, context=TRUST if url.startswith("https") else None, timeout=20) as answer:
            status, text = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read()
    try:
        return status, json.loads(text)
    except ValueError:
        return status, text.decode()


def manage(method, path, body=None):
    status, answer = ask(method, f"{BASE}/api/v2/{path}", body, os.environ["ALL_SCOPES_TOKEN"])
    assert status < 300, f"{method} {path}: {status} {answer}"
    return answer


def application(name, audience, scope):
    made = manage("POST", "clients", {"name": name, "app_type": "non_interactive", "grant_types": ["client_credentials"]})
    grant = manage("POST", "client-grants", {"client_id": made["client_id"], "audience": audience, "scope": scope})
    return made["client_id"], made["client_secret"], grant["id"]


def eventually(what, wanted, got):
    """Until `got` is what is wanted."""
    end = time.monotonic() + PATIENCE
    while True:
        found = got()
        if found == wanted:
            print(f"{what}: {found}")
            return
        assert time.monotonic() < end, f"{what}: {found}, and not {wanted}"
        time.sleep(0.1)


algorithm, command = sys.argv[1], sys.argv[2:]
audience = f"https://{algorithm.lower()}.notes.example/"
issuer = ask("GET", f"{BASE}/.well-known/openid-configuration")[1]["issuer"]
values = ["read:notes", "write:notes"]
api = manage(
    "POST",
    "resource-servers",
    {"identifier": audience, "signing_alg": algorithm, "scopes": [{"value": value} for value in values]},
)["id"]
client, secret, grant = application("caller", audience, values)
own, own_secret, _ = application("the API itself", f"{issuer}api/v2/", ["read:revocations"])


def token(scope=""):
    asked = {
        "grant_type": "client_credentials", "client_id": client, "client_secret": secret,
        "audience": audience, "scope": scope,
    }
    status, answer = ask("POST", f"{BASE}/oauth/token", asked)
    assert status == 200, answer
    return answer["access_token"]


with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
environment = os.environ | {
    "ISSUER": issuer, "AUDIENCE": audience, "CLIENT_ID": own, "CLIENT_SECRET": own_secret, "ALGORITHM": algorithm,
    "EVERY": "0.5", "PORT": str(port), "NODE_EXTRA_CA_CERTS": os.environ["CA_FILE"],
}
server = subprocess.Popen(command, env=environment)


def read(bearer):
    return ask("GET", f"http://127.0.0.1:{port}/notes", bearer=bearer)[0]


def write(bearer):
    return ask("POST", f"http://127.0.0.1:{port}/notes", {}, bearer)[0]


def is_up():
    assert server.poll() is None, f"the example ended with {server.returncode}"
    try:
        return read(None)
    except OSError:
        return None


try:
    end = time.monotonic() + 60
    while is_up() is None:
        assert time.monotonic() < end, "the example does not answer"
        time.sleep(0.1)
    both, reader = token(), token("read:notes")
    assert (read(both), write(both), read(reader), write(reader)) == (200, 201, 200, 403)
    for bad in [None, "x", "a.b.c", both[:-4] + "AAAA", os.environ["ALL_SCOPES_TOKEN"]]:
        assert read(bad) == 401, bad
    status, feed = ask("GET", f"{BASE}/api/v2/resource-servers/{api}/revocations", bearer=os.environ["ALL_SCOPES_TOKEN"])
    assert status == 200 and read(feed) == 401, "the feed is no token"

    manage("DELETE", f"resource-servers/{api}/scopes/read:notes")
    eventually("a removed permission, in a token from before", 403, lambda: read(both))
    assert write(both) == 201, "the other one stays"
    restore = {"permission": "read:notes"}
    assert ask("POST", f"{BASE}/v2/permissions.restorePermission", restore, os.environ["ROOT_KEY"])[0] == 200
    eventually("a restored one", 200, lambda: read(both))

    manage("DELETE", f"resource-servers/{api}/scopes/read:notes")
    manage("POST", f"resource-servers/{api}/scopes", {"value": "read:notes"})
    manage("PATCH", f"client-grants/{grant}", {"scope": values})
    eventually("another one of the same name, in a token from before", 403, lambda: read(both))
    eventually("the same, in a new token", 200, lambda: read(token()))
    assert read(both) == 403

    # The token that this script manages with is signed by the first key, which stays.
    manage("POST", "keys/signing/rotate")
    second = token()
    eventually("a token of a new key", 200, lambda: read(second))
    previous = next(key["kid"] for key in manage("GET", "keys/signing") if key["current"])
    manage("POST", "keys/signing/rotate")
    third = token()
    eventually("a token of the key after that", 200, lambda: read(third))
    assert (read(second), write(both)) == (200, 201), "a rotation ends no token"
    manage("PUT", f"keys/signing/{previous}/revoke")
    eventually("a token of a revoked key", 401, lambda: read(second))
    assert (read(third), write(both)) == (200, 201)
finally:
    server.terminate()
    server.wait(20)
