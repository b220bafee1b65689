import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TokenBucket } from './token-bucket.ts';

test('a burst, then a rate, and never more than the burst is saved up', () => {
  const bucket = new TokenBucket({ burst: 2, perSecond: 10 }, 0);
  assert.deepEqual([bucket.take(0), bucket.take(0), bucket.take(0)], [true, true, false]);
  assert.equal(bucket.take(99), false);
  assert.equal(bucket.take(100), true);
  assert.equal(bucket.full(250), false);
  assert.equal(bucket.full(10_000), true);
  assert.deepEqual([bucket.take(10_000), bucket.take(10_000), bucket.take(10_000)], [true, true, false]);
});

test('what is owed must be waited for, and a clock that goes back gives nothing', () => {
  const bucket = new TokenBucket({ burst: 10, perSecond: 100 }, 1_000);
  assert.equal(bucket.owe(1_000, 10), 0);
  assert.equal(bucket.owe(1_000, 5), 50);
  assert.equal(bucket.owe(0, 0), 50);
  assert.equal(bucket.owe(1_050, 0), 0);
});
