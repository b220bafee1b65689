import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../framework/field.ts';
import { ask, runningNode } from '../../test/support/node.ts';

test('the mount of a path that leads into namespaces below is told, by rights there, unless they are locked', async () => {
  const { node, root } = await runningNode();
  await using _ = node;
  const write = async (path: string, body: JsonObject, namespace = ''): Promise<JsonObject> => {
    const outcome = await ask(node, 'POST', path, { token: root, body, namespace });
    assert.ok(outcome.status < 300, `${path}: ${(outcome.errors ?? []).join()}`);
    return { ...outcome.reply?.data, ...outcome.auth };
  };
  await write('sys/namespaces/team', {});
  await write('sys/namespaces/inner', {}, 'team');
  await write('sys/mounts/secret', { type: 'kv', options: { version: '2' } }, 'team/inner');
  const mountOf = async (path: string, namespace: string, token = root): Promise<readonly unknown[]> => {
    const { status, reply } = await ask(node, 'GET', `sys/internal/ui/mounts/${path}`, { token, namespace });
    return [status, reply?.data?.['path']];
  };
  assert.deepEqual(await mountOf('inner/secret/a', 'team'), [200, 'team/inner/secret/']);
  assert.deepEqual(await mountOf('team/inner/secret', ''), [200, 'team/inner/secret/']);
  assert.deepEqual(await mountOf('secret/a', 'team/inner'), [200, 'secret/']);
  for (const path of ['inner/none/a', 'inner', 'inner/', 'secret/a']) {
    assert.deepEqual(await mountOf(path, 'team'), [403, undefined], path);
  }
  const holder = async (rule: string): Promise<string> => {
    await write('sys/policies/acl/p', { policy: `path "${rule}" { capabilities = ["read"] }` }, 'team');
    return String((await write('auth/token/create', { policies: ['p'] }, 'team'))['client_token']);
  };
  assert.deepEqual(await mountOf('inner/secret/a', 'team', await holder('secret/*')), [403, undefined]);
  assert.deepEqual(await mountOf('inner/secret/a', 'team', await holder('inner/secret/*')), [
    200,
    'team/inner/secret/',
  ]);
  await write('sys/namespaces/api-lock/lock', {}, 'team/inner');
  assert.deepEqual(await mountOf('inner/secret/a', 'team'), [503, undefined]);
});
