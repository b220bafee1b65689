import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';

import { Metrics } from './metrics.ts';
import { prometheusText } from './prometheus.ts';
import { metricsSummary } from './summary.ts';
import { Timing } from './timing.ts';

test('a quantile is what was recorded, or at most 9 % above it', () => {
  const durations = fc.array(fc.double({ min: 0.002, max: 60_000, noNaN: true }), { minLength: 1, maxLength: 300 });
  fc.assert(
    fc.property(durations, fc.constantFrom(0.5, 0.9, 0.99, 1), (list, quantile) => {
      const timing = new Timing();
      for (const duration of list) timing.record(1_000, 1_000 + duration);
      const exact = list.toSorted((a, b) => a - b)[Math.ceil(quantile * list.length) - 1] ?? 0;
      const [shown = 0] = timing.quantiles([quantile], 61_000);
      assert.ok(shown >= exact * 0.999 && shown <= exact * 1.1, `${String(shown)} for ${String(exact)}`);
    }),
  );
});

test('quantiles are of the last minute, counts of all time', () => {
  const timing = new Timing();
  timing.record(0, 100);
  assert.ok((timing.quantiles([0.5], 100)[0] ?? 0) >= 100);
  timing.record(40_000, 40_001);
  assert.ok((timing.quantiles([1], 40_001)[0] ?? 0) >= 100, 'the window before still counts');
  timing.record(75_000, 75_001);
  assert.ok((timing.quantiles([1], 75_001)[0] ?? 100) < 2);
  assert.deepEqual(timing.quantiles([0.5, 0.99], 500_000), [Number.NaN, Number.NaN]);
  assert.deepEqual([timing.count, timing.sum, timing.min, timing.max], [3, 102, 1, 100]);
});

test('durations of any size have a place, and a clock that goes back is 0', () => {
  const timing = new Timing();
  for (const end of [10, 5, 1e12, Number.MAX_SAFE_INTEGER]) timing.record(10, end);
  assert.equal(timing.min, 0);
  assert.ok(timing.quantiles([0.01, 1], Number.MAX_SAFE_INTEGER).every(Number.isFinite));
});

function example(): Metrics {
  const metrics = new Metrics();
  metrics.counter('vault.x.done', 'What was done.').add();
  metrics.counter('vault.x.done', 'What was done.').add(2);
  metrics.timing('vault.route.read.a"b\\-', 'Handlers.', { kind: 'quo"te\n' }).record(0, 1);
  metrics.gauge('lockstep.here', 'Here.', () => [{ labels: { region: 'eu' }, value: 1 }]);
  metrics.gauge('lockstep.gone', 'Gone.', () => {
    throw new Error('closed');
  });
  return metrics;
}

test('the text is one that Prometheus reads, whatever names and labels hold', async () => {
  const text = await prometheusText(example(), 1);
  assert.match(text, /# TYPE vault_x_done counter\nvault_x_done 3\n/);
  assert.match(text, /lockstep_here\{region="eu"\} 1\n/);
  assert.match(text, /vault_route_read_a_b__\{kind="quo\\"te\\n",quantile="0\.99"\} 1\n/);
  assert.match(text, /vault_route_read_a_b___count\{kind="quo\\"te\\n"\} 1\n/);
  assert.doesNotMatch(text, /gone/);
  const line = /^(#.*|[a-zA-Z_:][a-zA-Z0-9_:]*(\{([a-z]+="([^"\\\n]|\\[\\"n])*",?)+\})? (NaN|[-+0-9.e]+))$/;
  for (const each of text
    .trim()
    .split('\n')
    .filter((one) => one !== ''))
    assert.match(each, line);
});

test('names that become one name are told together', async () => {
  const metrics = new Metrics();
  metrics.timing('vault.route.read.a-b-', 'Handlers.').record(0, 1);
  metrics.timing('vault.route.read.a_b-', 'Handlers.').record(0, 1);
  const text = await prometheusText(metrics, 1);
  assert.equal(text.match(/# TYPE/g)?.length, 1);
  assert.match(text, /vault_route_read_a_b__count 2\n/);
});

test('the summary has the shape of Vault’s', () => {
  const summary = metricsSummary(example(), 0, 2) as Record<string, readonly Record<string, unknown>[]>;
  assert.deepEqual(Object.keys(summary), ['Timestamp', 'Gauges', 'Points', 'Counters', 'Samples']);
  assert.deepEqual(summary['Timestamp'], '1970-01-01 00:00:00 +0000 UTC');
  assert.deepEqual(summary['Gauges'], [{ Name: 'lockstep.here', Value: 1, Labels: { region: 'eu' } }]);
  assert.deepEqual([summary['Counters']?.[0]?.['Count'], summary['Counters']?.[0]?.['Rate']], [3, 1.5]);
  assert.deepEqual([summary['Samples']?.[0]?.['Count'], summary['Samples']?.[0]?.['Mean']], [1, 1]);
});
