/** What takes leases with it: the end of a token, of a mount, of a namespace; and what does not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LeaseWorld } from '../../../test/support/lease-world.ts';
import { keys } from '../keys.ts';

const MINUTE = 60_000;
const ALL = 'path "*" { capabilities = ["create", "read", "update", "delete", "list", "sudo"] }';

async function withPolicy(world: LeaseWorld): Promise<void> {
  await world.must('PUT', 'sys/policies/acl/all', { body: { policy: ALL } });
}

test('the leases of a token end with it, those of its children too, and those of others stay', async (t) => {
  const world = await LeaseWorld.open(t);
  await withPolicy(world);
  const parent = await world.token({ policies: ['all'], ttl: '10h' });
  const child = await world.token({ policies: ['all'], ttl: '9h' }, parent);
  const orphan = await world.token({ policies: ['all'], no_parent: true, ttl: '9h' }, parent);
  for (const token of [parent, child, orphan]) await world.must('GET', 'db/creds/app', { token, query: { ttl: '1h' } });
  const stays = await world.must('GET', 'db/creds/app');
  await world.must('POST', 'auth/token/revoke', { body: { token: parent } });
  await world.settle();
  assert.equal(world.users().length, 2);
  assert.ok(world.users().includes(String(stays.reply?.data?.['user'])));
  assert.deepEqual(world.count(), { all: 2, irrevocable: 0 });
  await world.must('POST', 'auth/token/revoke-self', { token: orphan });
  await world.settle();
  assert.deepEqual(world.users(), [stays.reply?.data?.['user']]);
  world.assertWhole();
});

test('a lease ends with its token also where that expires, and cannot be renewed from that moment on', async (t) => {
  const world = await LeaseWorld.open(t);
  await withPolicy(world);
  const token = await world.token({ policies: ['all'], ttl: '5m' });
  const { leaseId } = await world.must('GET', 'db/creds/app', { token, query: { ttl: '1h' } });
  world.now += 5 * MINUTE;
  const renewal = await world.refused('POST', 'sys/leases/renew', { body: { lease_id: leaseId } });
  assert.deepEqual(renewal, [400, 'lease expired']);
  assert.equal(world.users().length, 1);
  // One tick sees to the token, and to what it owned.
  await world.settle();
  assert.deepEqual([world.users(), world.leases()], [[], []]);
  world.assertWhole();
});

test('a token with one use left gets no secret that would end with it; with two left it does', async (t) => {
  const world = await LeaseWorld.open(t);
  await withPolicy(world);
  const token = await world.token({ policies: ['all'], num_uses: 2, ttl: '1h' });
  await world.must('GET', 'db/creds/app', { token });
  const [status, error] = await world.refused('GET', 'db/creds/app', { token });
  assert.equal(status, 400);
  assert.match(String(error), /one use left/);
  // It is used up now, and takes the first one with it.
  await world.settle();
  assert.deepEqual(world.users(), []);
});

test('a wrapped secret keeps its lease, which belongs to the token that asked and not to the wrapping one', async (t) => {
  const world = await LeaseWorld.open(t);
  const wrapped = await world.must('GET', 'db/creds/app', { query: { ttl: '1h' }, wrapTtl: 60 });
  assert.deepEqual([wrapped.leaseId, wrapped.leaseDuration, wrapped.reply], ['', 0, undefined]);
  const wrapping = String(wrapped.wrapInfo?.['token']);
  const opened = await world.must('POST', 'sys/wrapping/unwrap', { body: { token: wrapping } });
  const body = JSON.parse(String(opened.reply?.raw?.body)) as Record<string, unknown>;
  assert.match(String(body['lease_id']), /^db\/creds\/app\/\w{24}$/);
  assert.deepEqual([body['lease_duration'], body['renewable']], [3_600, true]);
  await world.settle();
  assert.deepEqual(world.users(), [(body['data'] as Record<string, unknown>)['user']]);
  assert.equal((await world.look(String(body['lease_id']))).status, 200);
});

test('a mount is disabled or moved only once its leases are taken back, and makes no new ones meanwhile', async (t) => {
  const world = await LeaseWorld.open(t);
  const made = Array.from({ length: 300 }, () => world.must('GET', 'db/creds/app'));
  await Promise.all(made);
  world.behave('.refuse', true);
  const [status, error] = await world.refused('DELETE', 'sys/mounts/db');
  assert.equal(status, 400);
  assert.match(String(error), /^300 of its leases cannot be revoked: .*sys\/leases\/revoke-force\/db\/$/);
  const moved = await world.refused('POST', 'sys/remount', { body: { from: 'db', to: 'elsewhere' } });
  assert.equal(moved[0], 400);
  assert.equal((await world.ask('GET', 'sys/mounts/db')).status, 200);
  world.behave('.refuse', false);
  const [, late] = await Promise.all([world.must('DELETE', 'sys/mounts/db'), world.refused('GET', 'db/creds/app')]);
  assert.ok(late[0] === 409 || late[0] === 404, String(late[0]));
  assert.deepEqual([world.users(), world.leases()], [[], []]);
  world.assertWhole();
});

test('a moved mount grants under its new path', async (t) => {
  const world = await LeaseWorld.open(t);
  await world.must('GET', 'db/creds/app');
  await world.must('POST', 'sys/remount', { body: { from: 'db', to: 'moved/db' } });
  assert.deepEqual([world.users(), world.leases()], [[], []]);
  const { leaseId } = await world.must('GET', 'moved/db/creds/app');
  assert.match(leaseId, /^moved\/db\/creds\/app\/\w{24}$/);
  await world.must('POST', 'sys/leases/revoke', { body: { lease_id: leaseId, sync: true } });
  assert.deepEqual(world.users(), []);
});

test('a mount that is forced out forgets its leases, and what they stand for stays outside', async (t) => {
  const world = await LeaseWorld.open(t);
  await world.must('GET', 'db/creds/app');
  world.behave('.refuse', true);
  await world.must('POST', 'sys/leases/revoke-force/db');
  await world.must('DELETE', 'sys/mounts/db');
  assert.equal(world.users().length, 1);
  world.assertWhole();
});

test('leases of a mount that is missing are kept and shown, never read as revoked', async (t) => {
  const world = await LeaseWorld.open(t);
  const { leaseId } = await world.must('GET', 'db/creds/app', { query: { ttl: '1m' } });
  // As at a region whose hub has disabled it.
  await world.node.services.store.transact((tx) => {
    tx.delete(keys.mount('s', 'root', world.mount()));
  });
  for (let day = 0; day < 8; day += 1) {
    world.now += 24 * 60 * MINUTE;
    await world.settle();
  }
  const shown = (await world.must('GET', 'sys/leases', { query: { type: 'irrevocable' } })).reply?.data;
  assert.deepEqual([shown?.['lease_count'], world.users().length], [1, 1]);
  const [entry] = shown?.['leases'] as readonly Record<string, unknown>[];
  assert.deepEqual([entry?.['lease_id'], entry?.['error']], [leaseId, 'its mount is gone']);
  const counts = (await world.must('GET', 'sys/leases/count', { query: { type: 'irrevocable' } })).reply?.data;
  assert.deepEqual(counts, { lease_count: 1, counts: { 'mount-accessor-not-found': 1 } });
  const renewal = await world.refused('POST', 'sys/leases/renew', { body: { lease_id: leaseId } });
  assert.equal(renewal[0], 400);
  await world.must('POST', 'sys/leases/revoke-force/db');
  assert.deepEqual(world.leases(), []);
});

test('a namespace goes only with its leases, and they carry its id', async (t) => {
  const world = await LeaseWorld.open(t);
  const id = String((await world.must('POST', 'sys/namespaces/team', { body: {} })).reply?.data?.['id']);
  const inside = { namespace: 'team' };
  const options = { folder: world.folder };
  await world.must('POST', 'sys/mounts/db', { ...inside, body: { type: 'files', options } });
  const { leaseId } = await world.must('GET', 'db/creds/app', inside);
  assert.match(leaseId, new RegExp(`^db/creds/app/\\w{24}\\.${id}$`));
  const look = await world.look(leaseId, inside);
  assert.equal(look.reply?.data?.['namespace_path'], 'team/');
  assert.deepEqual(world.count('db/', id), { all: 1, irrevocable: 0 });
  // Design rule 31: not even its parent reaches it.
  assert.deepEqual(await world.refused('POST', 'sys/leases/lookup', { body: { lease_id: leaseId } }), [
    400,
    'invalid lease',
  ]);
  assert.deepEqual(await world.refused('POST', 'sys/leases/renew', { body: { lease_id: leaseId } }), [
    400,
    'lease not found',
  ]);
  await world.must('POST', 'sys/leases/revoke', { body: { lease_id: leaseId, sync: true } });
  await world.must('POST', 'sys/leases/revoke-prefix/db', { body: { sync: true } });
  assert.equal(world.users().length, 1);
  world.behave('.refuse', true);
  assert.equal((await world.ask('DELETE', 'sys/namespaces/team')).status, 400);
  world.behave('.refuse', false);
  await world.must('DELETE', 'sys/namespaces/team');
  assert.deepEqual([world.users(), world.leases()], [[], []]);
  world.assertWhole();
});

test('a lease of a namespace below ends with the token of the one above', async (t) => {
  const world = await LeaseWorld.open(t);
  await withPolicy(world);
  await world.must('POST', 'sys/namespaces/team', { body: {} });
  const options = { folder: world.folder };
  await world.must('POST', 'sys/mounts/db', { namespace: 'team', body: { type: 'files', options } });
  const token = await world.token({ policies: ['all'] });
  await world.must('GET', 'db/creds/app', { namespace: 'team', token });
  await world.must('POST', 'auth/token/revoke-self', { token });
  await world.settle();
  assert.deepEqual([world.users(), world.leases()], [[], []]);
  world.assertWhole();
});

test('a lease that its token loses while its secret is made is not given, and taken back', async (t) => {
  const world = await LeaseWorld.open(t);
  await withPolicy(world);
  const token = await world.token({ policies: ['all'] });
  world.behave('.slow', true);
  const asked = world.ask('GET', 'db/creds/app', { token });
  while (world.leases().length === 0) await world.must('GET', 'sys/mounts');
  await world.must('POST', 'auth/token/revoke', { body: { token } });
  world.behave('.slow', false);
  const { status } = await asked;
  assert.equal(status, 409);
  assert.equal(world.users().length, 1);
  await world.settle();
  assert.deepEqual(world.users(), []);
  world.now += 3 * MINUTE;
  await world.settle();
  assert.deepEqual(world.leases(), []);
  world.assertWhole();
});

test('a lease of a batch token is bounded by it, cannot be renewed, and ends with its parent', async (t) => {
  const world = await LeaseWorld.open(t);
  await withPolicy(world);
  const parent = await world.token({ policies: ['all'], ttl: '10h' });
  const body = { type: 'batch', policies: ['all'], ttl: '1h' };
  const batch = await world.token(body, parent);
  const orphan = await world.token({ ...body, no_parent: true });
  world.now += 10 * MINUTE;
  for (const token of [batch, orphan]) {
    const made = await world.must('GET', 'db/creds/app', { token, query: { ttl: '5h' } });
    assert.deepEqual([made.leaseDuration, made.renewable], [50 * 60, false]);
    const renewal = await world.refused('POST', 'sys/leases/renew', { body: { lease_id: made.leaseId } });
    assert.deepEqual(renewal, [400, 'lease is not renewable']);
  }
  world.assertWhole();
  await world.must('POST', 'auth/token/revoke', { body: { token: parent } });
  await world.settle();
  assert.equal(world.users().length, 1);
  world.now += 50 * MINUTE;
  await world.settle();
  assert.deepEqual([world.users(), world.leases()], [[], []]);
});
