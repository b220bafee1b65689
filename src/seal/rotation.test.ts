import assert from 'node:assert/strict';
import { test } from 'node:test';

import { batchesSince, bytes, code, put, read, start, text } from '../storage/conformance/subject.ts';
import { key, rawOf, storedKeyring, termOf, unsealed } from './barrier.fixture.ts';
import { Barrier } from './barrier.ts';
import { KEYRING_KEY, MAX_ENCRYPTIONS } from './keyring.ts';

test('rotation is taken up by every handle and node at once; old records stay readable', async (t) => {
  const { raw, root, barrier, store } = await unsealed(t);
  const node = new Barrier(raw);
  const other = node.unseal(root);
  await put(store, 's/root/a', 'old');
  assert.deepEqual(await barrier.rotate(), { term: 2, installTime: 2_000, encryptions: 0 });
  assert.equal(node.keyStatus().term, 2);
  await put(store, 's/root/b', 'new');
  await put(other, 's/root/c', 'new too');
  assert.deepEqual(
    ['a', 'b', 'c'].map((name) => termOf(raw, `s/root/${name}`)),
    [1, 2, 2],
  );
  assert.deepEqual(
    ['a', 'b', 'c'].map((name) => read(store, `s/root/${name}`)),
    ['old', 'new', 'new too'],
  );
  node.seal();
  assert.equal(read(node.unseal(root), 's/root/a'), 'old');
});

test('rotations in the midst of concurrent writes lose nothing', async (t) => {
  const { raw, barrier, store } = await unsealed(t);
  const names = Array.from({ length: 300 }, (_, at) => `s/root/n${at}`);
  const work = names.map((name, at) =>
    at % 60 === 30 ? barrier.rotate().then(() => put(store, name, name)) : put(store, name, name),
  );
  await Promise.all(work);
  assert.equal(barrier.keyStatus().term, 6);
  for (const name of names) assert.equal(read(store, name), name);
  assert.ok(new Set(names.map((name) => termOf(raw, name))).size > 1);
  const values = (await batchesSince(store, start(store))).flatMap(({ writes }) =>
    writes.map(({ key: k, value }) => [k, text(value)]),
  );
  assert.deepEqual(values.toSorted(), names.map((name) => [name, name]).toSorted());
});

test('encryptions are counted, and what is stored is never below the truth', async (t) => {
  const { raw, root, barrier, store } = await unsealed(t);
  await put(store, key, '1');
  await store.transact((tx) => {
    for (let at = 0; at < 9; at++) tx.put(`s/root/${at}`, bytes('x'));
  });
  read(store, key);
  assert.equal(barrier.keyStatus().encryptions, 10);
  assert.ok(storedKeyring(raw, root).active.encryptions >= 10);
  // As after a crash: nothing said goodbye.
  const next = new Barrier(raw);
  next.unseal(root);
  assert.equal(next.keyStatus().encryptions, 2 ** 14);
});

test('encryptions that a failed transaction set aside are set aside again', async (t) => {
  let conflicts = 0;
  const { raw, root, store, barrier } = await unsealed(t, {}, { conflict: () => conflicts-- > 0 });
  for (let at = 0; at < 3; at++) {
    await assert.rejects(
      store.transact((tx) => {
        tx.put(key, bytes('lost'));
        throw new Error('no');
      }),
      /no/,
    );
  }
  assert.equal(storedKeyring(raw, root).active.encryptions, 0);
  conflicts = 2;
  await put(store, key, 'kept');
  assert.equal(storedKeyring(raw, root).active.encryptions, 2 ** 14);
  // Three failed runs, two that conflicted, one that was committed.
  assert.equal(barrier.keyStatus().encryptions, 6);
});

test('the key rotates by itself once its encryptions near the limit', async (t) => {
  const { raw, root, store, barrier } = await unsealed(t, { rotateAfter: 20_000 });
  await store.transact((tx) => {
    for (let at = 0; at < 2 ** 14; at++) tx.put('s/root/same', Uint8Array.of(1));
  });
  assert.deepEqual([barrier.keyStatus().term, barrier.needsRotation], [1, false]);
  await put(store, key, 'the one that is due');
  assert.deepEqual([barrier.keyStatus().term, barrier.needsRotation], [2, false]);
  assert.equal(termOf(raw, key), 1);
  await put(store, key, 'next');
  assert.equal(termOf(raw, key), 2);
  assert.equal(barrier.keyStatus().encryptions, 1);
  assert.equal(storedKeyring(raw, root).term(1)?.encryptions, 2 ** 15);
});

test('a key that has reached its limit encrypts nothing more until it is rotated', async (t) => {
  const { raw, root, store, barrier } = await unsealed(t, { rotateAfter: Number.POSITIVE_INFINITY });
  await raw.transact((tx) => {
    tx.put(
      KEYRING_KEY,
      storedKeyring(raw, root)
        .counted(1, MAX_ENCRYPTIONS - 100)
        .encrypt(root),
    );
  });
  await assert.rejects(
    put(store, key, 'v'),
    (error: Error) => code('internal')(error) && error.message.includes('rotate'),
  );
  await barrier.rotate();
  await put(store, key, 'v');
  assert.equal(read(store, key), 'v');
});

test('a stored keyring that cannot be read stops writes, not reads, until it is put back', async (t) => {
  const { raw, store, barrier } = await unsealed(t);
  await put(store, key, 'v');
  const good = rawOf(raw, KEYRING_KEY);
  const damaged = Buffer.from(good);
  damaged.writeUInt8(damaged.readUInt8(20) ^ 1, 20);
  for (const harm of [damaged, undefined]) {
    await raw.transact((tx) => {
      if (harm === undefined) tx.delete(KEYRING_KEY);
      else tx.put(KEYRING_KEY, harm);
    });
    await assert.rejects(put(store, key, 'w'), code('corrupt'));
    await assert.rejects(barrier.rotate(), code('corrupt'));
    assert.equal(read(store, key), 'v');
  }
  await raw.transact((tx) => {
    tx.put(KEYRING_KEY, good);
  });
  await put(store, key, 'w');
  assert.equal(read(store, key), 'w');
});
