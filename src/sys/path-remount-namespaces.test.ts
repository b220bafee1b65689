/** A mount that moves to another namespace: what goes along, what ends, and what is refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, runningNode } from '../../test/support/node.ts';
import { LeaseWorld } from '../../test/support/lease-world.ts';
import { keys } from '../core/keys.ts';
import type { Node } from '../core/node.ts';
import type { JsonObject } from '../framework/field.ts';
import { everyKey } from '../storage/every-key.ts';

const made = async (node: Node, path: string, asking: { token: string; body?: JsonObject; namespace?: string }) => {
  const answer = await ask(node, 'POST', path, asking);
  assert.ok(answer.status < 300, `${path}: ${String(answer.errors)}`);
  return { data: answer.reply?.data, token: String(answer.auth?.['client_token']) };
};

async function withNamespaces() {
  const { node, root: token } = await runningNode();
  for (const name of ['a', 'b']) await made(node, `sys/namespaces/${name}`, { token });
  await made(node, 'sys/namespaces/c', { token, namespace: 'a' });
  return { node, token };
}

/** Asks until it is over: what is shown of it. */
async function moved(node: Node, token: string, [from, to]: readonly [string, string], namespace = '') {
  const { data } = await made(node, 'sys/remount', { token, namespace, body: { from, to } });
  const id = String(data?.['migration_id']);
  for (;;) {
    const found = await ask(node, 'GET', `sys/remount/status/${id}`, { token, namespace });
    const info = found.reply?.data?.['migration_info'] as JsonObject;
    if (info['status'] !== 'in-progress') return info;
  }
}

function keysWith(node: Node, part: string): readonly string[] {
  using snapshot = node.services.store.snapshot();
  return [...everyKey(snapshot, '')].filter((key) => key.includes(part));
}

test('all data goes along, and of the old mount nothing is left', async () => {
  const { node, token } = await withNamespaces();
  await made(node, 'sys/mounts/kv', { token, body: { type: 'kv', description: 'ours', options: { version: '2' } } });
  const old = node.services.mounts.at('root', 'kv/')?.record;
  assert.ok(old);
  // More than one page.
  for (let at = 0; at < 120; at += 1) {
    await made(node, `kv/data/${String(at)}`, { token, body: { data: { n: at } } });
  }
  await made(node, 'kv/data/7', { token, body: { data: { n: 'new' } } });
  const info = await moved(node, token, ['kv', 'a/c/deep/kv']);
  assert.deepEqual(info, { source_mount: 'kv/', target_mount: 'a/c/deep/kv/', status: 'success' });
  for (const [at, n] of [
    ['0', 0],
    ['119', 119],
    ['7', 'new'],
  ] as const) {
    const read = await ask(node, 'GET', `a/c/deep/kv/data/${at}`, { token });
    assert.deepEqual((read.reply?.data?.['data'] as JsonObject)['n'], n);
  }
  const first = await ask(node, 'GET', 'deep/kv/data/7', { token, namespace: 'a/c', query: { version: '1' } });
  assert.deepEqual((first.reply?.data?.['data'] as JsonObject)['n'], 7);
  assert.equal((await ask(node, 'GET', 'kv/data/0', { token })).status, 404);
  const there = await ask(node, 'GET', 'sys/mounts/deep/kv', { token, namespace: 'a/c' });
  const { accessor, description, uuid } = there.reply?.data ?? {};
  assert.deepEqual([accessor, description], [old.accessor, 'ours']);
  assert.notEqual(uuid, old.uuid);
  await made(node, 'deep/kv/data/7', { token, namespace: 'a/c', body: { data: { n: 'written' } } });
  // Back, and to the one beside it.
  assert.equal((await moved(node, token, ['c/deep/kv', 'kv2'], 'a'))['target_mount'], 'a/kv2/');
  assert.equal((await moved(node, token, ['a/kv2', 'kv']))['status'], 'success');
  const read = await ask(node, 'GET', 'kv/data/7', { token });
  assert.deepEqual((read.reply?.data?.['data'] as JsonObject)['n'], 'written');
  assert.deepEqual(keysWith(node, old.uuid), []);
  assert.deepEqual(keysWith(node, '/removals/'), []);
  assert.deepEqual(keysWith(node, keys.mountMoves), []);
});

test('while it moves it is read and not written, its new path is taken, and it does not move twice', async () => {
  const { node, token } = await withNamespaces();
  await made(node, 'sys/mounts/kv', { token, body: { type: 'kv' } });
  await made(node, 'kv/x', { token, body: { y: '1' } });
  const mounted = node.services.mounts.at('root', 'kv/');
  const namespace = node.services.namespaces.byPath('a/');
  assert.ok(mounted && namespace);
  const { mountMoves } = node.services;
  const order = await mountMoves.begin(mounted, { namespace, path: 'kv/' });
  const write = await ask(node, 'POST', 'kv/x', { token, body: { y: '2' } });
  assert.equal(write.status, 503);
  assert.match(write.errors?.[0] ?? '', /being moved/);
  assert.deepEqual((await ask(node, 'GET', 'kv/x', { token })).reply?.data, { y: '1' });
  assert.equal((await ask(node, 'GET', 'a/kv/x', { token })).status, 404);
  const listed = await ask(node, 'GET', 'sys/mounts', { token, namespace: 'a' });
  assert.equal(Object.hasOwn(listed.reply?.data ?? {}, 'kv/'), false);
  const taken = await ask(node, 'POST', 'sys/mounts/kv', { token, namespace: 'a', body: { type: 'kv' } });
  assert.match(taken.errors?.[0] ?? '', /already in use at kv/);
  const twice = await ask(node, 'POST', 'sys/remount', { token, body: { from: 'kv', to: 'b/kv' } });
  assert.match(twice.errors?.[0] ?? '', /being moved already/);
  // It is this process's own: nothing of it was cut off.
  await mountMoves.resume();
  await mountMoves.finish(order);
  assert.deepEqual((await ask(node, 'GET', 'a/kv/x', { token })).reply?.data, { y: '1' });
});

for (const [what, path] of [
  ['its namespace', 'sys/namespaces/a'],
  ['the mount', 'sys/mounts/kv'],
] as const) {
  test(`where ${what} is deleted while it moves, nothing of the copy stays`, async () => {
    const { node, token } = await withNamespaces();
    await ask(node, 'DELETE', 'sys/namespaces/c', { token, namespace: 'a' });
    await made(node, 'sys/mounts/kv', { token, body: { type: 'kv' } });
    await made(node, 'kv/x', { token, body: { y: '1' } });
    const mounted = node.services.mounts.at('root', 'kv/');
    const namespace = node.services.namespaces.byPath('a/');
    assert.ok(mounted && namespace);
    const order = await node.services.mountMoves.begin(mounted, { namespace, path: 'kv/' });
    assert.ok((await ask(node, 'DELETE', path, { token })).status < 300);
    await assert.rejects(node.services.mountMoves.finish(order), /changed meanwhile/);
    assert.deepEqual(keysWith(node, order.target.mount), []);
    assert.deepEqual(keysWith(node, keys.mountMoves), []);
    const kept = await ask(node, 'GET', 'kv/x', { token });
    assert.equal(kept.status, what === 'the mount' ? 404 : 200);
  });
}

test('tokens of an auth mount end, its roles go along, and quotas follow', async () => {
  const { node, token } = await withNamespaces();
  await made(node, 'sys/auth/up', { token, body: { type: 'userpass' } });
  await made(node, 'auth/up/users/u', { token, body: { password: 'p' } });
  await made(node, 'sys/quotas/rate-limit/q', { token, body: { path: 'auth/up', rate: 1000 } });
  const { token: own } = await made(node, 'auth/up/login/u', { token: '', body: { password: 'p' } });
  assert.equal((await ask(node, 'GET', 'auth/token/lookup-self', { token: own })).status, 200);
  assert.equal((await moved(node, token, ['auth/up', 'a/auth/users']))['target_mount'], 'a/auth/users/');
  assert.equal((await ask(node, 'GET', 'auth/token/lookup-self', { token: own })).status, 403);
  await made(node, 'auth/users/login/u', { token: '', namespace: 'a', body: { password: 'p' } });
  const quota = await ask(node, 'GET', 'sys/quotas/rate-limit/q', { token });
  assert.equal(quota.reply?.data?.['path'], 'a/auth/users/');
});

test('what cannot move is refused, and changes nothing', async () => {
  const { node, token } = await withNamespaces();
  await made(node, 'sys/mounts/kv', { token, body: { type: 'kv' } });
  await made(node, 'sys/mounts/here', { token, namespace: 'a', body: { type: 'kv' } });
  await made(node, 'sys/auth/up', { token, body: { type: 'userpass' } });
  for (const [from, to] of [
    ['kv', 'kv'],
    ['kv', 'a'],
    ['kv', 'a/c/'],
    ['kv', 'a/here'],
    ['kv', 'a/here/below'],
    ['kv', 'a/auth/kv'],
    ['kv', 'a/sys/kv'],
    ['kv', 'a/identity/kv'],
    ['kv', 'a/../kv'],
    ['sys', 'a/other'],
    ['a/cubbyhole', 'b/other'],
    ['identity', 'a/other'],
    ['auth/token', 'a/auth/other'],
    ['auth/up', 'a/up'],
    ['auth/up', 'a/auth'],
    ['a/none', 'kv2'],
  ]) {
    const refused = await ask(node, 'POST', 'sys/remount', { token, body: { from, to } });
    assert.equal(refused.status, 400, `${String(from)} to ${String(to)}`);
  }
  assert.deepEqual(keysWith(node, keys.mountMoves), []);
  // A namespace reaches what is in it alone.
  const up = await ask(node, 'POST', 'sys/remount', { token, namespace: 'a', body: { from: 'kv', to: 'kv2' } });
  assert.equal(up.status, 400);
  await made(node, 'sys/namespaces/api-lock/lock/b', { token });
  const locked = await ask(node, 'POST', 'sys/remount', { token, body: { from: 'kv', to: 'b/kv' } });
  assert.equal(locked.status, 503);
  await made(node, 'sys/policies/acl/most', {
    token,
    body: { policy: 'path "sys/remount" { capabilities = ["update"] }' },
  });
  const { token: weak } = await made(node, 'auth/token/create', { token, body: { policies: ['most'] } });
  const denied = await ask(node, 'POST', 'sys/remount', { token: weak, body: { from: 'kv', to: 'a/kv' } });
  assert.equal(denied.status, 403);
});

test('its leases are taken back before it moves', async (t) => {
  const world = await LeaseWorld.open(t);
  await world.must('POST', 'sys/namespaces/a');
  await world.must('GET', 'db/creds/app', { query: { ttl: '1h' } });
  assert.equal(world.users().length, 1);
  await world.must('POST', 'sys/remount', { body: { from: 'db', to: 'a/db' } });
  assert.equal(world.users().length, 0);
});
