import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { decodeIndex } from '../../src/core/freshness.ts';
import type { Outcome } from '../../src/framework/request.ts';
import { addRegion, cloneOf, testHub, testRegion, type TestHub } from '../support/cluster.ts';
import { ask } from '../support/node.ts';

const index = (outcome: Outcome): string => outcome.headers['X-Vault-Index'] ?? '';

async function mounted(): Promise<TestHub> {
  const hub = await testHub();
  const { node, root: token } = hub;
  await ask(node, 'POST', 'sys/mounts/secret', { token, body: { type: 'kv', options: { version: '2' } } });
  await ask(node, 'POST', 'sys/auth/approle', { token, body: { type: 'approle' } });
  return hub;
}

const write = (hub: TestHub, path: string, data: Record<string, unknown>) =>
  ask(hub.node, 'POST', `secret/data/${path}`, { token: hub.root, body: { data } });

async function converged(hub: TestHub): Promise<Record<string, unknown>> {
  const { reply } = await ask(hub.node, 'POST', 'sys/wait', { token: hub.root, body: { latest: true, timeout: 10 } });
  return { ...reply?.data };
}

test('a write at the hub is read in a region that may hold it, and nowhere else', async () => {
  const hub = await mounted();
  await using _hub = hub.node;
  await write(hub, 'eu/db', { password: 'p1' });
  await write(hub, 'us/db', { password: 'p2' });
  const eu = await testRegion(hub, 'eu', ['secret/eu/']);
  await using _eu = eu.node;
  assert.equal((await converged(hub))['state'], 'done');
  const read = await ask(eu.node, 'GET', 'secret/data/eu/db', { token: eu.root });
  assert.deepEqual(read.reply?.data?.['data'], { password: 'p1' });
  assert.equal((await ask(eu.node, 'GET', 'secret/data/us/db', { token: eu.root })).status, 404);
  assert.deepEqual((await ask(eu.node, 'LIST', 'secret/metadata/', { token: eu.root })).reply?.data?.['keys'], ['eu/']);
  const written = await write(hub, 'eu/db', { password: 'p3' });
  const later = await ask(eu.node, 'GET', 'secret/data/eu/db', { token: eu.root, index: index(written) });
  assert.deepEqual(later.reply?.data?.['data'], { password: 'p3' });
});

test('a read that asks for the index of a write waits for it alone, and each reply carries the index of what it shows', async () => {
  const hub = await mounted();
  await using _hub = hub.node;
  const eu = await testRegion(hub, 'eu', ['secret/eu/']);
  await using _eu = eu.node;
  await converged(hub);
  const start = performance.now();
  for (let n = 1; n <= 20; n += 1) {
    const written = await write(hub, 'eu/db', { n });
    const asked = { token: eu.root, index: index(written) };
    const read = await ask(eu.node, 'GET', 'secret/data/eu/db', asked);
    assert.deepEqual(read.reply?.data?.['data'], { n });
    assert.equal(decodeIndex(index(read))?.[hub.store.log]?.sequence, hub.store.position.sequence);
  }
  // A waiter that is not woken finds what it asked for when its time is over, after 2 s each.
  assert.ok(performance.now() - start < 20_000);
});

test('a region logs in by itself, and forwards writes that its token’s policies allow at the hub', async () => {
  const hub = await mounted();
  await using _hub = hub.node;
  const policy = 'path "secret/data/eu/*" { capabilities = ["create", "read", "update"] }';
  await ask(hub.node, 'PUT', 'sys/policies/acl/eu-app', { token: hub.root, body: { policy } });
  await ask(hub.node, 'POST', 'auth/approle/role/eu-app', { token: hub.root, body: { token_policies: 'eu-app' } });
  const id = await ask(hub.node, 'GET', 'auth/approle/role/eu-app/role-id', { token: hub.root });
  const secret = await ask(hub.node, 'POST', 'auth/approle/role/eu-app/secret-id', { token: hub.root });
  const eu = await testRegion(hub, 'eu', ['secret/eu/', 'auth/approle/role/eu-app', 'sys/policies/acl/eu-*']);
  await using _eu = eu.node;
  assert.equal((await converged(hub))['state'], 'done');
  const body = { role_id: id.reply?.data?.['role_id'], secret_id: secret.reply?.data?.['secret_id'] };
  const login = await ask(eu.node, 'POST', 'auth/approle/login', { body });
  const token = String(login.auth?.['client_token']);
  const put = await ask(eu.node, 'POST', 'secret/data/eu/new', { token, body: { data: { a: '1' } } });
  assert.equal(put.status, 200, JSON.stringify(put.errors));
  assert.deepEqual((await ask(eu.node, 'GET', 'secret/data/eu/new', { token })).reply?.data?.['data'], { a: '1' });
  assert.equal((await ask(hub.node, 'GET', 'secret/data/eu/new', { token: hub.root })).status, 200);
  const outside = await ask(eu.node, 'POST', 'secret/data/us/new', { token, body: { data: { a: '1' } } });
  assert.equal(outside.status, 403);
  const byRoot = await ask(eu.node, 'POST', 'secret/data/eu/new', { token: eu.root, body: { data: {} } });
  assert.equal(byRoot.status, 403, 'a region’s root token rules that region alone');
});

test('without its hub a region reads and logs in, and says at once that it cannot write', async () => {
  const hub = await mounted();
  await write(hub, 'eu/db', { password: 'p1' });
  const eu = await testRegion(hub, 'eu', ['secret/eu/']);
  await using _eu = eu.node;
  assert.equal((await converged(hub))['state'], 'done');
  await hub.node[Symbol.asyncDispose]();
  for (let connected: unknown = true; connected === true;) {
    connected = (await ask(eu.node, 'GET', 'sys/regions', { token: eu.root })).reply?.data?.['connected'];
    await new Promise(setImmediate);
  }
  const read = await ask(eu.node, 'GET', 'secret/data/eu/db', { token: eu.root });
  assert.equal(read.status, 200);
  assert.match(read.headers['X-Lockstep-Age'] ?? '', /^\d+$/);
  assert.equal(read.headers['X-Lockstep-Region'], 'eu');
  const policies = { policies: ['default'] };
  const made = await ask(eu.node, 'POST', 'auth/token/create', { token: eu.root, body: policies });
  assert.equal(made.status, 200);
  const put = await ask(eu.node, 'POST', 'secret/data/eu/db', { token: eu.root, body: { data: {} } });
  assert.equal(put.status, 503);
  assert.match(put.errors?.[0] ?? '', /hub cannot be reached/);
});

test('a narrower rule purges, a wider one brings what it allows', async () => {
  const hub = await mounted();
  await using _hub = hub.node;
  await write(hub, 'eu/db', { password: 'p1' });
  await write(hub, 'us/db', { password: 'p2' });
  const eu = await testRegion(hub, 'eu', ['secret/eu/']);
  await using _eu = eu.node;
  await converged(hub);
  const rules = (paths: readonly string[]) =>
    ask(hub.node, 'PATCH', 'sys/regions/eu', { token: hub.root, body: { paths } });
  assert.equal((await rules(['secret/us/'])).status, 204);
  assert.equal((await converged(hub))['state'], 'done');
  assert.equal((await ask(eu.node, 'GET', 'secret/data/eu/db', { token: eu.root })).status, 404);
  assert.equal((await ask(eu.node, 'GET', 'secret/data/us/db', { token: eu.root })).status, 200);
});

test('a wait names who has not, and nobody is no success', async () => {
  const hub = await mounted();
  await using _hub = hub.node;
  assert.equal((await converged(hub))['state'], 'nobody');
  await ask(hub.node, 'POST', 'sys/regions/eu', { token: hub.root, body: { paths: ['secret/'] } });
  const body = { latest: true, timeout: '1s' };
  const { reply } = await ask(hub.node, 'POST', 'sys/wait', { token: hub.root, body });
  assert.equal(reply?.data?.['state'], 'missing');
  assert.deepEqual(reply?.data?.['missing'], [{ kind: 'region', name: 'eu', why: 'never acknowledged' }]);
});

test('a cloned certificate blocks both nodes until the region is added anew', async () => {
  const hub = await mounted();
  await using _hub = hub.node;
  const eu = await testRegion(hub, 'eu', ['secret/eu/']);
  await using _eu = eu.node;
  assert.equal((await converged(hub))['state'], 'done');
  const clone = await cloneOf(eu);
  await using _clone = clone;
  for (let blocked: unknown = null; blocked === null;) {
    blocked = (await ask(hub.node, 'GET', 'sys/regions/eu', { token: hub.root })).reply?.data?.['blocked'];
    await new Promise(setImmediate);
  }
  const { reply } = await ask(hub.node, 'GET', 'sys/regions/eu', { token: hub.root });
  assert.match(String(reply?.data?.['blocked']), /two nodes/);
  await eu.node[Symbol.asyncDispose]();
  const again = await testRegion(hub, 'eu', ['secret/eu/']);
  await using _again = again.node;
  assert.equal((await converged(hub))['state'], 'done', 'adding it anew lets it in');
});

test('a region that was removed comes back with a new join token, and keeps what it may still hold', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-regions-'));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  const file = join(folder, 'join-token');
  const hub = await mounted();
  await using _hub = hub.node;
  await write(hub, 'eu/db', { password: 'p1' });
  const eu = await testRegion(hub, 'eu', ['secret/eu/'], file);
  await using _eu = eu.node;
  assert.equal((await converged(hub))['state'], 'done');
  await ask(hub.node, 'DELETE', 'sys/regions/eu', { token: hub.root });
  for (let connected: unknown = true; connected === true;) {
    connected = (await ask(eu.node, 'GET', 'sys/regions', { token: eu.root })).reply?.data?.['connected'];
    await new Promise(setImmediate);
  }
  writeFileSync(file, await addRegion(hub, 'eu', ['secret/eu/']));
  await write(hub, 'eu/db', { password: 'p2' });
  assert.equal((await converged(hub))['state'], 'done');
  const read = await ask(eu.node, 'GET', 'secret/data/eu/db', { token: eu.root });
  assert.deepEqual(read.reply?.data?.['data'], { password: 'p2' });
});
