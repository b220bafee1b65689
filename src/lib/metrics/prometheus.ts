/** The text that Prometheus scrapes (exposition format 0.0.4). */
import { prometheusName, type Labels, type Metrics } from './metrics.ts';

export const PROMETHEUS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

const QUANTILES = [0.5, 0.9, 0.99];

interface Value {
  readonly metricName?: string;
  readonly labels: Labels | Readonly<Record<string, string | number>>;
  readonly value: number;
}

/** `at`: a reading of `performance.now()`. */
export async function prometheusText(metrics: Pick<Metrics, 'read'>, at: number): Promise<string> {
  // Loaded when it is first scraped: it would take a fifth of the time to start.
  const { Registry } = (await import('prom-client')).default;
  const registry = new Registry();
  const add = (name: string, help: string, type: string, values: readonly Value[]): void => {
    // A name that somebody chose, of a mount or a device, must not end the scrape.
    if (registry.getSingleMetric(name) !== undefined) return;
    const metric = { name, help, type, values, aggregator: 'sum' };
    // A registry asks a metric for no more than its name and its values.
    registry.registerMetric({ name, get: () => Promise.resolve(metric) } as never);
  };
  const { gauges, counters, timings } = metrics.read();
  for (const { name, help, samples } of gauges) add(prometheusName(name), help, 'gauge', samples.map(valueOf));
  for (const { name, help, samples } of counters) add(prometheusName(name), help, 'counter', samples.map(valueOf));
  for (const { name, help, samples } of timings) {
    const known = prometheusName(name);
    const values = samples.flatMap(({ labels, timing }) => [
      ...timing
        .quantiles(QUANTILES, at)
        .map((value, index) => ({ labels: { ...labels, quantile: QUANTILES[index] ?? 0 }, value })),
      { metricName: `${known}_sum`, labels, value: timing.sum },
      { metricName: `${known}_count`, labels, value: timing.count },
    ]);
    add(known, help, 'summary', values);
  }
  return registry.metrics();
}

function valueOf({ labels = {}, value }: { readonly labels?: Labels; readonly value: number }): Value {
  return { labels, value };
}
