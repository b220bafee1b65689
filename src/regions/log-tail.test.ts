import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fail } from '../errors.ts';
import type { Batch, Write } from '../storage/store.ts';
import { LogTail } from './log-tail.ts';

const at = (sequence: number, epoch = '1.a') => ({ epoch, sequence });
const write = (key: string, bytes = 100): Write => ({ key, value: new Uint8Array(bytes) });
const batch = (sequence: number, ...writes: readonly Write[]): Batch => ({
  ...{ position: at(sequence), previous: at(sequence - 1), time: 0, writes },
  hash: new Uint8Array(32).fill(sequence),
});
const blind = (hash: Uint8Array): Uint8Array => hash.map((byte) => byte ^ 0xff);
const tail = (batches = 4, bytes = 1_000) => new LogTail({ batches, bytes, blind });
const sequences = (found: readonly Batch[] | undefined) => found?.map(({ position }) => position.sequence);

test('gives what follows a position, with the hashes that regions see', () => {
  const one = tail();
  for (const sequence of [6, 7, 8]) one.append(batch(sequence, write('s/root/a')));
  assert.deepEqual(sequences(one.after(at(5))), [6, 7, 8]);
  assert.deepEqual(sequences(one.after(at(7))), [8]);
  assert.deepEqual(one.after(at(7))?.[0]?.hash, blind(new Uint8Array(32).fill(8)));
});

test('sends to the log who is further behind, at the tip, or of another history', () => {
  const one = tail();
  for (const sequence of [6, 7, 8]) one.append(batch(sequence, write('s/root/a')));
  assert.equal(one.after(at(4)), undefined);
  assert.equal(one.after(at(8)), undefined);
  assert.equal(one.after(at(6, '2.b')), undefined);
});

test('keeps no more batches and no more bytes of what regions may get than it may', () => {
  const many = tail(2);
  for (const sequence of [1, 2, 3]) many.append(batch(sequence, write('s/root/a')));
  assert.equal(many.after(at(0)), undefined);
  assert.deepEqual(sequences(many.after(at(1))), [2, 3]);
  const large = tail(9, 1_000);
  large.append(batch(1, write('s/root/a', 900)));
  large.append(batch(2, write('t/root/local', 5_000), write('s/root/a', 500)));
  assert.equal(large.after(at(0)), undefined);
  assert.deepEqual(sequences(large.after(at(1))), [2]);
  large.append(batch(3, write('s/root/a', 2_000)));
  assert.equal(large.after(at(2)), undefined, 'what is too large for it alone is read from the log');
});

test('decrypts a batch once, and nothing before it is published', () => {
  let decrypted = 0;
  let value: Uint8Array | undefined;
  const sealed: Write = {
    key: 's/root/a',
    get value() {
      if (value === undefined) decrypted += 1;
      value ??= new Uint8Array(5);
      return value;
    },
  };
  const one = tail();
  one.append(batch(1, sealed));
  assert.equal(decrypted, 0);
  one.settle();
  for (let region = 0; region < 50; region += 1) assert.equal(one.after(at(0))?.[0]?.writes[0]?.value?.length, 5);
  assert.equal(decrypted, 1);
});

test('a record that cannot be read is left to the log, and the next batches are kept again', () => {
  const damaged: Write = {
    key: 's/root/a',
    get value(): Uint8Array {
      throw fail('corrupt');
    },
  };
  const one = tail();
  one.append(batch(1, write('s/root/a')));
  one.append(batch(2, damaged));
  one.settle();
  assert.equal(one.after(at(0)), undefined);
  one.append(batch(3, write('s/root/a')));
  assert.deepEqual(sequences(one.after(at(2))), [3]);
});
