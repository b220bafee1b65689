import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, runningNode } from '../../test/support/node.ts';

test('the catalogue names what is built in', async () => {
  const { node, root: token } = await runningNode();
  const { reply } = await ask(node, 'GET', 'sys/plugins/catalog', { token });
  assert.ok((reply?.data?.['auth'] as string[]).includes('approle'));
  assert.ok((reply?.data?.['secret'] as string[]).includes('kv'));
  assert.equal(JSON.stringify(reply?.data).includes('cubbyhole'), false);
  assert.deepEqual(
    (await ask(node, 'LIST', 'sys/plugins/catalog/auth', { token })).reply?.data?.['keys'],
    reply?.data?.['auth'],
  );
});

test('the catalogue answers by type and name, and cannot be changed', async () => {
  const { node, root: token } = await runningNode();
  assert.equal((await ask(node, 'LIST', 'sys/plugins/catalog/database', { token })).status, 404);
  assert.equal((await ask(node, 'LIST', 'sys/plugins/catalog/other', { token })).status, 400);
  const kv = await ask(node, 'GET', 'sys/plugins/catalog/secret/kv', { token });
  assert.equal(kv.reply?.data?.['builtin'], true);
  assert.equal((await ask(node, 'GET', 'sys/plugins/catalog/auth/kv', { token })).status, 404);
  const old = await ask(node, 'GET', 'sys/plugins/catalog/secret/kv', { token, query: { version: 'v0.0.1' } });
  assert.equal(old.status, 404);
  for (const method of ['PUT', 'DELETE']) {
    const path = 'sys/plugins/catalog/secret/own';
    assert.equal((await ask(node, method, path, { token, body: { command: 'x' } })).status, 400);
  }
});

test('a reload is answered for what is there, and refused by name for what is not', async () => {
  const { node, root: token } = await runningNode();
  await ask(node, 'POST', 'sys/mounts/here', { token, body: { type: 'kv' } });
  const reload = async (body: object) =>
    (await ask(node, 'PUT', 'sys/plugins/reload/backend', { token, body: { ...body } })).status;
  assert.equal(await reload({ plugin: 'kv' }), 200);
  assert.equal(await reload({ mounts: ['here', 'here/'], scope: 'global' }), 200);
  for (const body of [{}, { plugin: 'none' }, { mounts: 'gone/' }, { plugin: 'kv', mounts: 'here/' }]) {
    assert.equal(await reload(body), 400, JSON.stringify(body));
  }
});
