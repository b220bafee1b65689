import assert from 'node:assert/strict';
import { test } from 'node:test';
import { copyOf, together } from './copy.ts';
import { Metrics } from './metrics.ts';

function thread(durations: readonly number[], requests: number): Metrics {
  const metrics = new Metrics();
  const timing = metrics.timing('vault.read', 'Reads.');
  for (const duration of durations) timing.record(0, duration);
  metrics.counter('vault.requests', 'Requests.', { kind: 'all' }).add(requests);
  return metrics;
}

function firstTiming(metrics: Metrics) {
  const timing = metrics.read().timings[0]?.samples[0]?.timing;
  assert.ok(timing !== undefined);
  return timing;
}

test('counters and gauges of several threads are shown together', () => {
  const own = thread([], 3);
  own.gauge('vault.tokens', 'Tokens.', () => 7);
  const { gauges, counters } = together(own, [structuredClone(copyOf(thread([], 2), 200))], 200).read();
  assert.equal(gauges[0]?.samples[0]?.value, 7);
  assert.equal(counters[0]?.samples[0]?.value, 5);
});

test('timings of several threads add up, quantiles included', () => {
  const other = structuredClone(copyOf(thread([100], 0), 200));
  const timing = firstTiming(together(thread([1, 1, 1], 0), [other], 200));
  assert.deepEqual([timing.count, timing.sum, timing.min, timing.max], [4, 103, 1, 100]);
  const [median = 0, last = 0] = timing.quantiles([0.5, 1], 200);
  assert.ok(median >= 1 && median < 1.1, String(median));
  assert.ok(last >= 100 && last < 110, String(last));
});

test('the copy is of its moment, and leaves what it was made of alone', () => {
  const own = thread([1], 1);
  const copy = copyOf(own, 2);
  own.counter('vault.requests', 'Requests.', { kind: 'all' }).add();
  together(own, [copy], 2);
  assert.equal(copy.counters[0]?.count, 1);
  assert.equal(own.read().counters[0]?.samples[0]?.value, 2);
});

test('a thread that measured nothing changes neither minimum nor deviation', () => {
  const own = thread([5], 1);
  const timing = firstTiming(together(own, [copyOf(thread([], 0), 10)], 10));
  assert.deepEqual([timing.count, timing.min, timing.max, timing.deviation], [1, 5, 5, 0]);
});
