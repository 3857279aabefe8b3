"""Resource servers through the vendor's own client for Python."""

import os
import re

import httpx
from auth0.management import ManagementClient
from auth0.management.core.api_error import ApiError

domain = os.environ["BASE_URL"].removeprefix("https://")


def no_server_error(response):
    # The SDK would ask again by itself, and hide it.
    assert response.status_code < 500, response


def client(token):
    transport = httpx.Client(event_hooks={"response": [no_server_error]})
    return ManagementClient(domain=domain, token=token, httpx_client=transport).resource_servers


resource_servers = client(os.environ["MGMT_API_ACCESS_TOKEN"])

read = {"value": "read:calendar", "description": "Read the calendar"}
write = {"value": "write:calendar", "description": "Change the calendar"}


def scopes(api):
    return [scope.model_dump(exclude_none=True) for scope in api.scopes]


def listed(**request):
    # The pager ends when it is given a page with nothing on it: one more than there are.
    return [api.model_dump() for api in resource_servers.list(**request)]


def same(answer, api):
    """The calls have types of their own for one API."""
    return answer.model_dump() == api.model_dump()


def refused(status, error_code, call, *arguments, **named):
    try:
        call(*arguments, **named)
    except ApiError as error:
        assert error.status_code == status, error
        assert error.body["statusCode"] == status, error.body
        assert error_code is None or error.body["errorCode"] == error_code, error.body
    else:
        raise AssertionError(f"not refused: {arguments} {named}")


print("create")
created = []
for version in range(1, 6):
    identifier = f"https://sdk-python.example/calendar/v{version}?region=a b"
    api = resource_servers.create(identifier=identifier, name=f"sdk-python {version}", scopes=[read])
    assert re.fullmatch("[0-9a-f]{24}", api.id), api.id
    assert api.identifier == identifier
    assert scopes(api) == [read]
    created.append(api)
api = created[0]

print("list")
whole = listed()
assert whole[0]["name"] == "Auth0 Management API"
assert whole[0]["identifier"] == f"https://{domain}/api/v2/"
assert whole[0]["is_system"] is True
assert [it["id"] for it in whole[-5:]] == [it.id for it in created]
for per_page in (1, 2, len(whole), 100):
    assert listed(per_page=per_page) == whole, per_page
page = resource_servers.list(page=1, per_page=2).response
assert (page.start, page.limit, page.total) == (2, 2, len(whole)), page
two = {created[3].identifier, created[1].identifier}
assert {it["identifier"] for it in listed(identifiers=list(two))} == two

print("get")
assert same(resource_servers.get(api.id), api)
assert same(resource_servers.get(api.identifier), api)

print("update")
assert scopes(resource_servers.update(api.id, scopes=[read, write])) == [read, write]
resource_servers.update(api.identifier, name="renamed")
now = resource_servers.get(api.id)
assert (now.name, scopes(now)) == ("renamed", [read, write])
resource_servers.update(api.identifier, scopes=[write])
assert scopes(resource_servers.get(api.id)) == [write]
resource_servers.update(api.id, scopes=[])
assert scopes(resource_servers.get(api.id)) == []

print("refusals")
once = {"max_retries": 0}  # The SDK repeats even a conflict.
refused(409, None, resource_servers.create, identifier=api.identifier, request_options=once)
refused(400, "invalid_body", resource_servers.update, api.id, scopes=[{"value": "email"}])
refused(400, "invalid_body", resource_servers.update, api.id, scopes=[read, read])
refused(403, "insufficient_scope", client(os.environ["UPDATE_ONLY_TOKEN"]).delete, api.id)
assert scopes(resource_servers.get(api.id)) == []

print("delete")
resource_servers.delete(api.id)
resource_servers.delete(created[1].identifier)
for gone in (api.id, api.identifier, created[1].id, created[1].identifier):
    refused(404, "inexistent_resource_server", resource_servers.get, gone)
refused(404, "inexistent_resource_server", resource_servers.update, api.id, scopes=[])
resource_servers.delete(api.id)
assert [it["id"] for it in listed()[-3:]] == [it.id for it in created[2:]]
