/** A KV mount of version 1 that is given versions. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keys } from '../../src/core/keys.ts';
import type { JsonObject } from '../../src/framework/field.ts';
import { encodeRecord } from '../../src/lib/record.ts';
import { ask, runningNode } from '../support/node.ts';

const VERSIONED = { options: { version: '2' } };

async function started() {
  const { node, root: token } = await runningNode();
  const at = async (method: string, path: string, body?: JsonObject) => {
    const { status, reply, errors } = await ask(node, method, path, { token, ...(body === undefined ? {} : { body }) });
    return { status, data: reply?.data ?? {}, error: errors?.[0] ?? '' };
  };
  await at('POST', 'sys/mounts/old', { type: 'kv', options: { version: '1' } });
  return { node, at, uuid: node.services.mounts.at('root', 'old/')?.record.uuid ?? '' };
}

test('its secrets are version 1 of themselves, and the mount goes on as any of version 2', async () => {
  const { node, at } = await started();
  await using _ = node;
  for (const path of ['a', 'deep/er/b', 'data/c']) await at('POST', `old/${path}`, { word: path });
  await at('POST', 'old/gone', { word: 'gone' });
  await at('DELETE', 'old/gone');
  assert.equal((await at('POST', 'sys/mounts/old/tune', VERSIONED)).status, 204);
  for (const path of ['a', 'deep/er/b', 'data/c']) {
    const { data } = await at('GET', `old/data/${path}`);
    assert.deepEqual(data['data'], { word: path });
    assert.equal((data['metadata'] as JsonObject)['version'], 1);
  }
  assert.equal((await at('GET', 'old/data/gone')).status, 404);
  assert.equal((await at('GET', 'old/a')).status, 404, 'the paths of version 1 are gone');
  assert.deepEqual((await at('LIST', 'old/metadata')).data['keys'], ['a', 'data/', 'deep/']);
  assert.equal((await at('POST', 'old/data/a', { data: { word: 'two' } })).data['version'], 2);
  // Asked again, it is no change; and there is no way back.
  assert.equal((await at('POST', 'sys/mounts/old/tune', VERSIONED)).status, 204);
  const back = await at('POST', 'sys/mounts/old/tune', { options: { version: '1' } });
  assert.deepEqual([back.status, back.error], [400, 'cannot downgrade mount from version 2']);
  assert.equal((await at('POST', 'sys/mounts/old/tune', { options: { version: '3' } })).status, 400);
  assert.deepEqual(((await at('GET', 'old/data/a')).data['data'] as JsonObject)['word'], 'two');
});

test('one with more than fits into a transaction is refused, and stays as it is', async () => {
  const { node, at, uuid } = await started();
  await using _ = node;
  await node.services.store.transact((tx) => {
    for (let at = 0; at <= 10_000; at++) {
      tx.put(`${keys.data('s', 'root', uuid)}v1/${String(at)}`, encodeRecord({ at }));
    }
  });
  const refused = await at('POST', 'sys/mounts/old/tune', { ...VERSIONED, description: 'changed' });
  assert.equal(refused.status, 400);
  assert.match(refused.error, /more than 10,000 secrets: mount a new one of version 2/);
  assert.deepEqual((await at('GET', 'old/7')).data, { at: 7 });
  assert.equal((await at('GET', 'sys/mounts/old')).data['description'], '');
  await at('DELETE', 'old/0');
  assert.equal((await at('POST', 'sys/mounts/old/tune', VERSIONED)).status, 204);
  assert.deepEqual((await at('GET', 'old/data/10000')).data['data'], { at: 10_000 });
});

test('a write that was on its way to version 1 is refused, not lost', async () => {
  const { node, at } = await started();
  await using _ = node;
  const before = node.services.mounts.at('root', 'old/');
  await at('POST', 'sys/mounts/old/tune', VERSIONED);
  const view = (before?.instance as { view: { shared: object } }).view;
  assert.ok(view);
  const match = before?.router.match('late');
  const write = match?.path.operations.update;
  assert.ok(match && write);
  const call = { body: { word: 'late' } };
  await assert.rejects(
    Promise.resolve(write.run(before?.instance as never, { path: 'late' } as never, call as never)),
    { code: 'conflict' },
  );
});
