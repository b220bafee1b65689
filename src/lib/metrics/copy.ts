/** What one thread has counted and measured, for another thread to show with its own. */
import { Metrics, type Labels } from './metrics.ts';
import type { TimingCopy } from './timing.ts';

interface CounterCopy {
  readonly name: string;
  readonly help: string;
  readonly labels: Labels;
  readonly count: number;
}

interface TimingsCopy {
  readonly name: string;
  readonly help: string;
  readonly labels: Labels;
  readonly timing: TimingCopy;
}

/** Structured-cloneable. Gauges are of the node, not of a thread: they are not in it. */
export interface MetricsCopy {
  readonly counters: readonly CounterCopy[];
  readonly timings: readonly TimingsCopy[];
}

/** `at`: a reading of this thread's `performance.now()`. */
export function copyOf(metrics: Metrics, at: number): MetricsCopy {
  const { counters, timings } = metrics.read();
  return {
    counters: counters.flatMap(({ name, help, samples }) =>
      samples.map(({ labels = {}, value }) => ({ name, help, labels, count: value })),
    ),
    timings: timings.flatMap(({ name, help, samples }) =>
      samples.map(({ labels, timing }) => ({ name, help, labels, timing: timing.copy(at) })),
    ),
  };
}

/** These metrics and those of the copies, as one. `at`: a reading of this thread's `performance.now()`. */
export function together(metrics: Metrics, copies: readonly MetricsCopy[], at: number): Metrics {
  if (copies.length === 0) return metrics;
  const all = new Metrics();
  for (const { name, help, samples } of metrics.read().gauges) all.gauge(name, help, () => samples);
  for (const { counters, timings } of [copyOf(metrics, at), ...copies]) {
    for (const { name, help, labels, count } of counters) all.counter(name, help, labels).add(count);
    for (const { name, help, labels, timing } of timings) all.timing(name, help, labels).add(timing, at);
  }
  return all;
}
