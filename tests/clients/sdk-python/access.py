"""Applications, what they may ask for, and roles, through the vendor's client, which gets its token itself."""

import os
import re

import httpx
from auth0.management import ManagementClient
from auth0.management.core.api_error import ApiError
from auth0.management.errors import BadRequestError, ConflictError, ForbiddenError, NotFoundError

domain = os.environ["BASE_URL"].removeprefix("https://")


def no_server_error(response):
    # The SDK would ask again by itself, and hide it.
    assert response.status_code < 500, response


def connect(client_id, client_secret):
    transport = httpx.Client(event_hooks={"response": [no_server_error]})
    return ManagementClient(domain=domain, client_id=client_id, client_secret=client_secret, httpx_client=transport)


management = connect(os.environ["FIRST_CLIENT_ID"], os.environ["FIRST_CLIENT_SECRET"])
clients, grants, roles = management.clients, management.client_grants, management.roles
resource_servers = management.resource_servers
once = {"max_retries": 0}  # The SDK repeats even a conflict.


def fields(answer):
    """The calls have types of their own for one object."""
    return answer.model_dump(exclude_none=True)


def listed(call, *arguments, **named):
    # The pager ends when it is given a page with nothing on it: one more than there are.
    return [fields(it) for it in call(*arguments, **named)]


def refused(kind, error_code, call, *arguments, **named):
    """`error_code` is what the body has, which not every kind of object gives."""
    try:
        call(*arguments, request_options=once, **named)
    except ApiError as error:
        assert isinstance(error, kind), repr(error)
        assert error.body["statusCode"] == error.status_code, error.body
        assert error.body.get("errorCode") == error_code, error.body
    else:
        raise AssertionError(f"not refused: {arguments} {named}")


def token(client):
    """The scope of a token that an application gets, or why it gets none."""
    body = {"grant_type": "client_credentials", "audience": api.identifier}
    body |= {"client_id": client.client_id, "client_secret": client.client_secret}
    said = httpx.post(f"https://{domain}/oauth/token", json=body).json()
    return sorted(said["scope"].split()) if "scope" in said else said.get("error_description")


print("resource server")
read, write, share = ({"value": f"{verb}:files", "description": verb} for verb in ("read", "write", "share"))
api = resource_servers.create(
    identifier="https://sdk-python.example/access/", name="sdk-python access", scopes=[read, write, share]
)
refused(ConflictError, "resource_conflict", resource_servers.create, identifier=api.identifier)

print("clients")
made = []
for number in range(1, 4):
    client = clients.create(
        name=f"sdk-python {number}",
        description="Made by a client",
        app_type="non_interactive",
        grant_types=["client_credentials"],
        client_metadata={"n": str(number)},
    )
    assert re.fullmatch("[0-9A-Za-z]{32}", client.client_id), client.client_id
    assert len(client.client_secret) >= 48
    made.append(client)
client = made[0]
shown = [fields(clients.get(it.client_id)) for it in made]
for one, other in zip(made, shown):
    assert {**fields(one), "encrypted": None} == {**other, "encrypted": None}
for per_page in (1, 2, 3, 100):
    assert listed(clients.list, per_page=per_page)[-3:] == shown, per_page
assert fields(clients.get(client.client_id, fields="name")) == {"name": "sdk-python 1"}
renamed = clients.update(client.client_id, name="renamed", client_metadata={"n": None, "m": "kept"})
assert (renamed.name, renamed.client_metadata, renamed.description) == ("renamed", {"m": "kept"}, "Made by a client")
assert fields(clients.get(client.client_id)) == fields(renamed)
rotated = clients.rotate_secret(client.client_id)
assert rotated.client_secret != client.client_secret
refused(BadRequestError, "invalid_body", clients.create, name="")
refused(BadRequestError, "invalid_query_string", clients.list, per_page=101)
for call in (clients.get, clients.update, clients.rotate_secret):
    refused(NotFoundError, "inexistent_client", call, "nobody")

print("client grants")
both = [write["value"], read["value"]]
given = [grants.create(client_id=it.client_id, audience=api.identifier, scope=both) for it in made]
grant = given[0]
assert re.fullmatch("cgr_[0-9A-Za-z]{16}", grant.id), grant.id
assert (grant.scope, grant.subject_type) == (both, "client")
# The server lists them by their ids.
wanted = sorted((fields(it) for it in given), key=lambda it: it["id"])
for take in (1, 2, 100):
    assert listed(grants.list, take=take, audience=api.identifier) == wanted, take
    everyone = listed(grants.list, take=take)
    assert [it for it in everyone if it["audience"] == api.identifier] == wanted, take
assert listed(grants.list, client_id=client.client_id) == [fields(grant)]
assert fields(grants.get(grant.id)) == fields(grant)
assert token(rotated) == sorted(both)
assert token(client) == "Unauthorized", "the secret that was replaced"
assert grants.update(grant.id, scope=[read["value"]]).scope == [read["value"]]
assert token(rotated) == [read["value"]]
pair = {"client_id": client.client_id, "audience": api.identifier, "scope": []}
refused(ConflictError, "resource_conflict", grants.create, **pair)
refused(NotFoundError, "inexistent_client", grants.create, **{**pair, "client_id": "nobody"})
nowhere = {**pair, "audience": "https://nowhere.example/"}
refused(NotFoundError, "inexistent_resource_server", grants.create, **nowhere)
unheard = {**pair, "audience": f"https://{domain}/api/v2/", "scope": ["unheard:of"]}
refused(BadRequestError, "invalid_body", grants.create, **unheard)
refused(BadRequestError, "invalid_body", grants.update, grant.id)
refused(NotFoundError, "inexistent_client_grant", grants.get, "cgr_0000000000000000")

print("roles")
named = [roles.create(name=f"sdk-python role {number}", description=f"No. {number}") for number in range(1, 4)]
role = named[0]
assert re.fullmatch("rol_[0-9A-Za-z]{16}", role.id), role.id
for per_page in (1, 2, 3, 100):
    found = listed(roles.list, per_page=per_page, name_filter="SDK-python ROLE")
    assert found == [fields(it) for it in named], per_page
assert fields(roles.get(role.id)) == fields(role)
assert fields(roles.update(role.id, description="other")) == {**fields(role), "description": "other"}
# A refusal of a role has no code, as with the original, unless the body is wrong.
refused(ConflictError, None, roles.create, name=role.name)
refused(BadRequestError, "invalid_body", roles.update, role.id, name="")
refused(NotFoundError, None, roles.get, "rol_0000000000000000")

print("permissions of a role")


def of(*scopes):
    names = [scope["value"] for scope in scopes]
    return [{"permission_name": name, "resource_server_identifier": api.identifier} for name in names]


def held(**request):
    return [it["permission_name"] for it in listed(roles.permissions.list, role.id, **request)]


roles.permissions.add(role.id, permissions=of(write, share, read))
roles.permissions.add(role.id, permissions=of(read))
assert listed(roles.permissions.list, role.id)[0] == {
    "permission_name": "read:files",
    "description": "read",
    "resource_server_name": api.name,
    "resource_server_identifier": api.identifier,
}
for per_page in (1, 2, 3, 100):
    assert held(per_page=per_page) == ["read:files", "share:files", "write:files"], per_page
roles.permissions.delete(role.id, permissions=of(share))
roles.permissions.delete(role.id, permissions=of(share))
assert held() == ["read:files", "write:files"]
unknown = of({"value": "unheard:of"})
refused(NotFoundError, "inexistent_resource_server_permission", roles.permissions.add, role.id, permissions=unknown)
refused(BadRequestError, "invalid_body", roles.permissions.add, role.id, permissions=[])

print("a permission that its API lost")
resource_servers.update(api.id, scopes=[read])
assert held() == ["read:files"]
assert grants.get(given[1].id).scope == ["read:files"]
assert token(made[1]) == ["read:files"]

print("who may not")
narrow = clients.create(name="sdk-python narrow", app_type="non_interactive")
grants.create(client_id=narrow.client_id, audience=f"https://{domain}/api/v2/", scope=["read:roles"])
reader = connect(narrow.client_id, narrow.client_secret)
assert reader.roles.get(role.id).id == role.id
refused(ForbiddenError, "insufficient_scope", reader.roles.delete, role.id)
refused(ForbiddenError, "insufficient_scope", reader.clients.list)
try:
    connect(narrow.client_id, "not its secret").roles.list()
except httpx.HTTPStatusError as error:  # What this SDK makes of a refusal of the token endpoint.
    assert error.response.status_code == 401, error
    assert error.response.json() == {"error": "access_denied", "error_description": "Unauthorized"}
else:
    raise AssertionError("not refused")

print("delete")
roles.delete(role.id)
refused(NotFoundError, None, roles.delete, role.id)
for _ in ("once", "and again"):
    grants.delete(grant.id)
    assert token(rotated).startswith("Client is not authorized")
    clients.delete(made[1].client_id)
    assert token(made[1]) == "Unauthorized"
for _ in ("once", "and again"):
    resource_servers.delete(api.id)
refused(NotFoundError, "inexistent_client_grant", grants.get, grant.id)
refused(NotFoundError, "inexistent_client", clients.get, made[1].client_id)
assert token(made[2]) == f"Service not found: {api.identifier}"
assert listed(grants.list, client_id=made[2].client_id) == [], "gone with its API"
for it in (client, made[2], narrow):
    clients.delete(it.client_id)
for it in named[1:]:
    roles.delete(it.id)
