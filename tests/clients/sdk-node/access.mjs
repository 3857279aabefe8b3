// Applications, what they may ask for, and roles, through the vendor's client for Node, which gets its token itself.
import assert from 'node:assert/strict';
import { ManagementClient, ManagementError, Management } from 'auth0';

const domain = process.env.BASE_URL.replace('https://', '');
const as = (clientId, clientSecret) => new ManagementClient({ domain, clientId, clientSecret, maxRetries: 0 });
const { clients, clientGrants, resourceServers, roles } = as(
  process.env.FIRST_CLIENT_ID,
  process.env.FIRST_CLIENT_SECRET,
);

// The SDK has a class for each status; `errorCode` is what the body has, which not every kind of object gives.
const refused = (kind, errorCode) => (error) => {
  assert.ok(error instanceof kind, `${error.constructor.name}: ${error}`);
  assert.equal(error.body.statusCode, error.statusCode);
  assert.equal(error.body.errorCode, errorCode, JSON.stringify(error.body));
  return true;
};
const { BadRequestError, ConflictError, NotFoundError, ForbiddenError } = Management;

async function all(first) {
  const seen = [];
  for await (const it of await first) seen.push(it);
  return seen;
}

// Whatever the length of a page, the SDK's own paging finds each object once.
async function paged(list, wanted) {
  for (const per_page of [1, 2, wanted.length, 100]) {
    assert.deepEqual((await all(list({ per_page }))).slice(-wanted.length), wanted);
  }
}

async function token(client) {
  const body = { grant_type: 'client_credentials', client_id: client.client_id, client_secret: client.client_secret };
  const answer = await fetch(`${process.env.BASE_URL}/oauth/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...body, audience: api.identifier }),
  });
  const { scope, error_description } = await answer.json();
  return scope?.split(' ').sort() ?? error_description;
}

console.log('resource server');
const [read, write, share] = ['read', 'write', 'share'].map((verb) => ({ value: `${verb}:files`, description: verb }));
const api = await resourceServers.create({
  identifier: 'https://sdk-node.example/access/',
  name: 'sdk-node access',
  scopes: [read, write, share],
});
await assert.rejects(
  resourceServers.create({ identifier: api.identifier }),
  refused(ConflictError, 'resource_conflict'),
);

console.log('clients');
const made = [];
for (const n of [1, 2, 3]) {
  const { encrypted, ...client } = await clients.create({
    name: `sdk-node ${n}`,
    description: 'Made by a client',
    app_type: 'non_interactive',
    grant_types: ['client_credentials'],
    client_metadata: { n: `${n}` },
  });
  assert.equal(encrypted, true);
  assert.match(client.client_id, /^[0-9A-Za-z]{32}$/);
  assert.ok(client.client_secret.length >= 48);
  made.push(client);
}
const [client] = made;
await paged((request) => clients.list(request), made);
assert.deepEqual(await clients.get(client.client_id), client);
assert.deepEqual(await clients.get(client.client_id, { fields: 'name' }), { name: client.name });
const renamed = await clients.update(client.client_id, { name: 'renamed', client_metadata: { n: null, m: 'kept' } });
assert.deepEqual(renamed, { ...client, name: 'renamed', client_metadata: { m: 'kept' } });
assert.deepEqual(await clients.get(client.client_id), renamed);
const rotated = await clients.rotateSecret(client.client_id);
assert.notEqual(rotated.client_secret, client.client_secret);
await assert.rejects(clients.create({ name: '' }), refused(BadRequestError, 'invalid_body'));
await assert.rejects(clients.create({ name: 'x', colour: 'red' }), refused(BadRequestError, 'invalid_body'));
await assert.rejects(clients.list({ per_page: 101 }), refused(BadRequestError, 'invalid_query_string'));
for (const call of [clients.get, clients.update, clients.rotateSecret]) {
  await assert.rejects(call.call(clients, 'nobody', {}), refused(NotFoundError, 'inexistent_client'));
}

console.log('client grants');
const grants = [];
for (const { client_id } of made) {
  const scope = [write.value, read.value];
  const grant = await clientGrants.create({ client_id, audience: api.identifier, scope });
  assert.match(grant.id, /^cgr_/);
  assert.deepEqual(grant, { id: grant.id, client_id, audience: api.identifier, scope, subject_type: 'client' });
  grants.push(grant);
}
// The server lists them by their ids.
const [grant] = grants;
const byId = grants.toSorted((a, b) => (a.id < b.id ? -1 : 1));
for (const take of [1, 2, 100]) {
  assert.deepEqual(await all(clientGrants.list({ take, audience: api.identifier })), byId);
  const everyone = await all(clientGrants.list({ take }));
  assert.deepEqual(
    everyone.filter((it) => it.audience === api.identifier),
    byId,
  );
}
assert.deepEqual(await all(clientGrants.list({ client_id: client.client_id })), [grant]);
assert.deepEqual(await clientGrants.get(grant.id), grant);
assert.deepEqual(await token(rotated), [read.value, write.value]);
assert.equal(await token(client), 'Unauthorized', 'the secret that was replaced');
assert.deepEqual((await clientGrants.update(grant.id, { scope: [read.value] })).scope, [read.value]);
assert.deepEqual(await token(rotated), [read.value]);
const pair = { client_id: client.client_id, audience: api.identifier, scope: [] };
await assert.rejects(clientGrants.create(pair), refused(ConflictError, 'resource_conflict'));
await assert.rejects(
  clientGrants.create({ ...pair, client_id: 'nobody' }),
  refused(NotFoundError, 'inexistent_client'),
);
await assert.rejects(
  clientGrants.create({ ...pair, audience: 'https://nowhere.example/' }),
  refused(NotFoundError, 'inexistent_resource_server'),
);
await assert.rejects(
  clientGrants.create({ ...pair, audience: `https://${domain}/api/v2/`, scope: ['unheard:of'] }),
  refused(BadRequestError, 'invalid_body'),
);
await assert.rejects(clientGrants.update(grant.id, {}), refused(BadRequestError, 'invalid_body'));
await assert.rejects(clientGrants.get('cgr_0000000000000000'), refused(NotFoundError, 'inexistent_client_grant'));

console.log('roles');
const named = [];
for (const n of [1, 2, 3]) named.push(await roles.create({ name: `sdk-node role ${n}`, description: `No. ${n}` }));
const [role] = named;
assert.match(role.id, /^rol_[0-9A-Za-z]{16}$/);
await paged((request) => roles.list({ ...request, name_filter: 'SDK-node ROLE' }), named);
assert.deepEqual(await roles.get(role.id), role);
assert.deepEqual(await roles.update(role.id, { description: 'other' }), { ...role, description: 'other' });
// A 409 of a role has no code, as with the original.
await assert.rejects(roles.create({ name: role.name }), refused(ConflictError));
await assert.rejects(roles.update(role.id, { name: '' }), refused(BadRequestError, 'invalid_body'));
await assert.rejects(roles.get('rol_0000000000000000'), refused(NotFoundError));

console.log('permissions of a role');
const of = (...scopes) => ({
  permissions: scopes.map((it) => ({ permission_name: it.value, resource_server_identifier: api.identifier })),
});
const given = async (request) => (await all(roles.permissions.list(role.id, request))).map((it) => it.permission_name);
await roles.permissions.add(role.id, of(write, share, read));
await roles.permissions.add(role.id, of(read));
const [first] = await all(roles.permissions.list(role.id));
assert.deepEqual(first, {
  permission_name: read.value,
  description: read.description,
  resource_server_name: api.name,
  resource_server_identifier: api.identifier,
});
const three = [read.value, share.value, write.value];
for (const per_page of [1, 2, 3, 100]) assert.deepEqual(await given({ per_page }), three);
await roles.permissions.delete(role.id, of(share));
await roles.permissions.delete(role.id, of(share));
assert.deepEqual(await given(), [read.value, write.value]);
await assert.rejects(
  roles.permissions.add(role.id, of({ value: 'unheard:of' })),
  refused(NotFoundError, 'inexistent_resource_server_permission'),
);
await assert.rejects(roles.permissions.add(role.id, of()), refused(BadRequestError, 'invalid_body'));

console.log('a permission that its API lost');
await resourceServers.update(api.id, { scopes: [read] });
assert.deepEqual(await given(), [read.value]);
assert.deepEqual((await clientGrants.get(grants[1].id)).scope, [read.value]);
assert.deepEqual(await token(made[1]), [read.value]);

console.log('who may not');
const narrow = await clients.create({ name: 'sdk-node narrow', app_type: 'non_interactive' });
const management = `https://${domain}/api/v2/`;
await clientGrants.create({ client_id: narrow.client_id, audience: management, scope: ['read:roles'] });
const reader = as(narrow.client_id, narrow.client_secret);
assert.deepEqual((await reader.roles.get(role.id)).id, role.id);
await assert.rejects(reader.roles.delete(role.id), refused(ForbiddenError, 'insufficient_scope'));
await assert.rejects(reader.clients.list(), refused(ForbiddenError, 'insufficient_scope'));
await assert.rejects(as(narrow.client_id, 'not its secret').roles.list(), (error) => {
  assert.ok(error instanceof ManagementError, error);
  assert.equal(error.statusCode, 401);
  assert.deepEqual(error.body, { error: 'access_denied', error_description: 'Unauthorized' });
  return true;
});

console.log('delete');
await roles.delete(role.id);
await assert.rejects(roles.delete(role.id), refused(NotFoundError));
for (const _ of ['once', 'and again']) {
  await clientGrants.delete(grant.id);
  assert.match(await token(rotated), /^Client is not authorized/);
  await clients.delete(made[1].client_id);
  assert.equal(await token(made[1]), 'Unauthorized');
}
for (const _ of ['once', 'and again']) await resourceServers.delete(api.id);
await assert.rejects(clientGrants.get(grant.id), refused(NotFoundError, 'inexistent_client_grant'));
await assert.rejects(clients.get(made[1].client_id), refused(NotFoundError, 'inexistent_client'));
assert.equal(await token(made[2]), `Service not found: ${api.identifier}`);
assert.deepEqual(await all(clientGrants.list({ client_id: made[2].client_id })), [], 'gone with its API');
for (const it of [client, made[2], narrow]) await clients.delete(it.client_id);
for (const it of named.slice(1)) await roles.delete(it.id);
