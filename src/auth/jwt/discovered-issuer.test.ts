import assert from 'node:assert/strict';
import { test } from 'node:test';
import { documentOfKeys, issuerServer, publishing, signed, signingKey } from '../../lib/jwt/issuer.testing.ts';
import { enabledMethod } from './mount.testing.ts';

test('an issuer that is found and has no key yet is taken, and one that is not found is not', async () => {
  await using server = await issuerServer();
  await using jwt = await enabledMethod();
  const key = await signingKey('ES256', 'one');
  let published = documentOfKeys();
  server.answer(
    publishing(
      () => server,
      () => published,
    ),
  );
  const body = { oidc_discovery_url: server.url, oidc_discovery_ca_pem: server.ca };
  const away = await jwt.at('POST', 'config', { ...body, oidc_discovery_url: `${server.url}/away` });
  assert.equal(away.status, 400);
  assert.match(away.errors?.[0] ?? '', /error checking oidc discovery URL/);
  assert.equal((await jwt.at('POST', 'config', body)).status, 204);
  await jwt.at('POST', 'role/r', { role_type: 'jwt', user_claim: 'sub', bound_audiences: 'us' });
  const login = async () =>
    jwt.login({
      role: 'r',
      jwt: await signed(key, { iss: server.url, aud: 'us', sub: 'a', exp: jwt.now() + 60 }),
    });
  assert.equal((await login()).status, 503);
  published = documentOfKeys(key);
  // Read anew by a configuration that is another one: after a failure nobody asks for a moment.
  assert.equal((await jwt.at('POST', 'config', { ...body, default_role: 'r' })).status, 204);
  assert.equal((await login()).status, 200);
});
