import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, runningNode } from '../../test/support/node.ts';

test('a move is told of by its id, and one that never was is not', async () => {
  const { node, root: token } = await runningNode();
  await ask(node, 'POST', 'sys/mounts/a', { token, body: { type: 'kv' } });
  await ask(node, 'POST', 'a/x', { token, body: { y: '1' } });
  const moved = await ask(node, 'POST', 'sys/remount', { token, body: { from: 'a', to: 'b' } });
  const id = String(moved.reply?.data?.['migration_id']);
  const { reply } = await ask(node, 'GET', `sys/remount/status/${id}`, { token });
  const info = { source_mount: 'a/', target_mount: 'b/', status: 'success' };
  assert.deepEqual(reply?.data, { migration_id: id, migration_info: info });
  assert.deepEqual((await ask(node, 'GET', 'b/x', { token })).reply?.data, { y: '1' });
  assert.equal((await ask(node, 'GET', 'sys/remount/status/none', { token })).status, 404);
  const twice = await ask(node, 'POST', 'sys/remount', { token, body: { from: 'a', to: 'c' } });
  assert.equal(twice.status, 400);
});

test('a move in one namespace is not told of in another', async () => {
  const { node, root: token } = await runningNode();
  for (const name of ['a', 'b']) await ask(node, 'POST', `sys/namespaces/${name}`, { token });
  await ask(node, 'POST', 'sys/mounts/x', { token, namespace: 'a', body: { type: 'kv' } });
  const asking = { token, namespace: 'a', body: { from: 'x', to: 'y' } };
  const id = String((await ask(node, 'POST', 'sys/remount', asking)).reply?.data?.['migration_id']);
  const status = async (namespace: string): Promise<number> =>
    (await ask(node, 'GET', `sys/remount/status/${id}`, { token, namespace })).status;
  assert.deepEqual([await status('a'), await status('b'), await status('')], [200, 404, 404]);
});
