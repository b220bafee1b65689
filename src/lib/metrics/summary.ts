/** The JSON of `sys/metrics`, in the shape of Vault's. Counters and samples cover the time since the start. */
import type { Metrics } from './metrics.ts';

/** `now`: milliseconds since the epoch; `elapsed`: seconds that the counts cover. */
export function metricsSummary(
  metrics: Pick<Metrics, 'read'>,
  now: number,
  elapsed: number,
): Readonly<Record<string, unknown>> {
  const { gauges, counters, timings } = metrics.read();
  const rate = (sum: number): number => (elapsed > 0 ? sum / elapsed : 0);
  return {
    Timestamp: `${new Date(now).toISOString().slice(0, 19).replace('T', ' ')} +0000 UTC`,
    Gauges: gauges.flatMap(({ name, samples }) =>
      samples.map(({ labels = {}, value }) => ({ Name: name, Value: value, Labels: labels })),
    ),
    Points: [],
    Counters: counters.flatMap(({ name, samples }) =>
      samples.map(({ labels = {}, value }) => ({
        ...{ Name: name, Count: value, Rate: rate(value), Sum: value },
        ...{ Min: 1, Max: 1, Mean: 1, Stddev: 0, Labels: labels },
      })),
    ),
    Samples: timings.flatMap(({ name, samples }) =>
      samples.map(({ labels, timing }) => ({
        ...{ Name: name, Count: timing.count, Rate: rate(timing.sum), Sum: timing.sum, Min: timing.min },
        ...{ Max: timing.max, Mean: timing.count === 0 ? 0 : timing.sum / timing.count },
        ...{ Stddev: timing.deviation, Labels: labels },
      })),
    ),
  };
}
