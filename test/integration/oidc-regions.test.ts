/** Identity tokens where there are regions: they publish and check, and hold nothing that could sign. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../../src/framework/field.ts';
import { everyKey } from '../../src/storage/every-key.ts';
import { testHub, testRegion, type TestHub } from '../support/cluster.ts';
import { ask, type Asking } from '../support/node.ts';

type At = Pick<TestHub, 'node' | 'root'>;

const asked = ({ node, root }: At, method: string, path: string, asking: Asking = {}) =>
  ask(node, method, path, { token: root, ...asking });

async function must(
  at: At,
  method: string,
  path: string,
  given?: JsonObject | { readonly as: string },
): Promise<JsonObject> {
  const asking = given === undefined ? {} : typeof given['as'] === 'string' ? { token: given['as'] } : { body: given };
  const outcome = await asked(at, method, path, asking);
  assert.ok(outcome.status < 300, `${method} ${path}: ${(outcome.errors ?? []).join()}`);
  return outcome.auth ?? outcome.reply?.data ?? outcome.reply?.bare ?? {};
}

test('a region publishes the keys and checks tokens; private halves and secrets of clients never reach it', async () => {
  const hub = await testHub();
  await must(hub, 'POST', 'sys/auth/userpass', { type: 'userpass' });
  await must(hub, 'POST', 'sys/policies/acl/tokens', {
    policy: 'path "identity/oidc/*" { capabilities = ["create", "read", "update"] }',
  });
  await must(hub, 'POST', 'auth/userpass/users/ann', { password: 'p', token_policies: 'tokens' });
  await must(hub, 'POST', 'identity/oidc/config', { issuer: 'https://issuer.example' });
  await must(hub, 'POST', 'identity/oidc/key/k', { algorithm: 'ES256', allowed_client_ids: '*' });
  await must(hub, 'POST', 'identity/oidc/role/r', { key: 'k', client_id: 'app' });
  await must(hub, 'POST', 'identity/oidc/client/app', {
    key: 'k',
    assignments: 'allow_all',
    redirect_uris: 'https://a/cb',
  });
  const { client_token: token } = await must(hub, 'POST', 'auth/userpass/login/ann', { password: 'p' });
  const { token: made } = await must(hub, 'GET', 'identity/oidc/token/r', { as: String(token) });
  const { client_id, client_secret } = await must(hub, 'GET', 'identity/oidc/client/app');
  const region = await testRegion(hub, 'eu', ['identity/', 'auth/', 'sys/policies/acl/']);
  const converged = async (): Promise<void> => {
    assert.equal((await must(hub, 'POST', 'sys/wait', { latest: true, timeout: 10 }))['state'], 'done');
  };
  await converged();
  for (const path of [
    'identity/oidc/.well-known/keys',
    'identity/oidc/.well-known/openid-configuration',
    'identity/oidc/provider/default/.well-known/keys',
  ]) {
    assert.deepEqual(await must(region, 'GET', path), await must(hub, 'GET', path), path);
  }
  assert.deepEqual(await must(region, 'POST', 'identity/oidc/introspect', { token: made ?? '' }), { active: true });
  await must(hub, 'POST', 'identity/oidc/key/k/rotate', { verification_ttl: 0 });
  await converged();
  assert.equal((await must(region, 'POST', 'identity/oidc/introspect', { token: made ?? '' }))['active'], false);

  const here = await must(region, 'POST', 'auth/userpass/login/ann', { password: 'p' });
  const own = String(here['client_token']);
  const signing = await asked(region, 'GET', 'identity/oidc/token/r', { token: own });
  assert.equal(signing.status, 503);
  assert.match((signing.errors ?? []).join(), /hub/);
  const wanted = { client_id, scope: 'openid', redirect_uri: 'https://a/cb', response_type: 'code' };
  const authorizing = await asked(region, 'POST', 'identity/oidc/provider/default/authorize', {
    token: own,
    body: wanted,
  });
  assert.equal(authorizing.status, 503);
  const exchanging = await asked(region, 'POST', 'identity/oidc/provider/default/token', {
    body: { grant_type: 'authorization_code', code: 'x', client_id, client_secret },
  });
  assert.equal(exchanging.status, 503);
  assert.ok((await asked(region, 'POST', 'identity/oidc/key/k/rotate', { body: {} })).status >= 400);
  assert.equal('client_secret' in (await must(region, 'GET', 'identity/oidc/client/app')), false);

  using snapshot = region.behind.snapshot();
  const held = [...everyKey(snapshot, '')].filter((key) => key.includes('/data/identity/oidc/'));
  assert.ok(held.length > 0);
  assert.deepEqual(
    held.filter((key) => !key.startsWith('s/') || /private|secret/.test(key)),
    [],
  );
  for (const key of held) {
    const value = Buffer.from(snapshot.get(key) ?? []).toString();
    assert.ok(!value.includes(String(client_secret)) && !value.includes('"d":'), key);
  }
  await region.node[Symbol.asyncDispose]();
  await hub.node[Symbol.asyncDispose]();
});
