// The token endpoint through the certified client for Node: found, used and refused.
import assert from 'node:assert/strict';
import * as client from 'openid-client';
import { checkToken, issuer, management, refusals, world } from './world.mjs';

const made = await world('openid-client');
const { api, post, basic } = made;
const audience = api.identifier;

const found = (it) => {
  const byBody = it.post || it.token_endpoint_auth_method === 'client_secret_post';
  const method = byBody ? client.ClientSecretPost : client.ClientSecretBasic;
  return client.discovery(issuer, it.client_id, {}, method(it.client_secret));
};

console.log('discovery');
for (const algorithm of ['oidc', 'oauth2']) {
  const it = await client.discovery(issuer, post.client_id, {}, client.ClientSecretPost(post.client_secret), {
    algorithm,
  });
  const metadata = it.serverMetadata();
  assert.equal(metadata.issuer, issuer.href);
  assert.equal(metadata.token_endpoint, new URL('/oauth/token', issuer).href);
  assert.ok(metadata.grant_types_supported.includes('client_credentials'));
  for (const method of ['client_secret_basic', 'client_secret_post']) {
    assert.ok(metadata.token_endpoint_auth_methods_supported.includes(method), method);
  }
}

console.log('tokens');
for (const it of [post, basic]) {
  const config = await found(it);
  const whole = await client.clientCredentialsGrant(config, { audience });
  checkToken(whole, it, audience, 'read:mail send:mail');
  const narrow = await client.clientCredentialsGrant(config, { audience, scope: 'send:mail' });
  checkToken(narrow, it, audience, 'send:mail');
  // `expiresIn()` counts down from the answer on.
  assert.equal(narrow.expires_in, 86400);
}

console.log('refusals');
async function refused(what, it, parameters, [status, error, text]) {
  await assert.rejects(client.clientCredentialsGrant(await found(it), parameters), (thrown) => {
    assert.ok(thrown instanceof client.ResponseBodyError, `${what}: ${thrown}`);
    assert.deepEqual([thrown.status, thrown.error], [status, error], what);
    if (text) assert.equal(thrown.error_description, text, what);
    return true;
  });
}
for (const [what, it, parameters, wanted] of refusals(made)) await refused(what, it, parameters, wanted);

// A challenge comes with the refusal of a header, and with nothing else.
await assert.rejects(
  client.clientCredentialsGrant(await found({ ...basic, client_secret: 'wrong' }), { audience }),
  (thrown) => {
    assert.ok(thrown instanceof client.WWWAuthenticateChallengeError, thrown);
    assert.equal(thrown.status, 401);
    assert.equal(thrown.cause[0].scheme, 'basic');
    return true;
  },
);
await assert.rejects(client.genericGrantRequest(await found(post), 'urn:example:magic', { audience }), (thrown) => {
  assert.deepEqual([thrown.status, thrown.error], [400, 'unsupported_grant_type']);
  assert.equal(thrown.error_description, 'Unsupported grant type: urn:example:magic');
  return true;
});

console.log('too many failures');
// Each address and application has its own count: nobody else is locked.
const guessed = { ...made.stranger, client_secret: 'wrong' };
for (let n = 0; n < 10; n += 1) {
  await refused('guess', guessed, { audience }, [401, 'access_denied', 'Unauthorized']);
}
await assert.rejects(client.clientCredentialsGrant(await found(made.stranger), { audience }), (thrown) => {
  assert.deepEqual([thrown.status, thrown.error], [429, 'too_many_attempts']);
  assert.match(thrown.response.headers.get('retry-after'), /^[0-9]+$/);
  return true;
});
checkToken(await client.clientCredentialsGrant(await found(post), { audience }), post, audience, 'read:mail send:mail');

console.log('a permission that is gone');
await management('PATCH', `resource-servers/${api.id}`, { scopes: [{ value: 'read:mail' }] });
checkToken(await client.clientCredentialsGrant(await found(post), { audience }), post, audience, 'read:mail');
await refused('gone', post, { audience, scope: 'send:mail' }, [
  403,
  'access_denied',
  'Client has not been granted scopes: send:mail',
]);
