"""Permissions, and all that holds them, through the vendor's own client for Python."""

import os
import re
import time

from unkey.py import Unkey, errors


def client(root_key):
    # No second try: it would hide a server error.
    return Unkey(root_key=root_key, server_url=os.environ["BASE_URL"], retry_config=None)


unkey = client(os.environ["ROOT_KEY"])
apis, identities, keys = unkey.apis, unkey.identities, unkey.keys
permissions, ratelimit = unkey.permissions, unkey.ratelimit
reader = client(os.environ["READ_ONLY_ROOT_KEY"]).permissions

# Longer than any run, so that no window ends in one.
MONTH = 30 * 24 * 60 * 60 * 1000


def our(name):
    """The store is shared with other clients."""
    return f"unkey-python.{name}"


def plain(answer):
    """As it was on the wire; the SDK invents nothing for what was left out."""
    if isinstance(answer, list):
        return [plain(it) for it in answer]
    return answer.model_dump(by_alias=True, exclude_unset=True)


def refused(kind, status, kind_url, call, *, detail=".", **arguments):
    """What the SDK makes of a refusal; another class means that it did not recognise it."""
    try:
        call(**arguments)
    except errors.UnkeyError as error:
        assert type(error) is kind, (error, error.headers)
        told = error.data.error
        assert error.status_code == told.status == status, error
        assert told.type == f"https://unkey.com/docs/errors/{kind_url}", error
        assert re.search(detail, told.detail), error
        assert error.data.meta.request_id.startswith("req_"), error
        return told
    raise AssertionError(f"not refused: {arguments}")


def absent(noun, call, **arguments):
    refused(errors.NotFoundErrorResponse, 404, f"unkey/data/{noun}_not_found", call, **arguments)


def listed(call, **arguments):
    pages = []
    page = call(**arguments)
    while page is not None:
        assert len(page.result.data) <= arguments["limit"], page
        pages.append(page.result)
        page = page.next()
    assert [it.pagination.has_more for it in pages] == [True] * (len(pages) - 1) + [False]
    return [plain(row) for it in pages for row in it.data]


def verify(key, query=None, **more):
    data = plain(keys.verify_key(key=key, permissions=query, **more).data)
    assert data["valid"] is (data["code"] == "VALID"), data
    return data


def codes(given, query=None):
    return [verify(it.key, query)["code"] for it in given]


VALID, NOT_ENOUGH = "VALID", "INSUFFICIENT_PERMISSIONS"

print("APIs")
name = 'The "team" café → all of it'
api_id = apis.create_api(name=name).data.api_id
assert plain(apis.get_api(api_id=api_id).data) == {"id": api_id, "name": name}

print("permissions")
made = []
for slug in (our("read"), our("write"), our("share")):
    fields = {"name": f"{slug} {name}", "slug": slug}
    if slug != our("share"):
        fields["description"] = name
    permission_id = permissions.create_permission(**fields).data.permission_id
    made.append({"id": permission_id, **fields})
    assert plain(permissions.get_permission(permission=permission_id).data) == made[-1]
    assert plain(permissions.get_permission(permission=slug).data) == made[-1]
read, write, share = made
for limit in (1, 2, 3, 100):
    found = listed(permissions.list_permissions, limit=limit, search=our(""))
    assert found == sorted(made, key=lambda it: it["id"]), found

print("roles")
editor = our("editor")
role_id = permissions.create_role(name=editor, description=name, permissions=[read["slug"]]).data.role_id
role = {"id": role_id, "name": editor, "description": name, "permissions": [read]}
assert plain(permissions.get_role(role=editor).data) == role
assert listed(permissions.list_roles, limit=1, search=our("")) == [role]

print("keys")
by_role = keys.create_key(api_id=api_id, roles=[editor]).data
direct = keys.create_key(api_id=api_id, permissions=[read["slug"]]).data
both = keys.create_key(api_id=api_id, roles=[editor], permissions=[read["slug"], share["slug"]]).data
holders = [by_role, direct, both]
assert codes(holders, read["slug"]) == [VALID] * 3
assert codes(holders, f"{read['slug']} AND {write['slug']}") == [NOT_ENOUGH] * 3
assert codes(holders, f"({write['slug']} or {share['slug']})") == [NOT_ENOUGH, NOT_ENOUGH, VALID]
assert verify(by_role.key)["roles"] == [editor]
assert verify(by_role.key)["permissions"] == [read["slug"]]
assert verify("nobody_knows_this")["code"] == "NOT_FOUND"
found = listed(apis.list_keys, api_id=api_id, limit=1)
assert [it["keyId"] for it in found] == sorted(it.key_id for it in holders), found

print("a permission is deleted")
assert plain(permissions.delete_permission(permission=read["id"]).data) == {}
assert codes(holders, read["slug"]) == [NOT_ENOUGH] * 3
assert codes(holders) == [VALID] * 3
assert "permissions" not in plain(permissions.get_role(role=role_id).data)
assert "permissions" not in plain(keys.get_key(key_id=direct.key_id).data)
assert keys.get_key(key_id=both.key_id).data.permissions == [share["slug"]]
for gone in (read["id"], read["slug"]):
    absent("permission", permissions.get_permission, permission=gone)
    absent("permission", permissions.delete_permission, permission=gone)
again = permissions.create_permission(name=read["name"], slug=read["slug"]).data.permission_id
assert again != read["id"]
assert codes(holders, read["slug"]) == [NOT_ENOUGH] * 3
permissions.delete_permission(permission=read["slug"])
absent("permission", permissions.get_permission, permission=again)

print("refusals")
FORBIDDEN = (errors.ForbiddenErrorResponse, 403, "unkey/authorization/insufficient_permissions")
INVALID = (errors.BadRequestErrorResponse, 400, "unkey/application/invalid_input")
assert plain(reader.get_permission(permission=write["id"]).data) == write
refused(*FORBIDDEN, reader.delete_permission, permission=write["id"], detail=r"rbac\.\*\.delete_permission")
refused(*FORBIDDEN, reader.delete_permission, permission="absent")
unknown = (errors.UnauthorizedErrorResponse, 401, "unkey/authentication/key_not_found")
refused(*unknown, client("unkey_stranger").permissions.get_permission, permission=write["id"])
taken = (errors.ConflictErrorResponse, 409, "unkey/data/permission_already_exists")
refused(*taken, permissions.create_permission, name=name, slug=write["slug"].upper())
for slug in ("", "with a space", "a" * 129):
    told = refused(*INVALID, permissions.create_permission, name=name, slug=slug)
    assert [it.location.startswith("/properties/slug/") for it in told.errors] == [True], told
    assert told.errors[0].message
syntax = "user/bad_request/permissions_query_syntax_error"
told = refused(errors.BadRequestErrorResponse, 400, syntax, keys.verify_key, key=direct.key, permissions="one AND")
assert told.errors == [], told
assert plain(permissions.get_permission(permission=write["slug"]).data) == write

print("permissions and roles of a key")
key_id = direct.key_id


def slugs(answer):
    return sorted(it.slug for it in answer.data)


def names(answer):
    return sorted(it.name for it in answer.data)


assert slugs(keys.add_permissions(key_id=key_id, permissions=[write["slug"], share["slug"]])) == [
    share["slug"],
    write["slug"],
]
assert slugs(keys.remove_permissions(key_id=key_id, permissions=[share["slug"]])) == [write["slug"]]
assert slugs(keys.set_permissions(key_id=key_id, permissions=[])) == []
assert names(keys.add_roles(key_id=key_id, roles=[editor])) == [editor]
whole_role = permissions.set_role_permissions(request={"role_id": role_id, "permissions": [share["slug"]]})
assert slugs(whole_role) == [share["slug"]]
assert verify(direct.key, share["slug"])["code"] == VALID
assert names(keys.remove_roles(key_id=key_id, roles=[editor])) == []
assert verify(direct.key, share["slug"])["code"] == NOT_ENOUGH
assert names(keys.set_roles(key_id=key_id, roles=[editor])) == [editor]
permissions.delete_role(role=editor)
assert verify(direct.key, share["slug"])["code"] == NOT_ENOUGH
absent("role", permissions.get_role, role=role_id)

print("a key is changed")
meta = {"plan": "team", "seats": 3, "nested": {"name": name}}
expires = int(time.time() * 1000) + MONTH
changed = {"name": name, "meta": meta, "expires": expires, "enabled": False, "permissions": [share["slug"]]}
assert plain(keys.update_key(key_id=key_id, **changed).data) == {}
assert verify(direct.key)["code"] == "DISABLED"
whole = plain(keys.get_key(key_id=key_id).data)
assert {member: whole[member] for member in changed} == changed, whole
assert whole["keyId"] == key_id and direct.key.startswith(whole["start"]), whole
assert plain(keys.whoami(key=direct.key).data) == whole
keys.update_key(key_id=key_id, name=None, meta=None, expires=None, enabled=True)
bare = plain(keys.get_key(key_id=key_id).data)
assert not {"name", "meta", "expires"} & bare.keys() and bare["enabled"] is True, bare
assert verify(direct.key, share["slug"])["code"] == VALID

print("credits")


def credits(operation, value):
    return plain(keys.update_credits(key_id=key_id, operation=operation, value=value).data)


assert credits("set", 2) == {"remaining": 2}
assert verify(direct.key, write["slug"])["credits"] == 2
assert verify(direct.key)["credits"] == 1
assert verify(direct.key, credits={"cost": 2})["code"] == "USAGE_EXCEEDED"
assert credits("increment", 4) == {"remaining": 5}
assert credits("decrement", 9) == {"remaining": 0}
spent = verify(direct.key)
assert (spent["code"], spent["credits"]) == ("USAGE_EXCEEDED", 0), spent
assert credits("set", None) == {"remaining": None}
assert "credits" not in verify(direct.key)
refused(*INVALID, keys.update_credits, key_id=key_id, operation="increment", value=1)
balance = {"remaining": 7, "refill": {"interval": "monthly", "amount": 9, "refillDay": 31}}
refill = {"interval": "monthly", "amount": 9, "refill_day": 31}
paid = keys.create_key(
    api_id=api_id, prefix="paid", name=name, byte_length=24, credits={"remaining": 7, "refill": refill}
).data
assert paid.key.startswith("paid_")
assert plain(keys.get_key(key_id=paid.key_id).data.credits) == balance

print("a key is rerolled")
later = keys.reroll_key(key_id=paid.key_id, expiration=MONTH).data
assert codes([paid, later]) == [VALID, VALID]
replacement = keys.reroll_key(key_id=later.key_id, expiration=0).data
assert codes([later, replacement]) == ["EXPIRED", VALID]
assert replacement.key.startswith("paid_")

print("identities")
external_id = our("customer")
limit = {"name": "requests", "limit": 1, "duration": MONTH}
identity_id = identities.create_identity(
    external_id=external_id, meta=meta, ratelimits=[{**limit, "auto_apply": True}]
).data.identity_id
identity = plain(identities.get_identity(identity=external_id).data)
assert identity.pop("ratelimits")[0].items() >= {**limit, "autoApply": True}.items()
assert identity == {"id": identity_id, "externalId": external_id, "meta": meta}, identity
assert identities.get_identity(identity=identity_id).data.external_id == external_id
taken = (errors.ConflictErrorResponse, 409, "unkey/data/identity_already_exists")
refused(*taken, identities.create_identity, external_id=external_id)
theirs = keys.create_key(api_id=api_id, external_id=external_id).data
first = verify(theirs.key)
assert (first["code"], first["identity"]["id"], first["identity"]["meta"]) == (VALID, identity_id, meta)
assert (first["ratelimits"][0]["exceeded"], first["ratelimits"][0]["remaining"]) == (False, 0), first
assert verify(theirs.key)["code"] == "RATE_LIMITED"
updated = identities.update_identity(identity=external_id, meta={"plan": "one"}, ratelimits=[]).data
assert plain(updated) == {"id": identity_id, "externalId": external_id, "meta": {"plan": "one"}}
assert verify(theirs.key)["code"] == VALID
identities.create_identity(external_id=our("other"))
found = listed(identities.list_identities, limit=1, search=our(""))
assert sorted(it["externalId"] for it in found) == [external_id, our("other")]
for gone in (external_id, our("other")):
    assert identities.delete_identity(identity=gone).meta.request_id
    absent("identity", identities.get_identity, identity=gone)
    absent("identity", identities.delete_identity, identity=gone)
orphan = verify(theirs.key)
assert orphan["code"] == VALID and "identity" not in orphan, orphan

print("rate limits")
bucket = {"namespace": our("mail"), "identifier": name}
once = {**bucket, "limit": 1, "duration": MONTH}
passed = ratelimit.limit(**once).data
assert (passed.success, passed.limit, passed.remaining, passed.override_id) == (True, 1, 0, None), passed
assert passed.reset > time.time() * 1000
assert ratelimit.limit(**once).data.success is False
assert ratelimit.limit(**once, cost=0).data.success is True
override_id = ratelimit.set_override(**bucket, limit=3, duration=MONTH).data.override_id
override = {"overrideId": override_id, "identifier": name, "limit": 3, "duration": MONTH}
assert plain(ratelimit.get_override(**bucket).data) == override
assert listed(ratelimit.list_overrides, namespace=our("mail"), limit=1) == [override]
raised = ratelimit.limit(**once).data
assert (raised.success, raised.limit, raised.remaining, raised.override_id) == (True, 3, 1, override_id), raised
assert plain(ratelimit.delete_override(**bucket).data) == {}
absent("ratelimit_override", ratelimit.get_override, **bucket)
many = ratelimit.multi_limit(request=[{**once, "identifier": "new"}, once]).data
assert [many.passed, *(it.passed for it in many.limits)] == [False, True, False], many
assert ratelimit.limit(**{**once, "identifier": "new"}).data.success is True

print("deletions")
assert plain(keys.delete_key(key_id=key_id).data) == {}
assert verify(direct.key)["code"] == "NOT_FOUND"
absent("key", keys.get_key, key_id=key_id)
absent("key", keys.whoami, key=direct.key)
assert verify(both.key)["code"] == VALID
assert plain(apis.delete_api(api_id=api_id).data) == {}
assert verify(both.key)["code"] == "NOT_FOUND"
absent("api", apis.get_api, api_id=api_id)
absent("api", keys.create_key, api_id=api_id)
for permission in (write, share):
    permissions.delete_permission(permission=permission["id"])
assert listed(permissions.list_permissions, limit=1, search=our("")) == []
