import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, runningNode } from '../../../test/support/node.ts';

test('a rule’s pagination limit holds for whoever asks for more, or for all', async () => {
  const { node, root } = await runningNode();
  await using _ = node;
  await ask(node, 'POST', 'sys/mounts/secret', { token: root, body: { type: 'kv' } });
  for (const path of ['a', 'b', 'c']) await ask(node, 'POST', `secret/${path}`, { token: root, body: { k: 'v' } });
  const policy = 'path "secret/*" { capabilities = ["list"] pagination_limit = 2 }';
  await ask(node, 'PUT', 'sys/policies/acl/page', { token: root, body: { policy } });
  const made = await ask(node, 'POST', 'auth/token/create', { token: root, body: { policies: ['page'] } });
  const token = String(made.auth?.['client_token'] ?? made.reply?.auth?.['client_token']);
  const all = await ask(node, 'LIST', 'secret/', { token });
  assert.deepEqual(all.reply?.data?.['keys'], ['a', 'b']);
});

test('a role gives tokens nothing that its lists do not allow, and sudo alone chooses ids, periods and orphans', async () => {
  const { node, root } = await runningNode();
  await using _ = node;
  const policy = 'path "auth/token/create/*" { capabilities = ["update"] }';
  await ask(node, 'PUT', 'sys/policies/acl/maker', { token: root, body: { policy } });
  await ask(node, 'POST', 'auth/token/roles/app', { token: root, body: { allowed_policies: 'app', orphan: true } });
  const made = await ask(node, 'POST', 'auth/token/create', { token: root, body: { policies: ['maker'] } });
  const token = String(made.reply?.auth?.['client_token']);
  const make = (body: Record<string, unknown>) => ask(node, 'POST', 'auth/token/create/app', { token, body });
  const good = await make({});
  assert.deepEqual(good.reply?.auth?.['policies'], ['app', 'default']);
  assert.equal(good.reply?.auth?.['orphan'], true);
  for (const body of [{ policies: ['maker'] }, { policies: ['root'] }, { period: '1h' }, { id: 'chosen' }]) {
    assert.equal((await make(body)).status, 400, JSON.stringify(body));
  }
});

test('help needs none of the parameters that the request itself needs', async () => {
  const { node, root: token } = await runningNode();
  await using _ = node;
  assert.equal((await ask(node, 'POST', 'sys/remount', { token, body: {} })).status, 400);
  assert.equal((await ask(node, 'GET', 'sys/remount', { token, help: true })).status, 200);
});
