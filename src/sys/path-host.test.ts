import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, runningNode } from '../../test/support/node.ts';
import { version } from '../lib/version.ts';
import { openMemoryStore } from '../storage/memory/open.ts';

test('the host is described by its processors, memory and disks', async () => {
  const { node, root: token } = await runningNode();
  const { reply } = await ask(node, 'GET', 'sys/host-info', { token });
  const data = reply?.data as { cpu: unknown[]; memory: { total: number }; disk: { total: number }[]; host: object };
  assert.ok(data.cpu.length > 0);
  assert.ok(data.memory.total > 0);
  assert.ok(data.disk.every(({ total }) => total > 0));
  assert.ok('hostname' in data.host);
});

test('the version that runs is noted once, also over a seal', async () => {
  const store = openMemoryStore();
  const { node, root: token, share } = await runningNode({ store, now: () => 86_400_000 });
  await node.seal();
  await node.unseal(Buffer.from(share, 'hex'));
  const { reply } = await ask(node, 'LIST', 'sys/version-history', { token });
  assert.deepEqual(reply?.data?.['keys'], [version]);
  const info = (reply?.data?.['key_info'] as Record<string, object>)[version];
  assert.deepEqual(info, {
    build_date: '',
    previous_version: null,
    timestamp_installed: '1970-01-02T00:00:00.000Z',
  });
});

test('a node that is alone leads, and stepping down needs sudo', async () => {
  const { node, root: token } = await runningNode();
  const { reply } = await ask(node, 'GET', 'sys/ha-status', { token });
  const [only] = reply?.data?.['nodes'] as readonly Record<string, unknown>[];
  assert.equal(only?.['active_node'], true);
  assert.equal((await ask(node, 'PUT', 'sys/step-down', { token })).status, 204);
  const policy = 'path "sys/step-down" { capabilities = ["update"] }';
  await ask(node, 'PUT', 'sys/policies/acl/p', { token, body: { policy } });
  const made = await ask(node, 'POST', 'auth/token/create', { token, body: { policies: ['p'] } });
  const weak = String(made.auth?.['client_token']);
  assert.equal((await ask(node, 'PUT', 'sys/step-down', { token: weak })).status, 403);
});

test('without a server nothing is in flight', async () => {
  const { node, root: token } = await runningNode();
  assert.deepEqual((await ask(node, 'GET', 'sys/in-flight-req', { token })).reply?.bare, {});
});
