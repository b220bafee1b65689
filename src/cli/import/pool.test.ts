import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eachOf } from './pool.ts';

async function* numbers(most: number): AsyncGenerator<number> {
  for (let at = 0; at < most; at += 1) yield await Promise.resolve(at);
}

test('works on as many at once as it may, and on each once', async () => {
  let [running, most] = [0, 0];
  const seen: number[] = [];
  await eachOf(numbers(50), 4, async (at) => {
    running += 1;
    most = Math.max(most, running);
    await new Promise(setImmediate);
    seen.push(at);
    running -= 1;
  });
  assert.equal(most, 4);
  assert.deepEqual(
    seen.toSorted((a, b) => a - b),
    Array.from({ length: 50 }, (_, at) => at),
  );
});

test('a failure ends it, once those under way have ended', async () => {
  let [begun, ended] = [0, 0];
  const failing = eachOf(numbers(1_000), 3, async (at) => {
    begun += 1;
    await new Promise(setImmediate);
    ended += 1;
    if (at === 5) throw new Error('five');
  });
  await assert.rejects(failing, /five/);
  assert.equal(begun, ended);
  assert.ok(begun < 20);
  await assert.rejects(
    eachOf(
      (async function* failed(): AsyncGenerator<number> {
        yield await Promise.reject<number>(new Error('source'));
      })(),
      2,
      () => Promise.resolve(),
    ),
    /source/,
  );
});
