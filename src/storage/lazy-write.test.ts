import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LazyWrite } from './lazy-write.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text);

test('a value is made when it is asked for, once; what failed is tried again', () => {
  let made = 0;
  const write = new LazyWrite('a', () => {
    made += 1;
    if (made === 1) throw new Error('sealed');
    return bytes('1');
  });
  assert.deepEqual([write.key, made], ['a', 0]);
  assert.throws(() => write.value, /sealed/);
  const first = write.value;
  assert.equal(write.value, first);
  assert.equal(made, 2);
});

test('a copy by spread has the value: without one it would be a deletion', () => {
  const decoded = { record: {}, bytes: 1 };
  const copy = { ...new LazyWrite('a', () => bytes('1'), decoded) };
  assert.deepEqual(copy, { key: 'a', decoded, value: bytes('1') });
});

test('all share one accessor: each of its own would be kept until a full collection, with all that it refers to', () => {
  const [one, other] = ['a', 'b'].map((key) => {
    const write = new LazyWrite(key, () => bytes(key));
    return Object.getOwnPropertyDescriptor(write, 'value') ?? {};
  });
  assert.equal(typeof one?.get, 'function');
  assert.deepEqual(one, other);
});
