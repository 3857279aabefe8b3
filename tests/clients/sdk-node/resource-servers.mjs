// Resource servers through the vendor's own client for Node.
import assert from 'node:assert/strict';
import { ManagementClient } from 'auth0';

const domain = process.env.BASE_URL.replace('https://', '');
// No second try: it would hide a server error.
const client = (token) => new ManagementClient({ domain, token, maxRetries: 0 });
const { resourceServers } = client(process.env.MGMT_API_ACCESS_TOKEN);

// Where the SDK puts a refusal: the answer's status, and its whole body.
const refused = (statusCode, errorCode) => (error) => {
  assert.equal(error.statusCode, statusCode, error);
  assert.equal(error.body.statusCode, statusCode);
  assert.equal(error.body.errorCode, errorCode);
  return true;
};

async function all(request) {
  const seen = [];
  for await (const api of await resourceServers.list(request)) seen.push(api);
  return seen;
}

const read = { value: 'read:calendar', description: 'Read the calendar' };
const write = { value: 'write:calendar', description: 'Change the calendar' };

console.log('create');
const created = [];
for (const version of [1, 2, 3, 4, 5]) {
  const identifier = `https://sdk-node.example/calendar/v${version}?region=a b`;
  const api = await resourceServers.create({ identifier, name: `sdk-node ${version}`, scopes: [read] });
  assert.match(api.id, /^[0-9a-f]{24}$/);
  assert.equal(api.identifier, identifier);
  assert.deepEqual(api.scopes, [read]);
  created.push(api);
}
const [api] = created;

console.log('list');
const whole = await all();
assert.equal(whole[0].name, 'Auth0 Management API');
assert.equal(whole[0].identifier, `https://${domain}/api/v2/`);
assert.equal(whole[0].is_system, true);
assert.deepEqual(whole.slice(-created.length), created);
for (const per_page of [1, 2, whole.length, 100]) assert.deepEqual(await all({ per_page }), whole);
const page = await resourceServers.list({ page: 1, per_page: 2 });
const { start, limit, total } = page.response;
assert.deepEqual({ start, limit, total }, { start: 2, limit: 2, total: whole.length });
const two = [created[3].identifier, created[1].identifier];
assert.deepEqual((await all({ identifiers: two })).map((it) => it.identifier).sort(), two.sort());

console.log('get');
assert.deepEqual(await resourceServers.get(api.id), api);
assert.deepEqual(await resourceServers.get(api.identifier), api);

console.log('update');
const updated = await resourceServers.update(api.id, { scopes: [read, write] });
assert.deepEqual(updated.scopes, [read, write]);
assert.deepEqual({ ...updated, scopes: null }, { ...api, scopes: null });
await resourceServers.update(api.identifier, { name: 'renamed' });
assert.deepEqual(await resourceServers.get(api.id), { ...updated, name: 'renamed' });
await resourceServers.update(api.identifier, { scopes: [write] });
assert.deepEqual((await resourceServers.get(api.id)).scopes, [write]);
await resourceServers.update(api.id, { scopes: [] });
assert.deepEqual((await resourceServers.get(api.id)).scopes, []);

console.log('refusals');
await assert.rejects(resourceServers.create({ identifier: api.identifier }), (error) => error.statusCode === 409);
await assert.rejects(resourceServers.update(api.id, { scopes: [{ value: 'email' }] }), refused(400, 'invalid_body'));
await assert.rejects(resourceServers.update(api.id, { scopes: [read, read] }), refused(400, 'invalid_body'));
const updateOnly = client(process.env.UPDATE_ONLY_TOKEN).resourceServers;
await assert.rejects(updateOnly.delete(api.id), refused(403, 'insufficient_scope'));
assert.deepEqual((await resourceServers.get(api.id)).scopes, []);

console.log('delete');
await resourceServers.delete(api.id);
await resourceServers.delete(created[1].identifier);
for (const gone of [api.id, api.identifier, created[1].id, created[1].identifier]) {
  await assert.rejects(resourceServers.get(gone), refused(404, 'inexistent_resource_server'));
}
await assert.rejects(resourceServers.update(api.id, { scopes: [] }), refused(404, 'inexistent_resource_server'));
await resourceServers.delete(api.id);
assert.deepEqual((await all()).slice(-3), created.slice(2));
