import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openMemoryStore } from './memory/open.ts';
import { compactableTo, retain, type RecordStat } from './retention.ts';

const at = (sequence: number): RecordStat['position'] => ({ epoch: '1.a', sequence });

/** Records, one each 1,000 ms from 0 on. */
function log(
  count: number,
  bytes = 100,
): { logBytes: number; records: () => Iterable<RecordStat>; read: () => number } {
  let read = 0;
  return {
    logBytes: count * bytes,
    *records() {
      for (let index = 0; index < count; index++) {
        read += 1;
        yield { position: at(index + 1), time: index * 1_000, bytes };
      }
    },
    read: () => read,
  };
}

test('what is older than the age goes, oldest first', () => {
  const limits = { milliseconds: 5_000, bytes: 1e9 };
  assert.equal(compactableTo(log(10), limits, 5_000), undefined, 'exactly as old stays');
  assert.deepEqual(compactableTo(log(10), limits, 5_001), at(1));
  assert.deepEqual(compactableTo(log(10), limits, 8_500), at(4));
  assert.deepEqual(compactableTo(log(10), limits, 1e9), at(10));
  assert.equal(compactableTo(log(0), limits, 1e9), undefined);
});

test('what the bytes do not hold goes, however young', () => {
  const limits = { milliseconds: 1e9, bytes: 700 };
  assert.deepEqual(compactableTo(log(10), limits, 0), at(3));
  assert.equal(compactableTo(log(7), limits, 0), undefined);
  assert.deepEqual(compactableTo(log(10), { milliseconds: 1e9, bytes: 0 }, 0), at(10));
});

test('nothing behind a pinned position goes', () => {
  assert.deepEqual(compactableTo(log(10), { milliseconds: 0, bytes: 0 }, 1e9, at(4)), at(4));
  assert.equal(compactableTo(log(10), { milliseconds: 0, bytes: 0 }, 1e9, at(0)), undefined);
});

test('only what is dropped is read, and one record more', () => {
  const stats = log(1_000);
  compactableTo(stats, { milliseconds: 5_000, bytes: 1e9 }, 8_500);
  assert.equal(stats.read(), 5);
});

test('a long backlog is compacted in steps', () => {
  assert.deepEqual(compactableTo(log(5_000), { milliseconds: 0, bytes: 0 }, 1e9), at(500));
  const large = log(5_000, 6 * 1024 * 1024);
  assert.deepEqual(compactableTo(large, { milliseconds: 0, bytes: 0 }, 1e9), at(3), 'and less of large records');
});

test('a backlog is worked off over several calls', async () => {
  await using store = openMemoryStore();
  for (let round = 0; round < 10_500; round++) await store.transact((tx) => tx.put('k', new Uint8Array(1)));
  const limits = { milliseconds: 1e9, bytes: 0 };
  assert.equal((await retain(store, limits))?.sequence, 10_000);
  assert.equal((await retain(store, limits))?.sequence, 10_500);
  assert.equal(await retain(store, limits), undefined);
});

test('a record from a clock that ran ahead holds back only itself and what follows', () => {
  const records: RecordStat[] = [1, 2, 3].map((n) => ({ position: at(n), time: n === 2 ? 1e12 : 0, bytes: 1 }));
  const stats = { logBytes: 3, records: () => records };
  assert.deepEqual(compactableTo(stats, { milliseconds: 10, bytes: 10 }, 100), at(1));
});

test('a store is compacted to its limits', async () => {
  await using store = openMemoryStore();
  for (let round = 0; round < 10; round++) await store.transact((tx) => tx.put('k', new Uint8Array(1_000)));
  assert.ok(store.logBytes > 10_000);
  assert.equal(await retain(store), undefined);
  assert.equal(store.oldest.sequence, 0);
  const oldest = await retain(store, { milliseconds: 1e9, bytes: store.logBytes / 2 });
  assert.deepEqual(oldest, { epoch: store.position.epoch, sequence: 5 });
  assert.deepEqual(store.oldest, oldest);
  assert.ok(store.logBytes > 5_000 && store.logBytes < 6_000);
});
