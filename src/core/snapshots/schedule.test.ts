import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { atMost, jitterOf, nameOf, namePrefix, nextStart, retryAfter, surplus, timeOf } from './schedule.ts';

const HOUR = 3_600_000;
const schedule = { interval: HOUR, jitter: 0 };

test('the first is taken when the node opens, later ones an interval after the last, missed ones once', () => {
  const nothing = { last: undefined, tried: undefined, failures: 0 };
  assert.equal(nextStart(schedule, nothing, 5), 5);
  assert.equal(nextStart({ ...schedule, jitter: 7 }, nothing, 5), 12);
  assert.equal(nextStart(schedule, { ...nothing, last: 10 }, 5), 10 + HOUR);
  // Ten were missed: one is due, and the next an interval after it.
  const now = 10 + 10 * HOUR;
  assert.ok(nextStart(schedule, { ...nothing, last: 10 }, now) <= now);
  assert.equal(nextStart(schedule, { ...nothing, last: now }, now), now + HOUR);
});

test('a failure is tried again sooner, ever later, and never later than the interval', () => {
  const failed = (failures: number) => nextStart(schedule, { last: 0, tried: 100, failures }, 0) - 100;
  assert.deepEqual([1, 2, 3, 60].map(failed), [60_000, 120_000, 240_000, HOUR]);
  assert.equal(retryAfter(10_000, 1), 10_000);
});

test('a clock that goes back puts the next one off by an interval at most', () => {
  const past = atMost({ last: 1_000 * HOUR, tried: 1_000 * HOUR, failures: 0 }, 5);
  assert.equal(nextStart(schedule, past, 0), 5 + HOUR);
});

test('jitter is at most a tenth of the interval and a minute', () => {
  assert.deepEqual([jitterOf(HOUR, 0), jitterOf(HOUR, 0.5), jitterOf(1_000, 0.999)], [0, 30_000, 99]);
});

test('names carry their time and their history, and nobody else counts', () => {
  const mine = namePrefix('p', 'a'.repeat(32));
  const name = nameOf(mine, Date.UTC(2026, 10, 28, 8, 15, 0, 123));
  assert.equal(name, `p-${'a'.repeat(16)}-20261128T081500123Z.snap`);
  assert.equal(timeOf(mine, name), Date.UTC(2026, 10, 28, 8, 15, 0, 123));
  assert.equal(timeOf(namePrefix('p', 'b'.repeat(32)), name), undefined);
  for (const other of ['x', `${mine}.snap`, `${mine}20269928T081500123Z.snap`, `${name}.partial`]) {
    assert.equal(timeOf(mine, other), undefined, other);
  }
});

test('what was just written never goes, and beside it the newest stay', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(1_000)), fc.nat(1_000), fc.integer({ min: 1, max: 9 }), (times, at, retain) => {
      const prefix = namePrefix('p', 'c'.repeat(32));
      const written = nameOf(prefix, at);
      const kept = [...new Set([...times.map((time) => nameOf(prefix, time)), written])];
      const gone = surplus(kept, written, retain);
      const left = kept.filter((name) => !gone.includes(name));
      assert.ok(left.includes(written));
      assert.equal(left.length, Math.min(kept.length, retain));
      const oldest = left.filter((name) => name !== written).sort()[0] ?? '~';
      assert.ok(gone.every((name) => name < oldest));
    }),
  );
});
