// An authorization server that issues RS256 access tokens in JWT form to one client, kept in memory.
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const jwk = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });
const resource = 'https://api.example/';
const provider = new Provider('http://127.0.0.1', {
  jwks: { keys: [{ ...jwk, use: 'sig', alg: 'RS256', kid: 'one' }] },
  clients: [
    {
      client_id: 'machine',
      client_secret: 'a-secret-that-is-as-long-as-the-other-one-0123456789abcdefghijkl',
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      token_endpoint_auth_method: 'client_secret_post',
    },
  ],
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => resource,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: 'read:a read:b',
        audience: resource,
        accessTokenTTL: 86_400,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: 'RS256' } },
      }),
    },
  },
});
const server = createServer(provider.callback());
server.listen(0, '127.0.0.1', () => console.log(`ready http://127.0.0.1:${server.address().port}`));
