import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countingStore } from '../../../test/support/counting-store.ts';
import { decodeRecord, encodeRecord, putRecord } from '../../lib/record.ts';
import { KeptRecords } from './kept-records.ts';

const decode = (bytes: Uint8Array): { readonly n: number } => decodeRecord(bytes);

async function written(count: number, value: (at: number) => object) {
  const { store, read } = countingStore();
  await store.transact((tx) => {
    for (let at = 0; at < count; at += 1) tx.put(`k/${String(at)}`, encodeRecord(value(at)));
  });
  read();
  return { store, read, kept: new KeptRecords(store) };
}

test('a record is read and decoded once, and anew when it has changed', async () => {
  const { store, read, kept } = await written(2, (n) => ({ n }));
  assert.equal(kept.get('k/0', decode)?.n, 0);
  assert.equal(kept.get('k/0', decode), kept.get('k/0', decode));
  assert.equal(kept.get('k/1', decode)?.n, 1);
  assert.equal(read(), 2);
  await store.transact((tx) => {
    tx.put('k/0', encodeRecord({ n: 7 }));
  });
  assert.equal(kept.get('k/0', decode)?.n, 7);
  assert.equal(kept.get('k/1', decode)?.n, 1);
  assert.equal(read(), 1);
  await store.transact((tx) => {
    tx.delete('k/0');
  });
  assert.equal(kept.get('k/0', decode), undefined);
});

test('what is not there is looked for again', async () => {
  const { store, kept } = await written(0, () => ({}));
  assert.equal(kept.get('k/0', decode), undefined);
  await store.transact((tx) => {
    tx.put('k/0', encodeRecord({ n: 1 }));
  });
  assert.equal(kept.get('k/0', decode)?.n, 1);
});

test('neither many records nor large ones fill the memory: it starts anew, and answers as before', async () => {
  const many = await written(5_000, (n) => ({ n }));
  for (let at = 0; at < 5_000; at += 1) assert.equal(many.kept.get(`k/${String(at)}`, decode)?.n, at);
  assert.equal(many.kept.get('k/0', decode)?.n, 0);
  assert.equal(many.read(), 5_001);
  const large = await written(6, (n) => ({ n, text: 'x'.repeat(1024 * 1024) }));
  for (let at = 0; at < 6; at += 1) assert.equal(large.kept.get(`k/${String(at)}`, decode)?.n, at);
  assert.equal(large.kept.get('k/0', decode)?.n, 0);
  assert.equal(large.read(), 7);
});

test('of what is kept, the writer’s own record takes the place, and what is not kept is not taken in', async () => {
  const { store, read, kept } = await written(2, (n) => ({ n }));
  assert.equal(kept.get('k/0', decode)?.n, 0);
  assert.equal(read(), 1);
  await store.transact((tx) => {
    putRecord(tx, 'k/0', { n: 7 });
    putRecord(tx, 'k/1', { n: 8 });
  });
  assert.deepEqual([kept.get('k/0', decode), read()], [{ n: 7 }, 0]);
  assert.deepEqual([kept.get('k/1', decode), read()], [{ n: 8 }, 1]);
});

test('records that grow with each change are bounded by what they have become', async () => {
  const { store, read, kept } = await written(3, (n) => ({ n }));
  const large = (n: number) => ({ n, text: 'x'.repeat(0.75 * 1024 * 1024) });
  for (let at = 0; at < 3; at += 1) kept.get(`k/${String(at)}`, decode);
  for (let at = 0; at < 3; at += 1) {
    await store.transact((tx) => {
      putRecord(tx, `k/${String(at)}`, large(at));
    });
  }
  read();
  for (const at of [2, 0, 1]) assert.equal(kept.get(`k/${String(at)}`, decode)?.n, at);
  assert.equal(read(), 2, 'the third was one too many for the others to stay');
});

test('a record that takes the place of one that is kept takes no more room than its own', async () => {
  const { store, read, kept } = await written(2, (n) => ({ n }));
  for (const at of [0, 1]) kept.get(`k/${String(at)}`, decode);
  for (let n = 0; n < 10; n += 1) {
    await store.transact((tx) => {
      putRecord(tx, 'k/0', { n, text: 'x'.repeat(1024 * 1024) });
    });
  }
  read();
  assert.deepEqual([kept.get('k/0', decode)?.n, kept.get('k/1', decode)?.n, read()], [9, 1, 0]);
  const full = await written(4_096, (n) => ({ n }));
  for (let at = 0; at < 4_096; at += 1) full.kept.get(`k/${String(at)}`, decode);
  await full.store.transact((tx) => {
    putRecord(tx, 'k/7', { n: -1 });
  });
  full.read();
  assert.deepEqual([full.kept.get('k/7', decode)?.n, full.kept.get('k/8', decode)?.n, full.read()], [-1, 8, 0]);
});
