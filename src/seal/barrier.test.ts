import assert from 'node:assert/strict';
import { test } from 'node:test';

import { batchesSince, bytes, code, put, read, start, text } from '../storage/conformance/subject.ts';
import { openMemoryStore } from '../storage/memory/open.ts';
import type { Batch, Write } from '../storage/store.ts';
import { key, rawOf, unsealed } from './barrier.fixture.ts';
import { Barrier, createBarrier } from './barrier.ts';
import { KEYRING_KEY, newKey } from './keyring.ts';

test('no plaintext reaches the raw store: data, log and observers', async (t) => {
  const { raw, store } = await unsealed(t);
  const canary = 'canary-plaintext-4711';
  const seen: Uint8Array[] = [];
  raw.observe((batch) => {
    for (const { value } of batch.writes) if (value !== undefined) seen.push(value);
  });
  await put(store, key, canary);
  await put(store, `${key}2`, `${canary} twice ${canary}`);
  for (const batch of await batchesSince(raw, start(raw))) {
    for (const { value } of batch.writes) if (value !== undefined) seen.push(value);
  }
  using snapshot = raw.snapshot();
  for (const name of snapshot.list('', { limit: 100 })) seen.push(snapshot.get(name) ?? assert.fail());
  assert.ok(seen.length >= 9);
  for (const value of seen) assert.equal(Buffer.from(value).indexOf('canary'), -1);
  assert.equal(read(store, key), canary);
});

test('a record that is moved to another key, mount or namespace does not decrypt, and the error names the key alone', async (t) => {
  const { raw, store } = await unsealed(t);
  await put(store, key, 'canary-moved');
  const record = rawOf(raw, key);
  for (const other of [
    's/root/data/3c2f/apps/db2',
    's/root/data/3c30/apps/db',
    's/tenant/data/3c2f/apps/db',
    'l/root/data/3c2f/apps/db',
  ]) {
    await raw.transact((tx) => {
      tx.put(other, record);
    });
    assert.throws(
      () => read(store, other),
      (error: Error) => code('corrupt')(error) && error.message.includes(other) && !error.message.includes('canary'),
    );
    await assert.rejects(
      store.transact((tx) => tx.get(other)),
      code('corrupt'),
    );
  }
  assert.equal(read(store, key), 'canary-moved');
});

test('a value of the raw store that was never encrypted is refused', async (t) => {
  const { raw, store } = await unsealed(t);
  await raw.transact((tx) => {
    tx.put('s/root/plain', bytes('{"policy":"root"}'));
    tx.put('s/root/empty', new Uint8Array(0));
    tx.put('s/root/short', Uint8Array.of(1, 0, 0, 0, 1));
  });
  assert.throws(() => read(store, 's/root/plain'), code('formatVersion'));
  assert.throws(() => read(store, 's/root/empty'), code('formatVersion'));
  assert.throws(() => read(store, 's/root/short'), code('corrupt'));
});

test('the plaintext store neither reads, writes, lists nor reports what the seal stores', async (t) => {
  const { raw, store } = await unsealed(t);
  const seen: string[] = [];
  store.observe((batch) => {
    for (const write of batch.writes) seen.push(write.key);
  });
  await store.transact((tx) => {
    for (const name of ['a', 'seal', 'seal0', 'sealx/y', 's/root/x', 'z']) tx.put(name, bytes('v'));
    for (const name of ['seal/keyring', 'seal/', 'seal/new']) {
      assert.throws(() => tx.get(name), code('permissionDenied'));
      assert.throws(() => tx.put(name, bytes('v')), code('permissionDenied'));
      assert.throws(() => tx.delete(name), code('permissionDenied'));
      assert.throws(() => tx.list(name, { limit: 1 }), code('permissionDenied'));
      assert.throws(() => tx.children(name, { limit: 1 }), code('permissionDenied'));
    }
  });
  await raw.transact((tx) => {
    for (let at = 0; at < 5; at++) tx.put(`seal/more-${at}`, bytes('v'));
  });
  using snapshot = store.snapshot();
  assert.throws(() => snapshot.get('seal/keyring'), code('permissionDenied'));
  assert.throws(() => store.get('seal/keyring'), code('permissionDenied'));
  assert.throws(() => store.has('seal/keyring'), code('permissionDenied'));
  const all = ['a', 's/root/x', 'seal', 'seal0', 'sealx/y', 'z'];
  for (const limit of [1, 2, 3, 4, 100]) {
    const found: string[] = [];
    for (let page: readonly string[] = ['']; page.length > 0; found.push(...page)) {
      const after = found.at(-1);
      page = snapshot.list('', { limit, ...(after !== undefined && { after }) });
      assert.ok(page.length <= limit);
    }
    assert.deepEqual(found, all);
    assert.deepEqual(snapshot.children('', { limit: 3 }), ['a', 's/', 'seal']);
  }
  assert.deepEqual(snapshot.children('', { limit: 100 }), ['a', 's/', 'seal', 'seal0', 'sealx/', 'z']);
  assert.deepEqual(snapshot.children('se', { limit: 100 }), ['al', 'al0', 'alx/']);
  assert.deepEqual(snapshot.list('seal', { after: 'seal', limit: 1 }), ['seal0']);
  assert.deepEqual(seen.toSorted(), all.toSorted());
  const batches = await batchesSince(store, start(store));
  assert.deepEqual(
    batches.map(({ writes }) => writes.length),
    [0, 6, 0],
  );
  assert.deepEqual(
    batches.map(({ position }) => position.sequence),
    [1, 2, 3],
  );
});

test('observers get values only when they ask, as often as they ask, and a damaged one throws there alone', async (t) => {
  const { raw, store } = await unsealed(t);
  const batches: Batch[] = [];
  store.observe((batch) => batches.push(batch));
  await store.transact((tx) => {
    tx.put('s/root/a', bytes('one'));
    tx.put('s/root/b', bytes('two'));
    tx.delete('s/root/c');
  });
  // Raw bytes that are no record pass an observer that looks at keys.
  await raw.transact((tx) => {
    tx.put('s/root/d', bytes('garbage'));
  });
  const [first, second] = batches;
  const values = new Map(
    (first?.writes ?? []).map((write): [string, string | undefined] => [write.key, text(write.value)]),
  );
  assert.deepEqual(
    values,
    new Map([
      ['s/root/a', 'one'],
      ['s/root/b', 'two'],
      ['s/root/c', undefined],
    ]),
  );
  const [again] = first?.writes ?? [];
  assert.equal(again?.value, again?.value);
  assert.equal(text({ ...(again ?? assert.fail()) }.value), 'one');
  assert.equal(second?.writes[0]?.key, 's/root/d');
  assert.throws(() => second?.writes[0]?.value, code('formatVersion'));
});

test('sealing kills every handle: store, snapshots, transactions, observers, waiting changes, values not yet read', async (t) => {
  const { raw, barrier, store, root } = await unsealed(t);
  const writes: Write[] = [];
  let told = 0;
  store.observe((batch) => {
    told += 1;
    writes.push(...batch.writes);
  });
  await put(store, key, 'secret');
  using snapshot = store.snapshot();
  const waiting = store.changes(store.position, new AbortController().signal)[Symbol.asyncIterator]().next();
  const ended = assert.rejects(waiting, code('sealed'));
  barrier.seal();
  barrier.seal();
  await ended;
  const dead = async (): Promise<void> => {
    assert.throws(() => snapshot.get(key), code('sealed'));
    assert.throws(() => snapshot.list('', { limit: 1 }), code('sealed'));
    assert.throws(() => snapshot.children('', { limit: 1 }), code('sealed'));
    assert.throws(() => store.snapshot(), code('sealed'));
    assert.throws(() => store.get('k'), code('sealed'));
    assert.throws(() => store.has('k'), code('sealed'));
    assert.throws(() => store.observe(() => undefined), code('sealed'));
    assert.throws(() => writes[0]?.value, code('sealed'));
    let ran = false;
    await assert.rejects(
      store.transact(() => (ran = true)),
      code('sealed'),
    );
    assert.equal(ran, false);
    await assert.rejects(
      store.changes(start(store), new AbortController().signal)[Symbol.asyncIterator]().next(),
      code('sealed'),
    );
    await assert.rejects(store.compact(store.position), code('sealed'));
  };
  await dead();
  await assert.rejects(barrier.rotate(), code('sealed'));
  for (const use of [
    () => barrier.store,
    () => barrier.keyStatus(),
    () => barrier.deriveKey('x'),
    () => barrier.needsRotation,
  ]) {
    assert.throws(use, code('sealed'));
  }
  assert.equal(barrier.sealed, true);
  const revived = barrier.unseal(root);
  assert.equal(read(revived, key), 'secret');
  await put(revived, key, 'changed');
  assert.equal(told, 1);
  await dead();
  assert.notEqual(revived, store);
  assert.equal(barrier.store, revived);
  assert.ok(raw.position.sequence > 1);
});

test('sealing between the runs of a transaction lets nothing be written', async (t) => {
  let conflicts = 0;
  const { raw, barrier, store } = await unsealed(t, {}, { conflict: () => conflicts-- > 0 });
  conflicts = 1;
  const { position } = raw;
  let runs = 0;
  const writing = store.transact((tx) => {
    runs += 1;
    tx.put(key, bytes('late'));
    barrier.seal();
  });
  await assert.rejects(writing, code('sealed'));
  assert.equal(runs, 1);
  assert.deepEqual(raw.position, position);
});

test('unsealing with another root key, without a keyring or twice is refused', async (t) => {
  const { barrier, root, raw } = await unsealed(t);
  assert.throws(() => barrier.unseal(root), code('conflict'));
  barrier.seal();
  assert.throws(() => barrier.unseal(newKey()), code('corrupt'));
  assert.equal(barrier.sealed, true);
  const empty = openMemoryStore();
  t.after(() => empty[Symbol.asyncDispose]());
  assert.throws(() => new Barrier(empty).unseal(root), code('corrupt'));
  const { position } = raw;
  barrier.unseal(root);
  assert.deepEqual(raw.position, position, 'unsealing writes nothing');
});

test('what is seeded with a new barrier is there with it, or neither is', async (t) => {
  const raw = openMemoryStore();
  t.after(() => raw[Symbol.asyncDispose]());
  const root = newKey();
  await assert.rejects(
    raw.transact((tx) =>
      createBarrier(tx, root, 0, (inner) => {
        inner.put(key, bytes('seed'));
        throw new Error('no');
      }),
    ),
  );
  assert.equal(raw.position.sequence, 0);
  await raw.transact((tx) =>
    createBarrier(tx, root, 0, (inner) => {
      inner.put(key, bytes('seed'));
      assert.equal(text(inner.get(key)), 'seed');
      assert.throws(() => inner.put(KEYRING_KEY, bytes('x')), code('permissionDenied'));
    }),
  );
  assert.equal(rawOf(raw, key).indexOf('seed'), -1);
  const barrier = new Barrier(raw);
  assert.equal(read(barrier.unseal(root), key), 'seed');
  assert.equal(barrier.keyStatus().encryptions, 1);
});

test('keys derived for different purposes differ and come back after a restart', async (t) => {
  const { barrier, root } = await unsealed(t);
  const one = barrier.deriveKey('one');
  assert.ok(!one.equals(barrier.deriveKey('two')));
  assert.ok(!one.equals(root));
  barrier.seal();
  barrier.unseal(root);
  assert.ok(one.equals(barrier.deriveKey('one')));
});
