import type { Call } from '../framework/call.ts';
import type { JsonObject } from '../framework/field.ts';

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
