import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inTurns } from './in-turns.ts';

const numbers = Array.from({ length: 1_000 }, (_, n) => n);

test('what is found comes in the order in which it was asked for', async () => {
  assert.deepEqual(
    await inTurns(numbers, async (each) => each * 2),
    numbers.map((each) => each * 2),
  );
});

test('after the first that fails no more is asked for', async () => {
  const asked: number[] = [];
  const failing = async (each: number): Promise<number> => {
    asked.push(each);
    await Promise.resolve();
    if (each === 3) throw new Error('no');
    return each;
  };
  await assert.rejects(inTurns(numbers, failing), /no/);
  for (let turn = 0; turn < 10_000; turn++) await Promise.resolve();
  assert.ok(asked.length < 50, `${String(asked.length)} were asked for`);
});

test('values that are too large together are refused before all of them are held', async () => {
  const asked: number[] = [];
  const large = async (each: number): Promise<Uint8Array> => {
    asked.push(each);
    return new Uint8Array(1024 * 1024);
  };
  await assert.rejects(inTurns(numbers, large), /more than 16777216 bytes/);
  assert.ok(asked.length < 50, `${String(asked.length)} were asked for`);
});
