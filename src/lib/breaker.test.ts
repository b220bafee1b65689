import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Breaker } from './breaker.ts';

test('it rests after a failure, longer each time up to a bound, and not at all after a success', () => {
  let now = 0;
  assert.equal(new Breaker({ backoff: { base: 100, cap: 400 } }).state, 'closed');
  const breaker = new Breaker({ backoff: { base: 100, cap: 400 }, now: () => now, random: () => 0.5 });
  const rests: number[] = [];
  for (let tries = 0; tries < 5; tries++) {
    breaker.failed();
    const begun = now;
    while (breaker.state === 'open') now += 10;
    rests.push(now - begun);
  }
  assert.deepEqual(rests, [150, 200, 300, 300, 300]);
  breaker.succeeded();
  assert.equal(breaker.state, 'closed');
});

test('failures of what was asked before it opened do not add up', () => {
  let now = 0;
  const breaker = new Breaker({ backoff: { base: 100, cap: 10_000 }, now: () => now, random: () => 0 });
  for (let each = 0; each < 20; each++) breaker.failed();
  now = 100;
  assert.equal(breaker.state, 'due');
});
