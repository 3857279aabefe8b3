// What both clients find: an API, and applications that may and may not ask for it.
import assert from 'node:assert/strict';

export const issuer = new URL('/', process.env.BASE_URL);

// Asks the Management API without a client under test.
export async function management(method, path, body) {
  const headers = { authorization: `Bearer ${process.env.ALL_SCOPES_TOKEN}`, 'content-type': 'application/json' };
  const answer = await fetch(new URL(`/api/v2/${path}`, issuer), {
    method,
    headers,
    body: body && JSON.stringify(body),
  });
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${await answer.clone().text()}`);
  return answer.status === 204 ? undefined : answer.json();
}

export async function world(name) {
  const scopes = ['read:mail', 'send:mail', 'drop:mail'].map((value) => ({ value }));
  const api = await management('POST', 'resource-servers', {
    name,
    identifier: `https://${name}.example/?a=b c`,
    scopes,
  });
  const application = (method, more = {}) =>
    management('POST', 'clients', {
      name: `${name} ${method}`,
      app_type: 'non_interactive',
      grant_types: ['client_credentials'],
      token_endpoint_auth_method: method,
      ...more,
    });
  // What a secret must survive: being encoded as in a form, then in Base64.
  const client_secret = 'a+b/c=d:e%f g&h?i~j"k\\l*m(n)o!p$q';
  const post = await application('client_secret_post', { client_secret });
  const basic = await application('client_secret_basic', { client_secret });
  const stranger = await application('client_secret_post');
  const people = await application('client_secret_post', { grant_types: ['authorization_code'] });
  for (const { client_id } of [post, basic, people]) {
    await management('POST', 'client-grants', {
      client_id,
      audience: api.identifier,
      scope: ['read:mail', 'send:mail'],
    });
  }
  return { api, post, basic, stranger, people };
}

// What the token endpoint refuses: the application, the parameters, and the status, error and text that are wanted.
export function refusals({ api, post, basic, stranger, people }) {
  const audience = api.identifier;
  const denied = (text) => [403, 'access_denied', text];
  return [
    ['wrong secret', { ...post, client_secret: 'wrong' }, { audience }, [401, 'access_denied', 'Unauthorized']],
    ['unknown application', { ...post, client_id: 'nobody' }, { audience }, [401, 'access_denied', 'Unauthorized']],
    ['the other way to authenticate', { ...basic, post: true }, { audience }, [401, 'access_denied', 'Unauthorized']],
    ['no audience', post, {}, denied('Non-global clients are not allowed access to APIv1')],
    ['unknown audience', post, { audience: 'urn:none' }, denied('Service not found: urn:none')],
    [
      'no grant',
      stranger,
      { audience },
      denied(
        `Client is not authorized to access "${audience}". You need to create a "client-grant" associated to this API.`,
      ),
    ],
    [
      'scopes beyond the grant',
      post,
      { audience, scope: 'read:mail drop:mail openid' },
      denied('Client has not been granted scopes: drop:mail, openid'),
    ],
    ['a scope that is none', post, { audience, scope: 'read:mail\tx' }, [400, 'invalid_scope', undefined]],
    [
      'a grant that the application has not',
      people,
      { audience },
      [403, 'unauthorized_client', "Grant type 'client_credentials' not allowed for the client."],
    ],
  ];
}

// What a token of the grant says.
export function claims(token) {
  return JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString());
}

export function checkToken(answer, client, audience, scope) {
  assert.equal(answer.token_type.toLowerCase(), 'bearer');
  assert.equal(answer.expires_in, 86400);
  assert.equal(answer.scope, scope);
  const said = claims(answer.access_token);
  const { iss, sub, aud, azp, gty } = said;
  assert.deepEqual(
    { iss, sub, aud, azp, gty, scope: said.scope },
    {
      iss: issuer.href,
      sub: `${client.client_id}@clients`,
      aud: audience,
      azp: client.client_id,
      gty: 'client-credentials',
      scope,
    },
  );
  assert.equal(said.exp - said.iat, 86400);
}
