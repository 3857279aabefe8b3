// The same through the library that shows each step: the requests, and the checks of each answer.
import assert from 'node:assert/strict';
import * as oauth from 'oauth4webapi';
import { checkToken, issuer, management, refusals, world } from './world.mjs';

const made = await world('oauth4webapi');
const { api, post, basic } = made;
const audience = api.identifier;

console.log('discovery');
const servers = [];
for (const algorithm of ['oidc', 'oauth2']) {
  const answer = await oauth.discoveryRequest(issuer, { algorithm });
  servers.push(await oauth.processDiscoveryResponse(issuer, answer));
}
const [server] = servers;
assert.deepEqual(servers[1].token_endpoint, server.token_endpoint);

const authentication = (it) =>
  it.post || it.token_endpoint_auth_method === 'client_secret_post'
    ? oauth.ClientSecretPost(it.client_secret)
    : oauth.ClientSecretBasic(it.client_secret);

const ask = (it, parameters) => oauth.clientCredentialsGrantRequest(server, it, authentication(it), parameters);
const read = async (it, answer) => oauth.processClientCredentialsResponse(server, it, await answer);

console.log('tokens');
for (const it of [post, basic]) {
  const answer = await ask(it, { audience });
  assert.match(answer.headers.get('cache-control'), /no-store/);
  const whole = await read(it, answer);
  checkToken(whole, it, audience, 'read:mail send:mail');
  const narrow = await read(it, ask(it, { audience, scope: 'read:mail' }));
  checkToken(narrow, it, audience, 'read:mail');
}

console.log('a token as an API reads it');
// RFC 9068 is a dialect that the API asks for; its profile is what this library checks a token against.
const bearer = (token) => new Request('https://api.example/', { headers: { authorization: `Bearer ${token}` } });
const check = (token, wanted = audience) => oauth.validateJwtAccessToken(server, bearer(token), wanted);
const plain = await read(post, ask(post, { audience }));
await assert.rejects(check(plain.access_token), oauth.OperationProcessingError);
await management('PATCH', `resource-servers/${api.id}`, { token_dialect: 'rfc9068_profile' });
const profiled = await read(post, ask(post, { audience }));
const claims = await check(profiled.access_token);
assert.deepEqual(
  [claims.iss, claims.aud, claims.client_id, claims.scope],
  [issuer.href, audience, post.client_id, 'read:mail send:mail'],
);
assert.ok(claims.jti);
await assert.rejects(check(profiled.access_token, 'https://other.example/'), oauth.OperationProcessingError);
const [head, , signature] = profiled.access_token.split('.');
const other = { ...claims, scope: 'drop:mail' };
const forged = [head, Buffer.from(JSON.stringify(other)).toString('base64url'), signature].join('.');
await assert.rejects(check(forged), oauth.OperationProcessingError);

console.log('refusals');
for (const [what, it, parameters, [status, error, text]] of refusals(made)) {
  await assert.rejects(read(it, ask(it, parameters)), (thrown) => {
    assert.ok(thrown instanceof oauth.ResponseBodyError, `${what}: ${thrown}`);
    assert.deepEqual([thrown.status, thrown.error], [status, error], what);
    if (text) assert.equal(thrown.error_description, text, what);
    return true;
  });
}
const wrong = { ...basic, client_secret: 'wrong' };
await assert.rejects(read(wrong, ask(wrong, { audience })), (thrown) => {
  assert.ok(thrown instanceof oauth.WWWAuthenticateChallengeError, thrown);
  assert.deepEqual([thrown.status, thrown.cause[0].scheme], [401, 'basic']);
  return true;
});
for (const [changed, text] of [
  [(body) => body.delete('grant_type'), 'Missing required parameter: grant_type'],
  [(body) => body.set('grant_type', 'magic'), 'Unsupported grant type: magic'],
  [(body) => body.append('audience', audience), 'Repeated parameter: audience'],
]) {
  // What the library would not send by itself.
  const authenticate = (_, client, body) => {
    oauth.ClientSecretPost(post.client_secret)(_, client, body);
    changed(body);
  };
  const answer = oauth.clientCredentialsGrantRequest(server, post, authenticate, { audience });
  await assert.rejects(read(post, answer), (thrown) => {
    assert.deepEqual([thrown.status, thrown.error_description], [400, text]);
    return true;
  });
}
const nobody = (_, __, body) => body.delete('client_id');
await assert.rejects(read(post, oauth.clientCredentialsGrantRequest(server, post, nobody, { audience })), (thrown) => {
  assert.deepEqual(
    [thrown.status, thrown.error, thrown.error_description],
    [401, 'invalid_client', 'Missing client_id'],
  );
  return true;
});
const both = (_, client, body, headers) => {
  oauth.ClientSecretBasic(post.client_secret)(_, client, body, headers);
  oauth.ClientSecretPost(post.client_secret)(_, client, body, headers);
};
await assert.rejects(read(post, oauth.clientCredentialsGrantRequest(server, post, both, { audience })), (thrown) => {
  assert.deepEqual([thrown.status, thrown.error], [400, 'invalid_request']);
  return true;
});
