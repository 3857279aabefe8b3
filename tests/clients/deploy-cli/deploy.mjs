// APIs, roles, applications and their grants as files, through the vendor's deployment program.
//
// What others made on the server stays: each file begins as an export of all there is.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import yaml from 'js-yaml';

const base = process.env.BASE_URL;
const domain = base.replace('https://', '');
const scratch = path.join(process.env.SCRATCH, 'deploy-cli');
fs.rmSync(scratch, { recursive: true, force: true });

const settings = {
  AUTH0_DOMAIN: domain,
  AUTH0_CLIENT_ID: process.env.FIRST_CLIENT_ID,
  AUTH0_CLIENT_SECRET: process.env.FIRST_CLIENT_SECRET,
  AUTH0_INCLUDED_ONLY: '["resourceServers","roles","clients","clientGrants"]',
};

// Runs the program once; a failure that was not expected shows all it said.
async function run(words, { more = {}, status = 0 } = {}) {
  const env = { ...process.env, ...settings, ...more };
  const { code, said } = await new Promise((resolve) => {
    execFile('node_modules/.bin/a0deploy', words, { env }, (error, stdout, stderr) =>
      resolve({ code: error?.code ?? 0, said: `${stdout}${stderr}` }),
    );
  });
  assert.equal(code, status, `a0deploy ${words.join(' ')}\n${said}`);
  return said;
}

const imported = (file, options) => run(['import', '--input_file', file], options);

// One file, or a folder of files; both as the program wrote them.
async function exported(name, format = 'yaml') {
  const folder = path.join(scratch, name);
  await run(['export', '--format', format, '--output_folder', folder]);
  return format === 'yaml' ? path.join(folder, 'tenant.yaml') : folder;
}

function contents(folder) {
  const files = fs.readdirSync(folder, { recursive: true, withFileTypes: true }).filter((it) => it.isFile());
  const read = (file) => fs.readFileSync(path.join(file.parentPath, file.name), 'utf8');
  return files.map((file) => [path.relative(folder, path.join(file.parentPath, file.name)), read(file)]).sort();
}

function rewrite(file, change) {
  const parse = file.endsWith('.yaml') ? yaml.load : JSON.parse;
  const write = file.endsWith('.yaml') ? yaml.dump : JSON.stringify;
  const held = parse(fs.readFileSync(file, 'utf8'));
  const changed = change(held) ?? held;
  fs.writeFileSync(file, write(changed));
}

// Asks the server without the program under test.
const headers = { authorization: `Bearer ${process.env.ALL_SCOPES_TOKEN}`, 'content-type': 'application/json' };
async function ask(call) {
  const answer = await fetch(`${base}/api/v2/${call}`, { headers });
  assert.equal(answer.status, 200, `${call}: ${await answer.clone().text()}`);
  return answer.json();
}

const named = (list, name) => list.find((it) => it.name === name);

// All there is, with the ids by which an object stays the same one.
async function state() {
  const [apis, clients, grants, roles] = await Promise.all(
    ['resource-servers', 'clients', 'client-grants', 'roles'].map((list) => ask(`${list}?per_page=100`)),
  );
  for (const role of roles) role.permissions = await ask(`roles/${role.id}/permissions?per_page=100`);
  return { apis, clients, grants, roles };
}

const permissions = (role) => role.permissions.map((it) => it.permission_name).sort();

// The scope of a token that the deployed application gets for itself.
async function scope(secret) {
  const body = { grant_type: 'client_credentials', client_id: secret.client_id, client_secret: secret.client_secret };
  const answer = await fetch(`${base}/oauth/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...body, audience: api.identifier }),
  });
  const { scope, error_description } = await answer.json();
  return scope?.split(' ').sort() ?? error_description;
}

const api = {
  name: 'Deployed calendar',
  identifier: 'https://deploy-cli.example/calendar/?a=b c',
  signing_alg: 'RS256',
  token_lifetime: 3600,
  token_lifetime_for_web: 600,
  allow_offline_access: true,
  enforce_policies: true,
  token_dialect: 'access_token_authz',
  skip_consent_for_verifiable_first_party_clients: true,
  scopes: [
    { value: 'read:calendar', description: 'Read the "team" calendar' },
    { value: 'write:calendar', description: 'Change the café calendar → all of it' },
    { value: 'share:calendar', description: 'Share the calendar' },
    { value: 'drop:calendar', description: 'Drop the calendar' },
  ],
};
const of = (...names) => names.map((it) => ({ permission_name: it, resource_server_identifier: api.identifier }));
const reader = { name: 'Deployed reader', description: 'Reads', permissions: of('read:calendar') };
const editor = {
  name: 'Deployed editor',
  description: 'Reads and writes',
  permissions: of('read:calendar', 'write:calendar', 'drop:calendar'),
};
const worker = {
  name: 'Deployed worker',
  description: 'Works by night',
  app_type: 'non_interactive',
  grant_types: ['client_credentials'],
  token_endpoint_auth_method: 'client_secret_post',
  client_metadata: { team: 'calendar' },
  jwt_configuration: { alg: 'RS256', lifetime_in_seconds: 3600, secret_encoded: false },
};
const grant = { client_id: worker.name, audience: api.identifier, scope: ['read:calendar', 'drop:calendar'] };

// Whether all that `wanted` has is in `held`; the server's defaults may come on top.
function within(held, wanted) {
  assert.ok(held, `lacks ${wanted.name}`);
  for (const [name, value] of Object.entries(wanted)) assert.deepEqual(held[name], value, name);
}

// An API of the server's own that the program sees; keys make it, too.
const catalogue = await fetch(`${base}/api/v2/resource-servers`, {
  method: 'POST',
  headers,
  body: JSON.stringify({ identifier: 'urn:keyward:catalogue' }),
});
assert.ok([201, 409].includes(catalogue.status), await catalogue.text());

console.log('export of a server without them');
const empty = await exported('empty');
const without = fs.readFileSync(empty, 'utf8');
const all = await state();
const ours = path.join(scratch, 'ours.yaml');
fs.copyFileSync(empty, ours);

console.log('import');
rewrite(ours, (held) => {
  held.resourceServers = [...(held.resourceServers ?? []), api];
  held.roles = [...(held.roles ?? []), reader, editor];
  held.clients = [...(held.clients ?? []), worker];
  held.clientGrants = [...(held.clientGrants ?? []), grant];
});
await imported(ours);
const first = await state();
within(named(first.apis, api.name), api);
for (const role of [reader, editor]) {
  within(named(first.roles, role.name), { name: role.name, description: role.description });
  assert.deepEqual(permissions(named(first.roles, role.name)), role.permissions.map((it) => it.permission_name).sort());
}
const secret = named(first.clients, worker.name);
within(secret, worker);
assert.deepEqual(await scope(secret), ['drop:calendar', 'read:calendar']);

console.log('export, and once more');
const second = await exported('second');
const known = yaml.load(fs.readFileSync(second, 'utf8'));
within(named(known.resourceServers, api.name), api);
within(named(known.clients, worker.name), worker);
within(
  known.clientGrants.find((it) => it.client_id === worker.name),
  grant,
);
for (const role of [reader, editor]) {
  const held = named(known.roles, role.name);
  assert.deepEqual(permissions(held), role.permissions.map((it) => it.permission_name).sort());
}
assert.equal(fs.readFileSync(await exported('third'), 'utf8'), fs.readFileSync(second, 'utf8'));

console.log('import of what was exported');
await imported(second);
assert.deepEqual(await state(), first);
const differences = await run(['import', '--input_file', second, '--dry_run']);
assert.match(differences, /No changes detected/i);

console.log('import of changes');
const share = { value: 'share:calendar', description: 'Share → the calendar' };
rewrite(second, (held) => {
  const calendar = named(held.resourceServers, api.name);
  // `drop:calendar` goes while a role and a grant still have it, and the program still names it to take it away.
  calendar.scopes = [api.scopes[0], api.scopes[1], share, { value: 'move:calendar', description: 'Move' }];
  calendar.token_lifetime = 1200;
  named(held.roles, editor.name).permissions = of('read:calendar', 'move:calendar');
  named(held.roles, editor.name).description = 'Reads and moves';
  named(held.roles, reader.name).permissions = [];
  named(held.clients, worker.name).description = 'Works by day';
  held.clientGrants.find((it) => it.client_id === worker.name).scope = ['read:calendar', 'share:calendar'];
});
await imported(second);
const changed = await state();
assert.deepEqual(
  named(changed.apis, api.name).scopes.toSorted((a, b) => a.value.localeCompare(b.value)),
  [{ value: 'move:calendar', description: 'Move' }, api.scopes[0], share, api.scopes[1]],
);
assert.equal(named(changed.apis, api.name).token_lifetime, 1200);
assert.equal(named(changed.apis, api.name).id, named(first.apis, api.name).id);
assert.deepEqual(permissions(named(changed.roles, editor.name)), ['move:calendar', 'read:calendar']);
assert.equal(named(changed.roles, editor.name).description, 'Reads and moves');
assert.equal(named(changed.roles, editor.name).id, named(first.roles, editor.name).id);
assert.deepEqual(permissions(named(changed.roles, reader.name)), []);
assert.equal(named(changed.clients, worker.name).description, 'Works by day');
assert.equal(named(changed.clients, worker.name).client_secret, secret.client_secret);
assert.deepEqual(await scope(secret), ['read:calendar', 'share:calendar']);

console.log('the same as a folder of files');
const folder = await exported('folder', 'directory');
assert.deepEqual(contents(await exported('folder again', 'directory')), contents(folder));
rewrite(path.join(folder, 'roles', `${reader.name}.json`), (role) => {
  role.permissions = of('share:calendar');
});
rewrite(path.join(folder, 'resource-servers', `${api.name}.json`), (it) => {
  it.scopes = [...it.scopes.filter((scope) => scope.value !== 'move:calendar'), { value: 'drop:calendar' }];
});
// A file that is missing takes nothing away unless that is allowed.
fs.rmSync(path.join(folder, 'roles', `${editor.name}.json`));
const [grantFile] = contents(folder).find(([name, text]) => name.startsWith('grants') && text.includes(api.identifier));
rewrite(path.join(folder, grantFile), (held) => {
  held.scope = ['share:calendar'];
});
await imported(folder);
const filed = await state();
assert.deepEqual(permissions(named(filed.roles, reader.name)), ['share:calendar']);
assert.deepEqual(permissions(named(filed.roles, editor.name)), ['read:calendar']);
assert.deepEqual(
  named(filed.apis, api.name)
    .scopes.map((it) => it.value)
    .sort(),
  ['drop:calendar', 'read:calendar', 'share:calendar', 'write:calendar'],
);
assert.deepEqual(await scope(secret), ['share:calendar'], 'a name used again brings nothing back');

console.log('what the server refuses');
const refused = async (file, expected, more) => assert.match(await imported(file, { status: 1, more }), expected);
await refused(second, /Unauthorized/, { AUTH0_CLIENT_SECRET: 'wrong-and-long-enough-to-be-a-secret' });
const reserved = await exported('reserved');
rewrite(reserved, (held) => {
  named(held.resourceServers, api.name).scopes.push({ value: 'email', description: 'reserved' });
});
await refused(reserved, /Payload validation error/);
assert.deepEqual(await state(), filed);

console.log('deletions, which have to be allowed');
await imported(empty, { more: { AUTH0_ALLOW_DELETE: 'true' } });
assert.deepEqual(await state(), all);
assert.equal(await scope(secret), 'Unauthorized');
assert.equal(fs.readFileSync(await exported('last'), 'utf8'), without);
