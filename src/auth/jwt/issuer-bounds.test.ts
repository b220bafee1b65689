import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask } from '../../../test/support/node.ts';
import { issuerServer } from '../../lib/jwt/issuer.testing.ts';
import { MOST_AT_ONCE } from '../../lib/outgoing/bounds.ts';
import { enabledMethod } from './mount.testing.ts';

test('who begins many logins asks a slow issuer so much at once and no more, and its next answer serves the next', async () => {
  await using server = await issuerServer();
  const held: (() => void)[] = [];
  const full = Promise.withResolvers<number>();
  let isSlow = true;
  server.answer((path, response) => {
    if (path === '/.well-known/openid-configuration') {
      const { url } = server;
      const endpoints = { jwks_uri: `${url}/keys`, token_endpoint: `${url}/token` };
      response.end(JSON.stringify({ issuer: url, ...endpoints, device_authorization_endpoint: `${url}/device` }));
      return;
    }
    const answer = (): void => {
      response.end(JSON.stringify({ device_code: 'dc', verification_uri: 'https://issuer/d' }));
    };
    if (!isSlow) return answer();
    held.push(answer);
    if (held.length > MOST_AT_ONCE) full.resolve(200);
  });
  await using method = await enabledMethod({ type: 'oidc' });
  const config = { oidc_discovery_url: server.url, oidc_discovery_ca_pem: server.ca };
  const client = { oidc_client_id: 'me', oidc_client_secret: 's' };
  assert.equal((await method.at('POST', 'config', { ...config, ...client })).status, 204);
  const role = { user_claim: 'sub', allowed_redirect_uris: 'http://localhost', callback_mode: 'device' };
  assert.equal((await method.at('POST', 'role/r', role)).status, 204);
  const begin = () => ask(method.node, 'POST', 'auth/jwt/oidc/auth_url', { body: { role: 'r', client_nonce: 'n' } });
  const begun = Array.from({ length: MOST_AT_ONCE + 1 }, begin);
  // The issuer answers nobody: whoever is answered now was not let through to it.
  const first = await Promise.race([full.promise, ...begun.map(async (each) => (await each).status)]);
  isSlow = false;
  held.forEach((answer) => {
    answer();
  });
  const statuses = (await Promise.all(begun)).map(({ status }) => status);
  assert.equal(first, 503);
  assert.equal(statuses.filter((status) => status === 200).length, MOST_AT_ONCE);
  assert.equal((await begin()).status, 200, 'nobody waits for a moment to pass');
});
