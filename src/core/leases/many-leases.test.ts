/** What does not grow with the number of leases, and what of many is worked off without holding up others. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { countingStore } from '../../../test/support/counting-store.ts';
import { LeaseWorld } from '../../../test/support/lease-world.ts';
import type { Asking } from '../../../test/support/node.ts';
import { insertLease } from './lease-records.ts';
import { leaseKey, newLeaseId } from './lease.ts';
import { nodeKeys } from '../seed.ts';

const HOUR = 3_600_000;
const MANY = 5_000;
const DUE = 500;

/** As the server writes them, below the request path. */
async function insert(world: LeaseWorld, count: number, token: string, endOf: (at: number) => number): Promise<void> {
  const { store } = world.node.services;
  const hmac = nodeKeys(store)('leases');
  for (let from = 0; from < count; from += 1_000) {
    await store.transact((tx) => {
      for (let at = from; at < Math.min(count, from + 1_000); at += 1) {
        const id = newLeaseId('db/notes/n', 'root');
        const record = {
          ...{ id, path: 'db/notes/n', rest: 'notes/n', token, issuedAt: world.now, namespace: 'root' },
          ...{ mount: world.mount(), mountAccessor: '', ttl: 3_600, maxTtl: 0, renewable: true, internal: {} },
        };
        insertLease(tx, leaseKey(hmac, 'root', id), record, { kind: 'made', expiresAt: endOf(at) });
      }
    });
  }
}

async function readsWith(t: TestContext, count: number): Promise<Readonly<Record<string, number>>> {
  const { store, read } = countingStore();
  const world = await LeaseWorld.open(t, { store });
  const { leaseId } = await world.must('GET', 'db/notes/n', { query: { ttl: '100h' } });
  await insert(world, count, world.node.services.tokens.keyOf(world.root), (at) => world.now + HOUR + at);
  await world.node[Symbol.asyncDispose]();
  const counts: Record<string, number> = {};
  const counted = async (what: string, work: () => Promise<unknown>): Promise<void> => {
    read();
    await work();
    counts[what] = read();
  };
  await counted('restart', () => world.restart());
  await counted('tick', () => world.settle());
  const body = { lease_id: leaseId };
  const ask = (method: string, path: string, asking: Asking = {}) =>
    counted(path, () => world.must(method, path, asking));
  await ask('POST', 'sys/leases/lookup', { body });
  await ask('POST', 'sys/leases/renew', { body });
  await ask('LIST', 'sys/leases/lookup/db/notes/n', { query: { limit: '3' } });
  await ask('GET', 'sys/leases/count', { query: { type: 'irrevocable' } });
  await ask('GET', 'db/notes/n');
  await ask('POST', 'sys/leases/revoke', { body: { ...body, sync: true } });
  counts['left'] = world.count().all - count;
  return counts;
}

test('a restart, a tick, and each thing that is done with a lease read as much with ten times the leases', async (t) => {
  const [few, many] = [await readsWith(t, 100), await readsWith(t, 1_000)];
  assert.deepEqual(many, few);
});

test('of thousands of leases those that are due end, and others are served meanwhile', async (t) => {
  const world = await LeaseWorld.open(t);
  const { tokens } = world.node.services;
  const owner = await world.token({ no_parent: true });
  await insert(world, MANY, tokens.keyOf(owner), (at) => world.now + HOUR + at * 1_000);
  assert.deepEqual(world.count(), { all: MANY, irrevocable: 0 });
  await world.restart();
  world.now += HOUR + (DUE - 1) * 1_000;
  await world.settle();
  assert.equal(world.count().all, MANY - DUE);
  // Their token ends: in pages, with room for others in between.
  const revoked = world.must('POST', 'auth/token/revoke', { body: { token: owner } });
  let served = 0;
  const done = revoked.then(() => true);
  while (!(await Promise.race([done, world.must('GET', 'sys/mounts').then(() => false)]))) served += 1;
  assert.ok(served >= 5, `${String(served)} requests were served meanwhile`);
  // They are all due now, and nobody's any more.
  using snapshot = world.node.services.store.snapshot();
  assert.deepEqual(snapshot.list('l/root/token-leases/', { limit: 1 }), []);
  assert.equal(world.count().all, MANY - DUE);
});
