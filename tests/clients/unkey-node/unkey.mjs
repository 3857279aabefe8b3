// Permissions, and all that holds them, through the vendor's own client for Node.
import assert from 'node:assert/strict';
import { Unkey } from '@unkey/api';
import * as errors from '@unkey/api/models/errors';

// No second try: it would hide a server error.
const client = (rootKey) =>
  new Unkey({ rootKey, serverURL: process.env.BASE_URL, retryConfig: { strategy: 'none' } });
const { apis, identities, keys, permissions, ratelimit } = client(process.env.ROOT_KEY);
const reader = client(process.env.READ_ONLY_ROOT_KEY).permissions;

// The store is shared with other clients.
const our = (name) => `unkey-node.${name}`;
// Longer than any run, so that no window ends in one.
const month = 30 * 24 * 60 * 60 * 1000;

// What the SDK makes of a refusal; a member that it lacks means that the SDK did not recognise it.
const refused = (kind, status, type, detail = /./) => (error) => {
  assert.equal(error.constructor, kind, error);
  assert.equal(error.statusCode, status);
  assert.equal(error.error.status, status);
  assert.equal(error.error.type, `https://unkey.com/docs/errors/${type}`);
  assert.match(error.error.detail, detail);
  assert.match(error.meta.requestId, /^req_/);
  return true;
};
const absent = (noun) => refused(errors.NotFoundErrorResponse, 404, `unkey/data/${noun}_not_found`);

async function all(list, request) {
  const pages = [];
  for await (const { result } of await list(request)) {
    assert.ok(result.data.length <= request.limit, result);
    pages.push(result);
  }
  pages.forEach(({ pagination }, n) => assert.equal(pagination.hasMore, n < pages.length - 1));
  return pages.flatMap((page) => page.data);
}
const ids = (rows) => rows.map((row) => row.id ?? row.keyId);

async function verify(key, query, more = {}) {
  const { data } = await keys.verifyKey({ key, permissions: query, ...more });
  assert.equal(data.valid, data.code === 'VALID', data);
  return data;
}
const codes = (given, query) => Promise.all(given.map(async ({ key }) => (await verify(key, query)).code));

console.log('APIs');
const name = 'The "team" café → all of it';
const { apiId } = (await apis.createApi({ name })).data;
assert.deepEqual((await apis.getApi({ apiId })).data, { id: apiId, name });

console.log('permissions');
const made = {};
for (const slug of ['read', 'write', 'share'].map(our)) {
  const fields = { name: `${slug} ${name}`, slug, ...(slug === our('share') ? {} : { description: name }) };
  const { permissionId: id } = (await permissions.createPermission(fields)).data;
  made[slug] = { id, ...fields };
  assert.deepEqual((await permissions.getPermission({ permission: id })).data, made[slug]);
  assert.deepEqual((await permissions.getPermission({ permission: slug })).data, made[slug]);
}
const [read, write, share] = Object.values(made);
for (const limit of [1, 2, 3, 100]) {
  const listed = await all((it) => permissions.listPermissions(it), { limit, search: our('') });
  assert.deepEqual(listed, [read, write, share].sort((a, b) => (a.id < b.id ? -1 : 1)));
}

console.log('roles');
const editor = our('editor');
const { roleId } = (await permissions.createRole({ name: editor, description: name, permissions: [read.slug] })).data;
const role = { id: roleId, name: editor, description: name, permissions: [read] };
assert.deepEqual((await permissions.getRole({ role: editor })).data, role);
assert.deepEqual(await all((it) => permissions.listRoles(it), { limit: 1, search: our('') }), [role]);

console.log('keys');
const key = async (fields) => (await keys.createKey({ apiId, ...fields })).data;
const byRole = await key({ roles: [editor] });
const direct = await key({ permissions: [read.slug] });
const both = await key({ roles: [editor], permissions: [read.slug, share.slug] });
const holders = [byRole, direct, both];
assert.deepEqual(await codes(holders, read.slug), ['VALID', 'VALID', 'VALID']);
assert.deepEqual(await codes(holders, `${read.slug} AND ${write.slug}`), Array(3).fill('INSUFFICIENT_PERMISSIONS'));
assert.deepEqual(await codes(holders, `(${write.slug} or ${share.slug})`), [
  'INSUFFICIENT_PERMISSIONS',
  'INSUFFICIENT_PERMISSIONS',
  'VALID',
]);
assert.deepEqual((await verify(byRole.key)).roles, [editor]);
assert.deepEqual((await verify(byRole.key)).permissions, [read.slug]);
assert.equal((await verify('nobody_knows_this')).code, 'NOT_FOUND');
const listed = await all((it) => apis.listKeys(it), { apiId, limit: 1 });
assert.deepEqual(ids(listed), holders.map((it) => it.keyId).sort());

console.log('a permission is deleted');
assert.deepEqual((await permissions.deletePermission({ permission: read.id })).data, {});
assert.deepEqual(await codes(holders, read.slug), Array(3).fill('INSUFFICIENT_PERMISSIONS'));
assert.deepEqual(await codes(holders), ['VALID', 'VALID', 'VALID']);
assert.equal((await permissions.getRole({ role: roleId })).data.permissions, undefined);
assert.equal((await keys.getKey({ keyId: direct.keyId })).data.permissions, undefined);
assert.deepEqual((await keys.getKey({ keyId: both.keyId })).data.permissions, [share.slug]);
for (const permission of [read.id, read.slug]) {
  await assert.rejects(permissions.getPermission({ permission }), absent('permission'));
  await assert.rejects(permissions.deletePermission({ permission }), absent('permission'));
}
const again = await permissions.createPermission({ name: read.name, slug: read.slug });
assert.notEqual(again.data.permissionId, read.id);
assert.deepEqual(await codes(holders, read.slug), Array(3).fill('INSUFFICIENT_PERMISSIONS'));
await permissions.deletePermission({ permission: read.slug });
await assert.rejects(permissions.getPermission({ permission: again.data.permissionId }), absent('permission'));

console.log('refusals');
const invalid = 'unkey/application/invalid_input';
const forbidden = 'unkey/authorization/insufficient_permissions';
assert.deepEqual((await reader.getPermission({ permission: write.id })).data, write);
await assert.rejects(
  reader.deletePermission({ permission: write.id }),
  refused(errors.ForbiddenErrorResponse, 403, forbidden, /rbac\.\*\.delete_permission/),
);
await assert.rejects(
  reader.deletePermission({ permission: 'absent' }),
  refused(errors.ForbiddenErrorResponse, 403, forbidden),
);
await assert.rejects(
  client('unkey_stranger').permissions.getPermission({ permission: write.id }),
  refused(errors.UnauthorizedErrorResponse, 401, 'unkey/authentication/key_not_found'),
);
await assert.rejects(
  permissions.createPermission({ name, slug: write.slug.toUpperCase() }),
  refused(errors.ConflictErrorResponse, 409, 'unkey/data/permission_already_exists'),
);
for (const slug of ['', 'with a space', 'a'.repeat(129)]) {
  await assert.rejects(permissions.createPermission({ name, slug }), (error) => {
    assert.equal(error.error?.errors?.length, 1, error);
    assert.match(error.error.errors[0].location, /^\/properties\/slug\//);
    assert.ok(error.error.errors[0].message);
    return refused(errors.BadRequestErrorResponse, 400, invalid)(error);
  });
}
await assert.rejects(verify(direct.key, 'one AND'), (error) => {
  assert.deepEqual(error.error?.errors, [], error);
  return refused(errors.BadRequestErrorResponse, 400, 'user/bad_request/permissions_query_syntax_error')(error);
});
assert.deepEqual((await permissions.getPermission({ permission: write.slug })).data, write);

console.log('permissions and roles of a key');
const { keyId } = direct;
const slugs = ({ data }) => data.map((it) => it.slug ?? it.name).sort();
const added = await keys.addPermissions({ keyId, permissions: [write.slug, share.slug] });
assert.deepEqual(slugs(added), [share.slug, write.slug]);
assert.deepEqual(slugs(await keys.removePermissions({ keyId, permissions: [share.slug] })), [write.slug]);
assert.deepEqual(slugs(await keys.setPermissions({ keyId, permissions: [] })), []);
assert.deepEqual(slugs(await keys.addRoles({ keyId, roles: [editor] })), [editor]);
assert.deepEqual(slugs(await permissions.setRolePermissions({ roleId, permissions: [share.slug] })), [share.slug]);
assert.equal((await verify(direct.key, share.slug)).code, 'VALID');
assert.deepEqual(slugs(await keys.removeRoles({ keyId, roles: [editor] })), []);
assert.equal((await verify(direct.key, share.slug)).code, 'INSUFFICIENT_PERMISSIONS');
assert.deepEqual(slugs(await keys.setRoles({ keyId, roles: [editor] })), [editor]);
await permissions.deleteRole({ role: editor });
assert.equal((await verify(direct.key, share.slug)).code, 'INSUFFICIENT_PERMISSIONS');
await assert.rejects(permissions.getRole({ role: roleId }), absent('role'));

console.log('a key is changed');
const meta = { plan: 'team', seats: 3, nested: { name } };
const expires = Date.now() + month;
const change = { name, meta, expires, enabled: false, permissions: [share.slug] };
assert.deepEqual((await keys.updateKey({ keyId, ...change })).data, {});
assert.equal((await verify(direct.key)).code, 'DISABLED');
const { data: whole } = await keys.getKey({ keyId });
assert.deepEqual({ ...whole, ...change }, whole);
assert.equal(whole.keyId, keyId);
assert.ok(direct.key.startsWith(whole.start), whole.start);
assert.deepEqual((await keys.whoami({ key: direct.key })).data, whole);
await keys.updateKey({ keyId, name: null, meta: null, expires: null, enabled: true });
const { data: bare } = await keys.getKey({ keyId });
assert.deepEqual([bare.name, bare.meta, bare.expires, bare.enabled], [undefined, undefined, undefined, true]);
assert.equal((await verify(direct.key, share.slug)).code, 'VALID');

console.log('credits');
const credits = async (operation, value) => (await keys.updateCredits({ keyId, operation, value })).data;
assert.deepEqual(await credits('set', 2), { remaining: 2 });
assert.equal((await verify(direct.key, write.slug)).credits, 2);
assert.equal((await verify(direct.key)).credits, 1);
assert.equal((await verify(direct.key, undefined, { credits: { cost: 2 } })).code, 'USAGE_EXCEEDED');
assert.deepEqual(await credits('increment', 4), { remaining: 5 });
assert.deepEqual(await credits('decrement', 9), { remaining: 0 });
const { code, credits: left } = await verify(direct.key);
assert.deepEqual([code, left], ['USAGE_EXCEEDED', 0]);
assert.deepEqual(await credits('set', null), { remaining: null });
assert.equal((await verify(direct.key)).credits, undefined);
await assert.rejects(credits('increment', 1), refused(errors.BadRequestErrorResponse, 400, invalid));
const refill = { interval: 'monthly', amount: 9, refillDay: 31 };
const paid = await key({ prefix: 'paid', name, byteLength: 24, credits: { remaining: 7, refill } });
assert.match(paid.key, /^paid_/);
assert.deepEqual((await keys.getKey({ keyId: paid.keyId })).data.credits, { remaining: 7, refill });

console.log('a key is rerolled');
const later = (await keys.rerollKey({ keyId: paid.keyId, expiration: month })).data;
assert.deepEqual(await codes([paid, later]), ['VALID', 'VALID']);
const next = (await keys.rerollKey({ keyId: later.keyId, expiration: 0 })).data;
assert.deepEqual(await codes([later, next]), ['EXPIRED', 'VALID']);
assert.match(next.key, /^paid_/);

console.log('identities');
const externalId = our('customer');
const limit = { name: 'requests', limit: 1, duration: month, autoApply: true };
const { identityId } = (await identities.createIdentity({ externalId, meta, ratelimits: [limit] })).data;
const { data: identity } = await identities.getIdentity({ identity: externalId });
const ratelimits = [{ id: identity.ratelimits[0].id, ...limit }];
assert.deepEqual(identity, { id: identityId, externalId, meta, ratelimits });
assert.deepEqual((await identities.getIdentity({ identity: identityId })).data, identity);
await assert.rejects(
  identities.createIdentity({ externalId }),
  refused(errors.ConflictErrorResponse, 409, 'unkey/data/identity_already_exists'),
);
const theirs = await key({ externalId });
const first = await verify(theirs.key);
assert.deepEqual([first.code, first.identity.id, first.identity.meta], ['VALID', identityId, meta]);
const { exceeded, remaining } = first.ratelimits[0];
assert.deepEqual([exceeded, remaining], [false, 0]);
assert.equal((await verify(theirs.key)).code, 'RATE_LIMITED');
const updated = (await identities.updateIdentity({ identity: externalId, meta: { plan: 'one' }, ratelimits: [] })).data;
assert.deepEqual(updated, { id: identityId, externalId, meta: { plan: 'one' } });
assert.equal((await verify(theirs.key)).code, 'VALID');
await identities.createIdentity({ externalId: our('other') });
const found = await all((it) => identities.listIdentities(it), { limit: 1, search: our('') });
assert.deepEqual(found.map((it) => it.externalId).sort(), [externalId, our('other')]);
for (const identity of [externalId, our('other')]) {
  assert.ok((await identities.deleteIdentity({ identity })).meta.requestId);
  await assert.rejects(identities.getIdentity({ identity }), absent('identity'));
  await assert.rejects(identities.deleteIdentity({ identity }), absent('identity'));
}
const orphan = await verify(theirs.key);
assert.deepEqual([orphan.code, orphan.identity], ['VALID', undefined]);

console.log('rate limits');
const namespace = our('mail');
const once = { namespace, identifier: name, limit: 1, duration: month };
const { data: passed } = await ratelimit.limit(once);
assert.deepEqual([passed.success, passed.limit, passed.remaining, passed.overrideId], [true, 1, 0, undefined]);
assert.ok(passed.reset > Date.now());
assert.equal((await ratelimit.limit(once)).data.success, false);
assert.equal((await ratelimit.limit({ ...once, cost: 0 })).data.success, true);
const { overrideId } = (await ratelimit.setOverride({ namespace, identifier: name, limit: 3, duration: month })).data;
const override = { overrideId, identifier: name, limit: 3, duration: month };
assert.deepEqual((await ratelimit.getOverride({ namespace, identifier: name })).data, override);
assert.deepEqual(await all((it) => ratelimit.listOverrides(it), { namespace, limit: 1 }), [override]);
const { data: raised } = await ratelimit.limit(once);
assert.deepEqual([raised.success, raised.limit, raised.remaining, raised.overrideId], [true, 3, 1, overrideId]);
assert.deepEqual((await ratelimit.deleteOverride({ namespace, identifier: name })).data, {});
await assert.rejects(ratelimit.getOverride({ namespace, identifier: name }), absent('ratelimit_override'));
const { data: many } = await ratelimit.multiLimit([{ ...once, identifier: 'new' }, once]);
assert.deepEqual([many.passed, ...many.limits.map((it) => it.passed)], [false, true, false]);
assert.equal((await ratelimit.limit({ ...once, identifier: 'new' })).data.success, true);

console.log('deletions');
assert.deepEqual((await keys.deleteKey({ keyId })).data, {});
assert.equal((await verify(direct.key)).code, 'NOT_FOUND');
await assert.rejects(keys.getKey({ keyId }), absent('key'));
await assert.rejects(keys.whoami({ key: direct.key }), absent('key'));
assert.equal((await verify(both.key)).code, 'VALID');
assert.deepEqual((await apis.deleteApi({ apiId })).data, {});
assert.equal((await verify(both.key)).code, 'NOT_FOUND');
await assert.rejects(apis.getApi({ apiId }), absent('api'));
await assert.rejects(keys.createKey({ apiId }), absent('api'));
for (const { id } of [write, share]) await permissions.deletePermission({ permission: id });
assert.deepEqual(await all((it) => permissions.listPermissions(it), { limit: 1, search: our('') }), []);
