/** Leases through the API of a node whose engine makes files: granted, renewed, over, and what goes wrong on the way. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { revocations } from '../../../test/support/file-engine.ts';
import { LeaseWorld } from '../../../test/support/lease-world.ts';
import { requestOf } from '../../../test/support/node.ts';
import { everyKey } from '../../storage/every-key.ts';
import { openMemoryStore } from '../../storage/memory/open.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

const accessorOf = ({ node }: LeaseWorld): string => node.services.mounts.at('root', 'db/')?.record.accessor ?? '';

test('a secret comes with a lease, which is looked up, renewed and revoked', async (t) => {
  const world = await LeaseWorld.open(t);
  const made = await world.must('GET', 'db/creds/app', { query: { ttl: '10m' } });
  assert.match(made.leaseId, /^db\/creds\/app\/[0-9A-Za-z]{24}$/);
  assert.deepEqual([made.leaseDuration, made.renewable], [600, true]);
  assert.deepEqual(world.users(), [made.reply?.data?.['user']]);
  assert.deepEqual((await world.look(made.leaseId)).reply?.data, {
    id: made.leaseId,
    path: 'db/creds/app',
    issue_time: '2026-01-01T00:00:00.000Z',
    expire_time: '2026-01-01T00:10:00.000Z',
    last_renewal: null,
    renewable: true,
    ttl: 600,
  });
  world.now += MINUTE;
  const renewed = await world.must('POST', 'sys/leases/renew', { body: { lease_id: made.leaseId, increment: '20m' } });
  assert.deepEqual([renewed.leaseId, renewed.leaseDuration, renewed.renewable], [made.leaseId, 1_200, true]);
  assert.deepEqual([renewed.reply?.data, renewed.warnings], [undefined, null]);
  const found = (await world.look(made.leaseId)).reply?.data;
  assert.equal(found?.['expire_time'], '2026-01-01T00:21:00.000Z');
  assert.equal(found?.['last_renewal'], '2026-01-01T00:01:00.000Z');
  const outside = readFileSync(join(world.folder, String(made.reply?.data?.['user'])), 'utf8');
  assert.deepEqual(JSON.parse(outside), { until: Date.parse('2026-01-01T00:21:00Z') });
  world.assertWhole();
  await world.must('POST', 'sys/leases/revoke', { body: { lease_id: made.leaseId, sync: true } });
  assert.deepEqual(world.users(), []);
  assert.deepEqual(await world.refused('POST', 'sys/leases/lookup', { body: { lease_id: made.leaseId } }), [
    400,
    'invalid lease',
  ]);
  assert.deepEqual(world.leases(), []);
  world.assertWhole();
});

test('a lease that is over is revoked in the background, and no other', async (t) => {
  const world = await LeaseWorld.open(t);
  await world.must('GET', 'db/creds/short', { query: { ttl: '1m' } });
  const long = await world.must('GET', 'db/creds/long', { query: { ttl: '1h' } });
  await world.settle();
  assert.equal(world.users().length, 2);
  world.now += MINUTE;
  await world.settle();
  assert.deepEqual(world.users(), [long.reply?.data?.['user']]);
  assert.deepEqual(world.count(), { all: 1, irrevocable: 0 });
  await world.restart();
  world.now += DAY;
  await world.settle();
  assert.deepEqual([world.users(), world.leases(), world.count()], [[], [], { all: 0, irrevocable: 0 }]);
  world.assertWhole();
});

test('no lease outlives what its role and its mount allow, counted from its issue', async (t) => {
  const world = await LeaseWorld.open(t);
  await world.must('POST', 'sys/mounts/db/tune', { body: { default_lease_ttl: '30m', max_lease_ttl: '2h' } });
  const usual = await world.must('GET', 'db/creds/app');
  assert.equal(usual.leaseDuration, 1_800);
  const greedy = await world.must('GET', 'db/creds/app', { query: { ttl: '5h', max_ttl: '4h' } });
  assert.equal(greedy.leaseDuration, 7_200);
  assert.match(greedy.warnings?.join() ?? '', /^TTL of "18000s" exceeded the effective max_ttl of "7200s"/);
  const renew = (id: string, increment: string) =>
    world.must('POST', `sys/leases/renew/${id}`, { body: { increment } });
  world.now += 20 * MINUTE;
  assert.equal((await renew(usual.leaseId, '90m')).leaseDuration, 5_400);
  // Less is as good as more, and nothing is what the mount gives.
  assert.equal((await renew(usual.leaseId, '1m')).leaseDuration, 60);
  assert.equal((await renew(usual.leaseId, '0')).leaseDuration, 1_800);
  world.now += 20 * MINUTE;
  const capped = await renew(usual.leaseId, '90m');
  assert.equal(capped.leaseDuration, 80 * 60);
  assert.match(capped.warnings?.join() ?? '', /TTL value is capped accordingly$/);
  world.now += 80 * MINUTE - 1;
  const last = { body: { lease_id: usual.leaseId } };
  assert.equal((await world.refused('POST', 'sys/leases/renew', last))[0], 400);
});

test('a renewal follows the terms of today, and where there are none the lease stays as it was', async (t) => {
  const world = await LeaseWorld.open(t);
  const { leaseId } = await world.must('GET', 'db/creds/app', { query: { ttl: '1h', max_ttl: '10h' } });
  const asking = { body: { lease_id: leaseId } };
  world.behave('.terms', true, JSON.stringify({ ttl: 300, maxTtl: 600 }));
  assert.equal((await world.must('POST', 'sys/leases/renew', asking)).leaseDuration, 300);
  world.behave('.terms', true);
  assert.deepEqual(await world.refused('POST', 'sys/leases/renew', asking), [400, 'the role is gone']);
  assert.equal((await world.look(leaseId)).reply?.data?.['ttl'], 300);
  world.behave('.terms', true, JSON.stringify({ ttl: 300, maxTtl: 60 }));
  world.now += 2 * MINUTE;
  const past = 'past the max TTL, cannot renew: ask for a new secret';
  assert.deepEqual(await world.refused('POST', 'sys/leases/renew', asking), [400, past]);
});

test('what cannot be renewed says why, in the words of Vault', async (t) => {
  const world = await LeaseWorld.open(t);
  const fixed = await world.must('GET', 'db/creds/app', { query: { ttl: '1m', renewable: 'false' } });
  assert.equal(fixed.renewable, false);
  const renew = (id: string) => world.refused('POST', 'sys/leases/renew', { body: { lease_id: id } });
  assert.deepEqual(await renew(fixed.leaseId), [400, 'lease is not renewable']);
  assert.deepEqual(await renew('db/creds/app/none'), [400, 'lease not found']);
  assert.deepEqual(await renew(''), [400, 'lease_id must be specified']);
  const { leaseId } = await world.must('GET', 'db/creds/app', { query: { ttl: '1m' } });
  world.now += MINUTE;
  assert.deepEqual(await renew(leaseId), [400, 'lease expired']);
});

test('an engine that fails before or after it made something leaves neither a user nor a lease', async (t) => {
  const world = await LeaseWorld.open(t);
  world.behave('.closed', true);
  assert.deepEqual(await world.refused('GET', 'db/creds/app'), [400, 'the world takes no new users']);
  world.behave('.closed', false);
  world.behave('.half', true);
  const [status, error] = await world.refused('GET', 'db/creds/app');
  assert.equal(status, 500);
  assert.match(String(error), /^internal error: request /);
  world.behave('.half', false);
  assert.equal(world.users().length, 1);
  await world.settle();
  assert.deepEqual(world.users(), []);
  // What was sent before it failed may still arrive: it is undone once more, later.
  assert.deepEqual(world.count(), { all: 2, irrevocable: 0 });
  const [half = ''] = [...revocations.keys()].slice(-1);
  world.now += 3 * MINUTE;
  await world.settle();
  assert.equal(revocations.get(half), 2);
  assert.deepEqual(world.leases(), []);
  world.assertWhole();
});

test('the world may grant less than was asked for, and never more', async (t) => {
  const world = await LeaseWorld.open(t);
  const less = await world.must('GET', 'db/creds/app', { query: { ttl: '1h', shorter: '90' } });
  const more = await world.must('GET', 'db/creds/app', { query: { ttl: '1h', shorter: '9999' } });
  assert.deepEqual([less.leaseDuration, more.leaseDuration], [90, 3_600]);
  world.now += 90_000;
  await world.settle();
  assert.deepEqual(world.users(), [more.reply?.data?.['user']]);
});

test('a lease without anything outside ends like any other', async (t) => {
  const world = await LeaseWorld.open(t);
  const note = await world.must('GET', 'db/notes/a', { query: { ttl: '1m' } });
  assert.deepEqual([note.reply?.data, note.leaseDuration], [{ note: 'a' }, 60]);
  world.now += MINUTE;
  await world.settle();
  assert.deepEqual(world.leases(), []);
});

test('a lease that cannot be revoked is tried again, then shown with its error, and forgotten by force alone', async (t) => {
  const world = await LeaseWorld.open(t);
  const { leaseId, reply } = await world.must('GET', 'db/creds/app', { query: { ttl: '1m' } });
  world.behave('.refuse', true);
  const sync = await world.refused('POST', 'sys/leases/revoke', { body: { lease_id: leaseId, sync: true } });
  assert.equal(sync[0], 500);
  assert.match(String(sync[1]), /^failed to revoke "db\/creds\/app\/\w+": the engine failed: Error\. /);
  for (let day = 0; day < 6; day += 1) {
    world.now += DAY;
    await world.settle();
  }
  const found = (await world.look(leaseId)).reply?.data;
  assert.deepEqual([found?.['ttl'], found?.['renewable']], [0, false]);
  // A driver's message may hold the statement: its kind is told, and nothing of it.
  assert.equal(found?.['revoke_error'], 'the engine failed: Error');
  const failedRenewal = 'lease is expired and has failed previous revocation attempts';
  const asking = { body: { lease_id: leaseId } };
  assert.deepEqual(await world.refused('POST', 'sys/leases/renew', asking), [400, failedRenewal]);
  const accessor = accessorOf(world);
  const query = { type: 'irrevocable' };
  assert.deepEqual((await world.must('GET', 'sys/leases', { query })).reply?.data, {
    lease_count: 1,
    leases: [{ lease_id: leaseId, mount_id: accessor, error: 'the engine failed: Error' }],
  });
  assert.deepEqual((await world.must('GET', 'sys/leases/count', { query })).reply?.data, {
    lease_count: 1,
    counts: { [accessor]: 1 },
  });
  world.assertWhole();
  // Once a day somebody knocks again, also after a restart.
  await world.restart();
  const user = String(reply?.data?.['user']);
  const before = revocations.get(user);
  world.now += 1.5 * DAY;
  await world.settle();
  assert.equal(revocations.get(user), Number(before) + 1);
  assert.deepEqual(world.users(), [user]);
  await world.must('POST', 'sys/leases/revoke-force/db');
  assert.deepEqual([world.leases(), world.users()], [[], [user]]);
  world.assertWhole();
});

test('an irrevocable lease goes by itself once its engine takes it back', async (t) => {
  const world = await LeaseWorld.open(t);
  await world.must('GET', 'db/creds/app', { query: { ttl: '1m' } });
  world.behave('.refuse', true);
  for (let day = 0; day < 8; day += 1) {
    world.now += DAY;
    await world.settle();
  }
  assert.deepEqual(world.count(), { all: 1, irrevocable: 1 });
  world.behave('.refuse', false);
  world.now += 2 * DAY;
  await world.settle();
  assert.deepEqual([world.leases(), world.users(), world.count()], [[], [], { all: 0, irrevocable: 0 }]);
  world.assertWhole();
});

test('one world that hangs holds up no other, nor the seal, and what was cut off is revoked after the unseal', async (t) => {
  const world = await LeaseWorld.open(t);
  const other = await LeaseWorld.open(t);
  await world.must('POST', 'sys/mounts/two', { body: { type: 'files', options: { folder: other.folder } } });
  const made = Array.from({ length: 40 }, () => world.must('GET', 'db/creds/slow', { query: { ttl: '1m' } }));
  await Promise.all(made);
  await world.must('GET', 'two/creds/quick', { query: { ttl: '1m' } });
  world.behave('.hang', true);
  world.now += MINUTE;
  await world.node.tick();
  const { leaseExpiry } = world.node.services;
  // Of the one that hangs a few are tried at a time.
  while (other.users().length > 0 || leaseExpiry.working > 16) await world.must('GET', 'sys/mounts');
  assert.deepEqual([leaseExpiry.working, world.users().length], [16, 40]);
  await world.restart();
  world.behave('.hang', false);
  world.now += 3 * MINUTE;
  await world.settle();
  assert.deepEqual([world.users(), world.leases()], [[], []]);
  world.assertWhole();
});

test('a secret that nobody waits for any more is taken back', async (t) => {
  const world = await LeaseWorld.open(t);
  world.behave('.hang', true);
  const gone = new AbortController();
  const request = { ...requestOf('GET', 'db/creds/app', { token: world.root }), signal: () => gone.signal };
  const asked = world.node.handle(request);
  while (world.leases().length === 0) await world.must('GET', 'sys/mounts');
  // Nobody is told of one that is still being made.
  assert.equal((await world.ask('LIST', 'sys/leases/lookup/db/creds/app')).status, 404);
  gone.abort();
  const { status } = await asked;
  assert.equal(status, 503);
  world.behave('.hang', false);
  world.now += 3 * MINUTE;
  await world.settle();
  assert.deepEqual([world.users(), world.leases()], [[], []]);
});

test('an engine whose operation says that it writes nothing is told so, before anything is made', async (t) => {
  const world = await LeaseWorld.open(t);
  assert.equal((await world.ask('GET', 'db/wrong')).status, 500);
  assert.deepEqual(world.leases(), []);
});

test('the audit log names the lease, and hides its secret', async (t) => {
  const world = await LeaseWorld.open(t);
  const path = join(world.folder, '.audit');
  await world.must('POST', 'sys/audit/file', { body: { type: 'file', options: { file_path: path } } });
  const { leaseId, reply } = await world.must('GET', 'db/creds/app');
  const log = readFileSync(path, 'utf8');
  assert.match(log, new RegExp(`"secret":\\{"lease_id":"${leaseId}"\\}`));
  assert.ok(!log.includes(String(reply?.data?.['password'])) && !log.includes(String(reply?.data?.['user'])));
});

test('no lease id, no name and no secret lies on disk in clear', async (t) => {
  const world = await LeaseWorld.open(t);
  const { leaseId, reply } = await world.must('GET', 'db/creds/app');
  using snapshot = world.store.snapshot();
  const hidden = [leaseId.slice(-24), String(reply?.data?.['user']), String(reply?.data?.['password'])];
  for (const key of everyKey(snapshot, '')) {
    const stored = key + Buffer.from(snapshot.get(key) ?? []).toString('latin1');
    for (const text of hidden) assert.ok(!stored.includes(text), `${text} in ${key}`);
  }
});

test('a restored lease ends when its time is over; without its token nobody renews it', async (t) => {
  const store = openMemoryStore();
  const spool = mkdtempSync(join(tmpdir(), 'lockstep-spool-'));
  t.after(() => {
    rmSync(spool, { recursive: true, force: true });
  });
  const world = await LeaseWorld.open(t, { store, snapshots: { store, folder: join(spool, 'spool') } });
  const kept = await world.must('GET', 'db/creds/app', { query: { ttl: '1h' } });
  const { reply } = await world.must('GET', 'sys/storage/raft/snapshot');
  const path = join(spool, 'snapshot.gz');
  writeFileSync(path, gzipSync(readFileSync(reply?.file?.path ?? assert.fail())));
  const later = await world.must('GET', 'db/creds/app', { query: { ttl: '1h' } });
  await world.node.snapshots.restore(path, { force: false, keepCredentials: false });
  assert.equal((await world.ask('GET', 'sys/mounts')).status, 403, 'tokens ended');
  await world.settle();
  assert.equal(world.users().length, 2);
  const { leases } = world.node.services;
  const call = undefined as never;
  await assert.rejects(leases.renew('root', kept.leaseId, 60, call), { message: 'lease expired' });
  world.now += 60 * MINUTE;
  await world.settle();
  // What came after the snapshot is unknown to it.
  assert.deepEqual([world.users(), world.leases()], [[later.reply?.data?.['user']], []]);
});
