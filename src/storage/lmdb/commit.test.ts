import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { batchesSince, bytes, put, read, start } from '../conformance/subject.ts';
import { directory, opened, tamper } from './fixture.ts';
import { openLmdbStore } from './open.ts';

test('the file grows with its content while snapshots are held, and frees what large values took', async (t) => {
  const path = directory(t);
  const store = await opened(t, { path });
  await put(store, 'k', 'first');
  using snapshot = store.snapshot();
  const value = new Uint8Array(1024 * 1024);
  for (let round = 0; round < 48; round++) {
    await store.transact((tx) => tx.put(`large/${round}`, value.fill(round)));
    assert.equal(Buffer.from(snapshot.get('k') ?? '').toString(), 'first');
  }
  using now = store.snapshot();
  for (let round = 0; round < 48; round++) assert.ok(now.get(`large/${round}`)?.every((byte) => byte === round));
  now[Symbol.dispose]();
  snapshot[Symbol.dispose]();
  await store.compact(store.position);
  const size = (): number => statSync(join(path, 'data.mdb')).size;
  const full = size();
  for (let round = 0; round < 48; round++) {
    await store.transact((tx) => tx.put('large/0', value.fill(round)));
    await store.compact(store.position);
  }
  assert.ok(size() < full * 1.2, `from ${full} to ${size()} bytes: the parts of replaced values are used again`);
});

test('no part of a large value is left when it is replaced, deleted or compacted', async (t) => {
  const path = directory(t);
  const store = await openLmdbStore({ path });
  const large = new Uint8Array(300_000);
  await store.transact((tx) => tx.put('a', large));
  await store.transact((tx) => {
    tx.put('a', large);
    tx.put('b', large);
  });
  await Promise.all([
    store.transact((tx) => tx.put('b', bytes('small'))),
    store.transact((tx) => tx.put('c', large)),
    store.transact((tx) => tx.delete('c')),
    store.transact((tx) => tx.delete('a')),
  ]);
  await store.compact(store.position);
  assert.equal(store.logBytes, 0);
  assert.equal(read(store, 'b'), 'small');
  await store[Symbol.asyncDispose]();
  let parts = -1;
  await tamper(path, ({ parts: table }) => void (parts = table.getKeysCount({ start: Buffer.alloc(1) })));
  assert.equal(parts, 0);
});

test('no part is left when the first write after a start replaces a large value', async (t) => {
  const path = directory(t);
  const store = await openLmdbStore({ path });
  await store.transact((tx) => tx.put('a', new Uint8Array(300_000)));
  await store.compact(store.position);
  await store[Symbol.asyncDispose]();
  const again = await openLmdbStore({ path });
  await put(again, 'a', 'small');
  await again[Symbol.asyncDispose]();
  let parts = -1;
  await tamper(path, ({ parts: table }) => void (parts = table.getKeysCount({ start: Buffer.alloc(1) })));
  assert.equal(parts, 0);
});

test('the bytes of the log are known again after opening', async (t) => {
  const path = directory(t);
  const store = await openLmdbStore({ path });
  for (let round = 0; round < 10; round++) await put(store, 'k', 'v'.repeat(round * 100));
  await store.compact({ epoch: store.position.epoch, sequence: 4 });
  const { logBytes } = store;
  const total = [...store.records()].reduce((sum, { bytes: size }) => sum + size, 0);
  assert.equal(logBytes, total);
  await store[Symbol.asyncDispose]();
  assert.equal((await opened(t, { path })).logBytes, logBytes);
});

test('transactions that come during a flush run on what it writes, and share the next', async (t) => {
  const store = await opened(t, { path: directory(t) });
  const before = store.flushes;
  const all: Promise<unknown>[] = [];
  for (let round = 0; round < 3; round++) {
    all.push(put(store, 'n', String(round)));
    // A turn of the event loop: the flush before is on its way.
    await new Promise((resolve) => void setImmediate(resolve));
    for (let at = 0; at < 20; at++) {
      all.push(store.transact((tx) => tx.put('n', bytes(`${Buffer.from(tx.get('n') ?? '').toString()}.`))));
    }
  }
  await Promise.all(all);
  assert.equal(store.position.sequence, 63);
  assert.ok(store.flushes - before <= 6, `${store.flushes - before} flushes`);
  assert.equal(read(store, 'n'), `2${'.'.repeat(20)}`);
  assert.equal((await batchesSince(store, start(store))).length, 63);
});
