import assert from 'node:assert/strict';
import { test } from 'node:test';
import { discard, lengthOf, load, partsId, store, type Parts } from './parts.ts';

/** The table in memory. */
function table(): Parts & { readonly parts: Map<string, Uint8Array> } {
  const parts = new Map<string, Uint8Array>();
  const name = (key: Uint8Array): string => Buffer.from(key).toString('hex');
  return {
    parts,
    get: (key) => parts.get(name(key)),
    put: (key, part) => void parts.set(name(key), part),
    remove: (key) => void parts.delete(name(key)),
  };
}

test('a value is kept whole if it and its tag take no more than a part, else in parts of a page of 4 KiB', () => {
  for (const [size, count] of [
    [4_031, 0],
    [4_032, 1],
    [4_033, 2],
    [100_000, 25],
  ] as const) {
    const there = table();
    const value = Uint8Array.from({ length: size }, (_, at) => at % 251);
    const stored = store(value, () => partsId('data', 1, 0), there);
    assert.equal(there.parts.size, count, `${String(size)} bytes`);
    for (const bytes of [stored, ...there.parts.values()]) assert.ok(bytes.length <= 4_032);
    assert.ok(Buffer.from(value).equals(load(stored, there, 'value', 'it')));
    assert.equal(lengthOf(stored), size);
    discard(stored, there);
    assert.equal(there.parts.size, 0);
  }
});

test('a value that a store of before keeps in parts of 16 pages is read, and its parts are removed', () => {
  const there = table();
  const value = Uint8Array.from({ length: 150_000 }, (_, at) => at % 251);
  const id = partsId('data', 5, 2);
  for (let number = 0; number < 3; number += 1) {
    const key = Buffer.concat([id, Buffer.from([0, 0, 0, number])]);
    there.put(key, value.slice(number * 65_472, (number + 1) * 65_472));
  }
  const length = Buffer.alloc(4);
  length.writeUInt32BE(value.length);
  const stored = Buffer.concat([Buffer.from([1]), id, length]);
  assert.deepEqual(load(stored, there, 'value', 'it'), value);
  assert.equal(lengthOf(stored), value.length);
  discard(stored, there);
  assert.equal(there.parts.size, 0);
});
