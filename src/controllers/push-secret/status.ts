/** The status of a PushSecret: what was written where, and how that went. */
import type { ObjectMeta } from '../../kube/objects.ts';
import { canonicalJson } from '../../lib/canonical-json.ts';
import { conditionsWith, momentOf } from '../conditions.ts';
import { syncedVersion } from '../external-secret/hash.ts';
import type { PushSecretStatus } from './definition.ts';
import type { Synced } from './plan.ts';

export interface Outcome {
  readonly reason: 'Synced' | 'Errored' | 'SourceDeleted';
  readonly message: string;
  readonly synced: Synced;
  /** Something was written that the status does not tell apart, as what a generator made. */
  readonly wrote?: boolean;
}

const nulls = (names: object = {}): Record<string, null> =>
  Object.fromEntries(Object.keys(names).map((name) => [name, null]));

/** A merge patch keeps what it does not name: what is written no more is taken out by null. */
function syncedPatch(before: Synced, now: Synced): object {
  const gone = Object.keys(before).flatMap((store) => (now[store] === undefined ? [[store, null] as const] : []));
  const kept = Object.entries(now).map(([store, names]) => [store, { ...nulls(before[store]), ...names }] as const);
  return Object.fromEntries([...gone, ...kept]);
}

/** As a merge patch; undefined: nothing changed. `now`: milliseconds since the epoch. */
export function statusAfter(
  metadata: ObjectMeta,
  before: PushSecretStatus,
  { reason, message, synced, wrote = false }: Outcome,
  now: number,
): object | undefined {
  const ready = reason !== 'Errored';
  const condition = { type: 'Ready', status: ready ? 'True' : 'False', reason, message };
  const conditions = conditionsWith(before.conditions ?? [], condition, momentOf(now));
  const version = syncedVersion(metadata);
  const seen = canonicalJson({ conditions, synced, version });
  const was = canonicalJson({
    ...{ conditions: before.conditions ?? [], synced: before.syncedPushSecrets ?? {} },
    version: before.syncedResourceVersion ?? '',
  });
  if (seen === was && !wrote) return undefined;
  return {
    conditions,
    syncedPushSecrets: syncedPatch(before.syncedPushSecrets ?? {}, synced),
    ...(ready ? { refreshTime: momentOf(now), syncedResourceVersion: version } : {}),
  };
}
