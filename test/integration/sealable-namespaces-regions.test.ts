import assert from 'node:assert/strict';
import { test } from 'node:test';
import { everyKey } from '../../src/storage/every-key.ts';
import { testHub, testRegion, type TestHub } from '../support/cluster.ts';
import { ask } from '../support/node.ts';
import { SealableWorld } from '../support/sealable-world.ts';

async function converged(hub: TestHub): Promise<void> {
  const { reply } = await ask(hub.node, 'POST', 'sys/wait', { token: hub.root, body: { latest: true, timeout: 10 } });
  assert.equal(reply?.data?.['state'], 'done');
}

test('a region gets nothing of a namespace with a seal of its own, sealed or not, whatever its filter', async () => {
  const hub = await testHub();
  await using _hub = hub.node;
  const world = new SealableWorld(hub);
  await world.must('POST', 'sys/mounts/secret', { type: 'kv' });
  // One is there before the region, open; one is sealed; one comes later.
  const open = await world.make('open');
  await world.unseal('open', open);
  await world.must('POST', 'sys/mounts/kv', { type: 'kv' }, 'open');
  await world.must('POST', 'kv/x', { word: 'hush' }, 'open');
  await world.must('POST', 'sys/namespaces/inner', undefined, 'open');
  const shut = await world.make('shut');
  await world.unseal('shut', shut);
  await world.must('POST', 'sys/mounts/kv', { type: 'kv' }, 'shut');
  await world.must('POST', 'kv/x', { word: 'hush' }, 'shut');
  await world.seal('shut');
  const eu = await testRegion(hub, 'eu', ['*']);
  await using _eu = eu.node;
  await converged(hub);
  await world.must('POST', 'kv/x', { word: 'hush again' }, 'open');
  const late = await world.make('late');
  await world.unseal('late', late);
  await world.must('POST', 'sys/mounts/kv', { type: 'kv' }, 'late');
  await world.must('POST', 'sys/namespaces/plain');
  await world.must('POST', 'sys/mounts/kv', { type: 'kv' }, 'plain');
  await world.must('POST', 'kv/x', { word: 'told' }, 'plain');
  await world.seal('open');
  await world.must('POST', 'secret/x', { word: 'told' });
  await converged(hub);
  const apart = hub.node.services.namespaces.all().filter(({ domain }) => domain !== undefined);
  assert.equal(apart.length, 4);
  using snapshot = eu.behind.snapshot();
  for (const key of everyKey(snapshot, 's/')) {
    assert.ok(!apart.some(({ id, path }) => key.includes(id) || key.endsWith(`/names/${path.slice(0, -1)}`)), key);
  }
  const at = async (path: string, namespace = '') => ask(eu.node, 'GET', path, { token: eu.root, namespace });
  assert.equal((await at('kv/x', 'open')).status, 404);
  assert.deepEqual((await at('kv/x', 'plain')).reply?.data, { word: 'told' });
  assert.deepEqual((await at('secret/x')).reply?.data, { word: 'told' });
  // Nor does one reach there through the hub, or make one: the shares would lie in the hub's own records.
  const rules = 'path "*" { capabilities = ["create", "update", "read", "delete"] }';
  await world.must('PUT', 'sys/policies/acl/all', { policy: rules });
  await converged(hub);
  const made = await ask(eu.node, 'POST', 'auth/token/create', { token: eu.root, body: { policies: ['all'] } });
  const token = String(made.auth?.['client_token']);
  const seal = 'seal "shamir" { shares = 1 threshold = 1 }';
  const tried = await ask(eu.node, 'POST', 'sys/namespaces/mine', { token, body: { seal } });
  assert.equal(tried.status, 403, JSON.stringify(tried.errors));
  assert.equal(await world.status('sys/namespaces/mine'), 404);
  // Gone at the hub, nothing changes here.
  await world.must('DELETE', 'sys/namespaces/late');
  await converged(hub);
  assert.deepEqual((await at('kv/x', 'plain')).reply?.data, { word: 'told' });
});
