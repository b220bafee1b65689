import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventsServer } from '../support/events.ts';
import { ask } from '../support/node.ts';

const told = ({ path, operation, version }: Readonly<Record<string, unknown>>) => [path, operation, version];

test('a subscriber is told of each change of its paths, with its index, and never of the data', async () => {
  await using server = await eventsServer();
  const { node, root: token } = server;
  const subscriber = await server.subscribe({ paths: ['secret/data/apps/eu/*', 'secret/data/one'] });
  const [welcome] = subscriber.frames;
  assert.equal(welcome?.['resumed'], false);
  await server.write('apps/eu/db', { password: 'CANARY' });
  await server.write('apps/us/db', { password: 'CANARY' });
  await server.write('one', { password: 'CANARY' });
  await ask(node, 'POST', 'secret/delete/one', { token, body: { versions: [1] } });
  await ask(node, 'POST', 'secret/undelete/one', { token, body: { versions: [1] } });
  await ask(node, 'POST', 'secret/destroy/one', { token, body: { versions: [1] } });
  await ask(node, 'POST', 'secret/metadata/one', { token, body: { max_versions: 3 } });
  await ask(node, 'DELETE', 'secret/metadata/one', { token });
  await subscriber.until(
    ({ path, operation, version }) => path === 'secret/data/one' && operation === 'delete' && version === undefined,
  );
  assert.deepEqual(subscriber.events.map(told), [
    ['secret/data/apps/eu/db', 'write', 1],
    ['secret/data/one', 'write', 1],
    ['secret/data/one', 'delete', 1],
    ['secret/data/one', 'write', 1],
    ['secret/data/one', 'destroy', 1],
    ['secret/data/one', 'metadata', undefined],
    ['secret/data/one', 'delete', undefined],
  ]);
  assert.equal(JSON.stringify(subscriber.frames).includes('CANARY'), false);
});

test('a mark says how far a subscriber was told, also when nothing of its own changed', async () => {
  await using server = await eventsServer();
  const subscriber = await server.subscribe({ paths: ['secret/data/a'] });
  const index = await server.write('b', { x: '1' });
  const mark = await subscriber.until((frame) => frame.kind === 'mark' && frame['index'] === index);
  assert.equal(mark['index'], index);
});

test('an events client of Vault gets its CloudEvents', async () => {
  await using server = await eventsServer();
  const subscriber = await server.subscribe({ vault: true, type: 'kv-v2/data-*', query: { json: 'true' } });
  await ask(server.node, 'POST', 'secret/metadata/x', { token: server.root, body: { max_versions: 3 } });
  await server.write('x', { k: 'CANARY' });
  const event = await subscriber.until(() => true);
  const data = event['data'] as Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  assert.deepEqual([event['specversion'], event['datacontentype']], ['1.0', 'application/cloudevents']);
  assert.equal(data['event_type'], 'kv-v2/data-write');
  assert.equal(data['plugin_info']?.['mount_path'], 'secret/');
  assert.deepEqual(data['event']?.['metadata'], {
    current_version: '1',
    data_path: 'secret/data/x',
    modified: 'true',
    oldest_version: '0',
    operation: 'data-write',
    path: 'secret/data/x',
  });
});
