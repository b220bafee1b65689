import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, runningNode } from '../../test/support/node.ts';
import type { JsonObject } from '../framework/field.ts';

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

test('a request is told how it is understood, without its token, to who has sudo', async () => {
  const { node, root: token } = await runningNode();
  await using _ = node;
  await ask(node, 'POST', 'sys/namespaces/team', { token });
  const { reply } = await ask(node, 'GET', 'sys/internal/inspect/request', {
    token,
    namespace: 'team',
    query: { x: '1' },
  });
  const { req, data, entity } = reply?.data as { req: JsonObject; data: JsonObject; entity: unknown };
  assert.deepEqual(
    [req['path'], req['display_name'], data, entity],
    ['internal/inspect/request', 'root', { x: '1' }, null],
  );
  assert.equal((req['namespace'] as JsonObject)['path'], 'team/');
  assert.equal(JSON.stringify(reply?.data).includes(token), false);
  const policy = 'path "sys/internal/inspect/*" { capabilities = ["read"] }';
  await ask(node, 'PUT', 'sys/policies/acl/p', { token, body: { policy } });
  const made = await ask(node, 'POST', 'auth/token/create', { token, body: { policies: ['p'] } });
  const weak = String(made.auth?.['client_token']);
  assert.equal((await ask(node, 'GET', 'sys/internal/inspect/request', { token: weak })).status, 403);
});
