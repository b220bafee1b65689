import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_KEY_BYTES } from '../store.ts';
import { batchesSince, bytes, code, put, read, start, subject, type Make } from './subject.ts';

export function keyCases(make: Make): void {
  test(`a key of ${MAX_KEY_BYTES} bytes fits, a longer one is refused`, async (t) => {
    const { store } = await subject(t, make);
    for (const unit of ['k', 'ü', '€', '😀']) {
      const key = unit.repeat(Math.floor(MAX_KEY_BYTES / Buffer.byteLength(unit)));
      await put(store, key, unit);
      assert.equal(read(store, key), unit);
      const long = key + unit;
      await assert.rejects(put(store, long, 'v'), code('keyTooLong'));
      await assert.rejects(store.transact((tx) => tx.delete(long)), code('keyTooLong')); // prettier-ignore
      assert.equal(read(store, long), undefined, 'absent, not an error');
      using snapshot = store.snapshot();
      assert.deepEqual(snapshot.list(long, { limit: 1 }), []);
      assert.deepEqual(snapshot.children(long, { limit: 1 }), []);
      assert.deepEqual(snapshot.list(unit, { after: long, limit: 1 }), []);
    }
  });

  test('a page after a name that is too long for a key starts where it would stand', async (t) => {
    const { store } = await subject(t, make);
    const stem = 'k'.repeat(MAX_KEY_BYTES - 1);
    await put(store, stem, 'stem');
    await put(store, `${stem}a`, 'before');
    await put(store, `${stem}z`, 'before too, since é is above z');
    await put(store, 'l', 'behind');
    using snapshot = store.snapshot();
    assert.deepEqual(snapshot.list('', { after: `${stem}é`, limit: 5 }), ['l']);
    assert.deepEqual(snapshot.list('', { after: `${stem}bb`, limit: 5 }), [`${stem}z`, 'l']);
  });

  test('an empty key is refused, and absent in reads', async (t) => {
    const { store } = await subject(t, make);
    await assert.rejects(put(store, '', 'v'), code('badRequest'));
    await assert.rejects(store.transact((tx) => tx.delete('')), code('badRequest')); // prettier-ignore
    assert.equal(read(store, ''), undefined);
    assert.equal(store.position.sequence, 0);
  });

  test('a key with a lone surrogate is refused, and no other key is taken for it', async (t) => {
    const { store } = await subject(t, make);
    await put(store, 'a\ufffd', 'replacement character');
    for (const key of ['a\ud83d', 'a\ude00', '\ud83da']) {
      await assert.rejects(put(store, key, 'v'), code('badRequest'));
      assert.equal(read(store, key), undefined);
      using snapshot = store.snapshot();
      assert.deepEqual(snapshot.list(key, { limit: 1 }), []);
    }
  });

  test('keys with every kind of character are told apart', async (t) => {
    const { store } = await subject(t, make);
    const keys = ['\0', '\0\0', '\u0001', ' ', 'a', 'a\0', 'A', 'é', 'e\u0301', '\u007f', '\ufeffa', '\uffff', '😀'];
    await store.transact((tx) => keys.forEach((key, at) => tx.put(key, bytes(String(at)))));
    keys.forEach((key, at) => assert.equal(read(store, key), String(at)));
    using snapshot = store.snapshot();
    assert.equal(snapshot.list('', { limit: 100 }).length, keys.length);
    const [batch] = await batchesSince(store, start(store));
    assert.deepEqual(batch?.writes.map(({ key }) => key), keys); // prettier-ignore
  });

  test('an empty value is a value', async (t) => {
    const { store } = await subject(t, make);
    await put(store, 'k', '');
    assert.equal(read(store, 'k'), '');
    const [batch] = await batchesSince(store, start(store));
    assert.equal(batch?.writes[0]?.value?.length, 0);
  });

  test('values of several MiB come back whole, from data and log, and can be replaced and deleted', async (t) => {
    const { store } = await subject(t, make);
    const large = (size: number, salt: number): Uint8Array =>
      Uint8Array.from({ length: size }, (_, at) => (at * 31 + (at >> 8) + salt) & 0xff);
    const sizes = [1, 4_031, 4_032, 4_033, 4_096, 65_535, 262_143, 262_144, 262_145, 1_048_577, 5_000_000];
    for (const size of sizes) await store.transact((tx) => tx.put(`v/${size}`, large(size, 1)));
    await store.transact((tx) => {
      tx.put('v/4096', large(3_000_000, 2));
      tx.put('v/5000000', large(10, 2));
      tx.delete('v/1048577');
    });
    using snapshot = store.snapshot();
    const value = (size: number): Uint8Array | undefined => snapshot.get(`v/${size}`);
    for (const size of [1, 4_031, 4_032, 4_033, 65_535, 262_143, 262_144, 262_145]) {
      assert.ok(Buffer.from(value(size) ?? '').equals(large(size, 1)), `${size} bytes`);
    }
    assert.ok(Buffer.from(value(4_096) ?? '').equals(large(3_000_000, 2)));
    assert.ok(Buffer.from(value(5_000_000) ?? '').equals(large(10, 2)));
    assert.equal(value(1_048_577), undefined);
    const batches = await batchesSince(store, start(store));
    assert.equal(batches.length, sizes.length + 1);
    assert.ok(Buffer.from(batches.at(-2)?.writes[0]?.value ?? '').equals(large(5_000_000, 1)));
    assert.ok(Buffer.from(batches.at(-1)?.writes[0]?.value ?? '').equals(large(3_000_000, 2)));
  });
}
