import type { Call } from '../framework/call.ts';
import type { JsonObject } from '../framework/field.ts';
import type { Metrics } from '../lib/metrics/metrics.ts';

const NAMES = {
  addresses: ['leader_address', 'leader_cluster_address'],
  clusterName: ['cluster_name'],
  version: ['version', 'build_date'],
} as const;

/** Without what the listener does not tell: the keys stay, for those who read them, and are empty. */
export function redacted(told: JsonObject, { origin: { listener } }: Pick<Call, 'origin'>): JsonObject {
  const { redacted: rules } = listener;
  if (rules === undefined) return told;
  const hidden = (Object.keys(NAMES) as (keyof typeof NAMES)[])
    .filter((what) => rules[what])
    .flatMap((what) => NAMES[what]);
  return { ...told, ...Object.fromEntries(hidden.filter((name) => name in told).map((name) => [name, ''])) };
}

/** Metrics that the listener shows to strangers: without the version, where it does not tell that. */
export function redactedMetrics(
  metrics: Pick<Metrics, 'read'>,
  { origin: { listener } }: Pick<Call, 'origin'>,
): Pick<Metrics, 'read'> {
  if (!listener.unauthenticatedMetrics || listener.redacted?.version !== true) return metrics;
  const { gauges, ...others } = metrics.read();
  const hidden = gauges.map((gauge) => {
    if (gauge.name !== 'lockstep.info') return gauge;
    return {
      ...gauge,
      samples: gauge.samples.map((sample) => ({ ...sample, labels: { ...sample.labels, version: '' } })),
    };
  });
  return { read: () => ({ ...others, gauges: hidden }) };
}
