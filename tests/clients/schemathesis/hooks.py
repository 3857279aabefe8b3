"""Every second request names things that there are: chance would never guess an identifier or a statement of SQL."""

import base64
import functools
import itertools
import json
import os

import requests
import schemathesis

turns, names = itertools.count(), itertools.count()


def made(operation, **body):
    answer = requests.post(
        f"{os.environ['BASE_URL']}/v2/{operation}",
        json=body,
        headers={"authorization": f"Bearer {os.environ['ROOT_KEY']}"},
        verify=os.environ["CA_FILE"],
        timeout=20,
    )
    answer.raise_for_status()
    return answer.json().get("data")


def name():
    return f"schemathesis.{next(names)}"


def api():
    return {"apiId": made("apis.createApi", name=name())["apiId"]}


def permission():
    return {"permission": made("permissions.createPermission", name=name(), slug=name())["permissionId"]}


def role():
    called = name()
    role_id = made("permissions.createRole", name=called, permissions=[name()])["roleId"]
    return {"role": called, "roleId": role_id, "roles": [called]}


def key():
    return made("keys.createKey", **lasting_api())


def identity():
    return {"identity": made("identities.createIdentity", externalId=name())["identityId"]}


def override():
    who = {"namespace": "schemathesis", "identifier": name()}
    made("ratelimit.limit", **who, limit=1, duration=1000)
    made("ratelimit.setOverride", **who, limit=1, duration=1000)
    return who


@functools.cache
def lasting_api():
    """Never deleted: what it holds would be gone too."""
    return api()


def query():
    return {"query": "SELECT * FROM key_verifications_v1 LIMIT 10"}


def migration():
    return lasting_api() | {"migrationId": os.environ["MIGRATION_ID"]}


@functools.cache
def lasting():
    """What requests name that delete nothing."""
    return lasting_api() | key() | permission() | {"permissions": [name()]} | role() | identity() | override()


@functools.cache
def unchanged():
    """A key that no request disables or gives other permissions."""
    return key() | {"permissions": name()}


# What these requests name instead.
OTHERS = {
    "/v2/analytics.getVerifications": query,
    "/v2/keys.migrateKeys": migration,
    "/v2/keys.verifyKey": unchanged,
}

# A deletion gets something new to delete.
DELETES = {
    "/v2/apis.deleteApi": api,
    "/v2/keys.deleteKey": key,
    "/v2/permissions.deletePermission": permission,
    "/v2/permissions.deleteRole": role,
    "/v2/identities.deleteIdentity": identity,
    "/v2/ratelimit.deleteOverride": override,
}


@functools.cache
def own_signing_key():
    """The id of the key that signed the token of these requests."""
    header = os.environ["ALL_SCOPES_TOKEN"].split(".")[0]
    return json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))["kid"]


@schemathesis.hook
def before_call(context, case, **kwargs):
    path = case.operation.path
    # Schemathesis learns the ids of keys from answers, and would lock itself out.
    if path.endswith("/revoke") and case.path_parameters.get("kid") == own_signing_key():
        case.path_parameters["kid"] = "another"
    if not path.startswith("/v2/") or not isinstance(case.body, dict):
        return
    number = next(turns)
    turn = number % 2 == 0
    retried = "Idempotency-Key"
    if number % 8 and 0 < len(case.headers.get(retried, "")) < 200:
        # Few texts are made, and one that was used for another request is refused before anything else is looked at.
        case.headers[retried] = f"{number} {case.headers[retried]}"
    there = OTHERS.get(path, lasting)()
    if path in DELETES:
        # Schemathesis learns identifiers from answers, and would delete what is to last.
        turn = turn or any(value in there.values() for value in case.body.values())
        there = DELETES[path]() if turn else {}
    for member in case.body.keys() & there.keys() if turn else []:
        # `permissions` is a list of slugs, or the text of a query.
        if type(case.body[member]) is type(there[member]):
            case.body[member] = there[member]
