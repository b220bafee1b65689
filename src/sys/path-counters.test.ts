import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, runningNode } from '../../test/support/node.ts';

test('tokens are counted as they come and go', async () => {
  const { node, root: token } = await runningNode();
  const count = async (): Promise<unknown> =>
    (await ask(node, 'GET', 'sys/internal/counters/tokens', { token })).reply?.data?.['counters'];
  assert.deepEqual(await count(), { service_tokens: { total: 1 } });
  const made = await ask(node, 'POST', 'auth/token/create', { token, body: {} });
  assert.deepEqual(await count(), { service_tokens: { total: 2 } });
  await ask(node, 'POST', 'auth/token/revoke', { token, body: { token: made.auth?.['client_token'] } });
  assert.deepEqual(await count(), { service_tokens: { total: 1 } });
  const entities = await ask(node, 'GET', 'sys/internal/counters/entities', { token });
  assert.deepEqual(entities.reply?.data, { counters: { entities: { total: 0 } } });
  assert.equal((await ask(node, 'GET', 'sys/internal/counters/requests', { token })).status, 404);
});

test('the routing table shows every mount, to those who have sudo', async () => {
  const { node, root: token } = await runningNode();
  await ask(node, 'POST', 'sys/mounts/here', { token, body: { type: 'kv' } });
  for (const tag of ['root', 'uuid', 'accessor', 'storage']) {
    const { reply } = await ask(node, 'GET', `sys/internal/inspect/router/${tag}`, { token });
    const shown = reply?.data?.[tag] as readonly Record<string, unknown>[];
    assert.ok(shown.some(({ mount_path: path, mount_type: type }) => path === 'here/' && type === 'kv'));
    assert.equal('storage_prefix' in (shown[0] ?? {}), tag === 'root' || tag === 'storage');
    assert.equal(JSON.stringify(shown).includes('salt'), false);
  }
  assert.equal((await ask(node, 'GET', 'sys/internal/inspect/router/other', { token })).status, 404);
  const policy = 'path "sys/internal/inspect/*" { capabilities = ["read"] }';
  await ask(node, 'PUT', 'sys/policies/acl/p', { token, body: { policy } });
  const made = await ask(node, 'POST', 'auth/token/create', { token, body: { policies: ['p'] } });
  const weak = String(made.auth?.['client_token']);
  assert.equal((await ask(node, 'GET', 'sys/internal/inspect/router/root', { token: weak })).status, 403);
});
