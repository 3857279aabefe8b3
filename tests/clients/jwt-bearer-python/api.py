"""An API that lets the vendor's library for Python check its callers' tokens."""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import time
from unittest import mock

import httpx
from auth0_api_python import ApiClient, ApiClientOptions
from auth0_api_python.errors import BaseAuthError, MissingAuthorizationError, VerifyAccessTokenError
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

base = os.environ["BASE_URL"]
domain = base.removeprefix("https://")
NAME = "jwt-bearer-python"


def ask(method, path, body=None):
    """Asks the server without the library under test."""
    management = path.startswith("/api/")
    headers = {"authorization": f"Bearer {os.environ['ALL_SCOPES_TOKEN']}"} if management else {}
    answer = httpx.request(method, base + path, json=body, headers=headers)
    assert answer.is_success, (method, path, answer, answer.text)
    return answer.json()


client = ask(
    "POST",
    "/api/v2/clients",
    {"name": NAME, "app_type": "non_interactive", "grant_types": ["client_credentials"]},
)


def new_api(name, **more):
    scopes = [{"value": "read:notes"}, {"value": "write:notes"}]
    identifier = f"https://{name}.example/"
    api = ask("POST", "/api/v2/resource-servers", {"name": name, "identifier": identifier, "scopes": scopes, **more})
    grant = {"client_id": client["client_id"], "audience": identifier, "scope": ["read:notes", "write:notes"]}
    ask("POST", "/api/v2/client-grants", grant)
    return api


def new_token(api, scope=None):
    who = {name: client[name] for name in ("client_id", "client_secret")}
    body = {"grant_type": "client_credentials", "audience": api["identifier"], "scope": scope, **who}
    return ask("POST", "/oauth/token", body)["access_token"]


class Refused(Exception):
    """The answer that an API gives: a status and what its header says."""

    def __init__(self, status, said):
        super().__init__(status, said)
        self.status, self.said = status, said


def guard(audience):
    verifier = ApiClient(ApiClientOptions(domain=domain, audience=audience))

    def check(headers, needed=None):
        try:
            claims = asyncio.run(verifier.verify_request(headers, "GET", "https://api.example/notes"))
        except BaseAuthError as error:
            assert isinstance(error, (VerifyAccessTokenError, MissingAuthorizationError)), repr(error)
            raise Refused(error.get_status_code(), f"{error.get_error_code()} {error}") from error
        # The library leaves scopes to the API.
        if needed and needed not in claims.get("scope", "").split():
            raise Refused(403, f"insufficient_scope {needed}")
        return claims

    return check


def refused(status, said, check, token, needed=None):
    try:
        check({"authorization": f"Bearer {token}"}, needed)
    except Refused as refusal:
        assert (refusal.status, said in refusal.said) == (status, True), refusal
    else:
        raise AssertionError(f"not refused: {said}")


def accepted(check, token, needed=None):
    claims = check({"authorization": f"Bearer {token}"}, needed)
    assert claims["sub"] == f"{client['client_id']}@clients", claims
    return claims


def text(it):
    raw = it if isinstance(it, bytes) else json.dumps(it, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def halves(token):
    return [json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2]]


def assembled(head, claims, seal):
    whole = f"{text(head)}.{text(claims)}"
    return f"{whole}.{text(seal(whole.encode()))}"


api, other = new_api(NAME), new_api(f"{NAME}-other")
symmetric = new_api(f"{NAME}-symmetric", signing_alg="HS256")
profiled = new_api(f"{NAME}-profiled", token_dialect="rfc9068_profile")
check = guard(api["identifier"])

print("accepted")
whole = new_token(api)
assert accepted(check, whole, "write:notes")["scope"] == "read:notes write:notes"
accepted(guard(profiled["identifier"]), new_token(profiled), "read:notes")

print("a scope that is missing")
narrow = new_token(api, "read:notes")
accepted(check, narrow, "read:notes")
refused(403, "insufficient_scope", check, narrow, "write:notes")

print("tokens of others")
refused(401, "Audience mismatch", check, new_token(other))
refused(401, "Audience mismatch", check, os.environ["ALL_SCOPES_TOKEN"])
refused(401, "Symmetric algorithm", guard(symmetric["identifier"]), new_token(symmetric))
refused(401, "invalid_token", check, "garbage")
try:
    check({})
except Refused as refusal:
    assert refusal.status in (400, 401), refusal
else:
    raise AssertionError("nothing was sent")

print("forgeries")
head, claims = halves(whole)
signature = base64.urlsafe_b64decode(whole.split(".")[2] + "==")
# That the server's own halves are put together right again.
accepted(check, assembled(head, claims, lambda _: signature))
refused(401, "invalid_token", check, assembled({**head, "alg": "none"}, claims, lambda _: b""))
more = {**claims, "scope": "drop:notes"}
refused(401, "Signature verification failed", check, assembled(head, more, lambda _: signature))
[key] = [it for it in ask("GET", "/.well-known/jwks.json")["keys"] if it["kid"] == head["kid"]]
number = {name: int.from_bytes(base64.urlsafe_b64decode(key[name] + "=="), "big") for name in ("n", "e")}
published = rsa.RSAPublicNumbers(number["e"], number["n"]).public_key()
pem = published.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
sealed = assembled({**head, "alg": "HS256"}, claims, lambda whole: hmac.digest(pem, whole, hashlib.sha256))
refused(401, "Symmetric algorithm", check, sealed)
private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
strange = assembled(head, claims, lambda whole: private.sign(whole, padding.PKCS1v15(), hashes.SHA256()))
refused(401, "Signature verification failed", check, strange)
unknown = assembled({**head, "kid": "unknown"}, claims, lambda _: signature)
refused(401, "No matching key", check, unknown)
elsewhere = assembled(head, {**claims, "iss": "https://else.example/"}, lambda _: signature)
refused(401, "issuer", check, elsewhere)

print("a token whose time is over")
# The library has no option for the time; what it takes for now is the process's clock, which is moved.
for moved, is_over in ((claims["exp"] - 1, False), (claims["exp"], True), (claims["exp"] + 60, True)):
    with mock.patch.object(time, "time", lambda moved=moved: float(moved)):
        if is_over:
            refused(401, "Token is expired", check, whole)
        else:
            accepted(check, whole)

print("a permission that is gone")
ask("PATCH", f"/api/v2/resource-servers/{api['id']}", {"scopes": [{"value": "read:notes"}]})
later = new_token(api)
accepted(check, later, "read:notes")
refused(403, "insufficient_scope", check, later, "write:notes")
