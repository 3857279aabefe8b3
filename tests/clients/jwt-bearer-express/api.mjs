// An API that lets the vendor's middleware for Express check its callers' tokens.
import assert from 'node:assert/strict';
import { createHmac, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { mock } from 'node:test';
import express from 'express';
import { auth, claimIncludes, requiredScopes } from 'express-oauth2-jwt-bearer';

const base = process.env.BASE_URL;

// Asks the server without the middleware under test.
async function ask(method, path, body) {
  const headers = { 'content-type': 'application/json' };
  if (path.startsWith('/api/')) headers.authorization = `Bearer ${process.env.ALL_SCOPES_TOKEN}`;
  const answer = await fetch(`${base}${path}`, { method, headers, body: body && JSON.stringify(body) });
  const text = await answer.text();
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
  return text && JSON.parse(text);
}

async function newApi(name, more) {
  const scopes = [{ value: 'read:notes' }, { value: 'write:notes' }];
  const made = { name, identifier: `https://${name}.example/`, scopes, ...more };
  const api = await ask('POST', '/api/v2/resource-servers', made);
  const { client_id } = client;
  await ask('POST', '/api/v2/client-grants', {
    client_id,
    audience: api.identifier,
    scope: scopes.map((it) => it.value),
  });
  return api;
}

async function newToken(api, scope) {
  const { client_id, client_secret } = client;
  const body = { grant_type: 'client_credentials', client_id, client_secret, audience: api.identifier, scope };
  return (await ask('POST', '/oauth/token', body)).access_token;
}

const client = await ask('POST', '/api/v2/clients', {
  name: 'jwt-bearer-express',
  app_type: 'non_interactive',
  grant_types: ['client_credentials'],
});
const api = await newApi('jwt-bearer-express');
const other = await newApi('jwt-bearer-express-other');
const profiled = await newApi('jwt-bearer-express-profiled', { token_dialect: 'rfc9068_profile' });
const symmetric = await newApi('jwt-bearer-express-symmetric', { signing_alg: 'HS256' });
const listed = await newApi('jwt-bearer-express-listed', {
  enforce_policies: true,
  token_dialect: 'access_token_authz',
});

// Each API of the organisation, as its program would be written.
const app = express();
const issuerBaseURL = base;
const answer = (request, response) => response.json({ sub: request.auth.payload.sub });
const usual = auth({ issuerBaseURL, audience: api.identifier });
app.get('/any', usual, answer);
app.get('/notes', usual, requiredScopes('read:notes'), answer);
app.post('/notes', usual, requiredScopes('write:notes'), answer);
app.get('/precise', auth({ issuerBaseURL, audience: api.identifier, clockTolerance: 0 }), answer);
app.get('/strict', auth({ issuerBaseURL, audience: api.identifier, strict: true }), answer);
app.get('/profiled', auth({ issuerBaseURL, audience: profiled.identifier, strict: true }), answer);
app.get('/elsewhere', auth({ issuerBaseURL, issuer: 'https://else.example/', audience: api.identifier }), answer);
const { signing_secret: secret } = symmetric;
const shared = { issuer: `${base}/`, audience: symmetric.identifier, secret, tokenSigningAlg: 'HS256' };
app.get('/symmetric', auth(shared), answer);
app.get(
  '/listed',
  auth({ issuerBaseURL, audience: listed.identifier }),
  claimIncludes('permissions', 'read:notes'),
  answer,
);
// Refusals are answered; whatever else goes wrong is a defect of this file.
app.use((error, request, response, next) => {
  const known = error.status && error.headers;
  response.status(known ? error.status : 500).set(error.headers ?? {});
  response.json({ code: error.code, message: error.message });
});
const server = app.listen(0, '127.0.0.1');
await new Promise((ready) => server.once('listening', ready));
const at = `http://127.0.0.1:${server.address().port}`;

async function call(path, token, method = 'GET') {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const response = await fetch(at + path, { method, headers });
  return { status: response.status, said: response.headers.get('www-authenticate'), body: await response.json() };
}

async function accepted(path, token, method) {
  const { status, body } = await call(path, token, method);
  assert.deepEqual([status, body], [200, { sub: `${client.client_id}@clients` }], path);
}

async function refused(path, token, status, said, method) {
  const answered = await call(path, token, method);
  assert.equal(answered.status, status, `${path}: ${JSON.stringify(answered)}`);
  assert.match(answered.said, said, path);
}

const text = (it) => Buffer.from(typeof it === 'string' ? it : JSON.stringify(it)).toString('base64url');
const parts = (token) =>
  token
    .split('.')
    .slice(0, 2)
    .map((it) => JSON.parse(Buffer.from(it, 'base64url').toString()));
const assembled = (head, claims, sealed) => {
  const whole = `${text(head)}.${text(claims)}`;
  return `${whole}.${sealed(whole)}`;
};

console.log('accepted');
const whole = await newToken(api);
await accepted('/any', whole);
await accepted('/notes', whole);
await accepted('/notes', whole, 'POST');
await accepted('/precise', whole);
await accepted('/profiled', await newToken(profiled));
await accepted('/symmetric', await newToken(symmetric));
await accepted('/listed', await newToken(listed));

console.log('a scope that is missing');
const narrow = await newToken(api, 'read:notes');
await accepted('/notes', narrow);
await refused('/notes', narrow, 403, /error="insufficient_scope".*scope="write:notes"/, 'POST');
await refused('/listed', await newToken(listed, 'write:notes'), 401, /Unexpected 'permissions' value/);

console.log('tokens of others');
const aud = /error="invalid_token", error_description="Unexpected 'aud' value"/;
await refused('/any', await newToken(other), 401, aud);
await refused('/any', process.env.ALL_SCOPES_TOKEN, 401, aud);
await refused('/elsewhere', whole, 401, /error="invalid_token"/);
await refused('/strict', whole, 401, /Unexpected 'typ' value/);
await refused('/symmetric', whole, 401, /error="invalid_token"/);
await refused('/any', await newToken(symmetric), 401, /error="invalid_token"/);
await refused('/any', undefined, 401, /^Bearer realm="api"/);
await refused('/any', 'garbage', 401, /error="invalid_token"/);

console.log('forgeries');
const [head, claims] = parts(whole);
const invalid = /error="invalid_token"/;
// That the server's own two halves are put together right again.
await accepted(
  '/any',
  assembled(head, claims, () => whole.split('.')[2]),
);
await refused(
  '/any',
  assembled({ ...head, alg: 'none' }, claims, () => ''),
  401,
  invalid,
);
await refused(
  '/any',
  assembled(head, { ...claims, scope: 'read:notes write:notes drop:notes' }, () => whole.split('.')[2]),
  401,
  invalid,
);
const { keys } = await ask('GET', '/.well-known/jwks.json');
const published = createPublicKey({ key: keys.find((it) => it.kid === head.kid), format: 'jwk' });
for (const type of ['spki', 'pkcs1']) {
  for (const pem of [published.export({ type, format: 'pem' }), published.export({ type, format: 'pem' }).trim()]) {
    const seal = (whole) => createHmac('sha256', pem).update(whole).digest('base64url');
    await refused('/any', assembled({ ...head, alg: 'HS256' }, claims, seal), 401, invalid);
  }
}
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const strange = (whole) => sign('sha256', Buffer.from(whole), privateKey).toString('base64url');
await refused('/any', assembled(head, claims, strange), 401, invalid);
await refused('/any', assembled({ ...head, kid: 'unknown' }, claims, strange), 401, invalid);

console.log('a token whose time is over');
// The middleware has no option for the time; what it takes for now is the process's clock, which is moved.
mock.timers.enable({ apis: ['Date'], now: (claims.exp - 1) * 1000 });
await accepted('/precise', whole);
mock.timers.setTime((claims.exp + 1) * 1000);
await refused('/precise', whole, 401, /error_description="'exp' claim timestamp check failed"/);
await accepted('/any', whole);
mock.timers.setTime((claims.exp + 60) * 1000);
await refused('/any', whole, 401, invalid);
mock.timers.reset();
await accepted('/precise', whole);

console.log('a permission that is gone');
await ask('PATCH', `/api/v2/resource-servers/${api.id}`, { scopes: [{ value: 'read:notes' }] });
const later = await newToken(api);
await accepted('/notes', later);
await refused('/notes', later, 403, /error="insufficient_scope"/, 'POST');
await ask('PATCH', `/api/v2/resource-servers/${listed.id}`, { scopes: [{ value: 'write:notes' }] });
await refused('/listed', await newToken(listed), 401, /Unexpected 'permissions' value/);
await ask('PATCH', `/api/v2/resource-servers/${api.id}`, { scopes: [] });
const bare = await newToken(api);
await accepted('/any', bare);
await refused('/notes', bare, 403, /error="insufficient_scope"/);

server.close();
server.closeAllConnections();
