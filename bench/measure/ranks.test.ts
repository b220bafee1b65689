import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ranks } from './ranks.ts';

test('how likely one sample is above the other, ties half', () => {
  assert.equal(ranks([1, 2], [3, 4]).above, 1);
  assert.equal(ranks([3, 4], [1, 2]).above, 0);
  assert.equal(ranks([1, 2, 3], [1, 2, 3]).above, 0.5);
  // Of the pairs 1<2, 1<3, 2=2, 2<3.
  assert.equal(ranks([1, 2], [2, 3]).above, 3.5 / 4);
});

test('what chance alone does falls with the number of tries', () => {
  const of = (size: number): number => ranks(Array<number>(size).fill(1), Array<number>(size).fill(1)).deviation;
  assert.ok(Math.abs(of(10_000) - 1 / Math.sqrt(6 * 10_000)) < 1e-4);
  assert.ok(of(100) > of(1_000));
});
