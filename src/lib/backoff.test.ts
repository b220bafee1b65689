import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fullJitter } from './backoff.ts';

test('waits at random below a bound that doubles up to the cap', () => {
  const bound = (tries: number): number => fullJitter({ base: 200, cap: 30_000 }, tries, 1);
  assert.deepEqual([0, 1, 2, 3, 8, 9, 1_000].map(bound), [200, 200, 400, 800, 25_600, 30_000, 30_000]);
  assert.equal(fullJitter({ base: 200, cap: 30_000 }, 5, 0), 0);
});
