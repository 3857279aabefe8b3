// What is there to be looked at: APIs, and who may do what on them.

import assert from "node:assert/strict";

const PASSWORD = "correct horse battery";

/** An API with two permissions; an application, a key, a role, and a user with it may read. */
export async function calendar(server) {
  const api = await server.management("POST", "resource-servers", {
    name: "Calendar",
    identifier: "https://calendar.example/",
    scopes: [
      { value: "read:calendar", description: "See who is busy when" },
      { value: "write:calendar", description: "Make, move and cancel appointments" },
    ],
  });
  const application = await server.management("POST", "clients", {
    name: "Reminders",
    app_type: "non_interactive",
    grant_types: ["client_credentials"],
    token_endpoint_auth_method: "client_secret_post",
  });
  const scope = ["read:calendar", "write:calendar"];
  await server.management("POST", "client-grants", {
    client_id: application.client_id,
    audience: api.identifier,
    scope,
  });
  const key = await server.keys("keys.createKey", {
    apiId: `api_${api.id}`,
    name: "The meeting room's door",
    externalId: "room_12",
    permissions: ["read:calendar"],
  });
  const role = await server.management("POST", "roles", { name: "Assistant", description: "Keeps a calendar" });
  const permissions = [{ resource_server_identifier: api.identifier, permission_name: "read:calendar" }];
  await server.management("POST", `roles/${role.id}/permissions`, { permissions });
  const user = await server.management("POST", "users", {
    connection: "Username-Password-Authentication",
    email: "kim@example.com",
    password: PASSWORD,
  });
  await server.management("POST", `users/${encodeURIComponent(user.user_id)}/roles`, { roles: [role.id] });
  return { ...api, application, key, role, user };
}

/** Whether the calendar's key may read, and what its application may do with a token got now. */
export async function access(server, { application, key, identifier }) {
  const { code } = await server.keys("keys.verifyKey", { key: key.key, permissions: "read:calendar" });
  const { client_id, client_secret } = application;
  const form = { grant_type: "client_credentials", client_id, client_secret, audience: identifier };
  const answer = await fetch(`${server.url}/oauth/token`, { method: "POST", body: new URLSearchParams(form) });
  assert.equal(answer.status, 200);
  return { key: code, token: (await answer.json()).scope };
}

/** What is hard to show: names as long as they may be, nothing at all, more than a page has, and what was deleted. */
export async function extremes(server) {
  const api = (name, identifier, scopes) => server.management("POST", "resource-servers", { name, identifier, scopes });
  await api("B".repeat(200), `https://${"b".repeat(550)}.example/`, [
    { value: `read:${"b".repeat(275)}`, description: "b".repeat(500) },
  ]);
  await api("Drafts", "https://drafts.example/");
  const many = Array.from({ length: 250 }, (_, nth) => ({ value: `read:drawer-${nth}` }));
  const { id } = await api("Archive", "https://archive.example/", many);
  await server.management("DELETE", `resource-servers/${id}/scopes/read:drawer-7`);
}
