/** What a node tells anybody of how it stands: `sys/health`, and the cluster in `sys/seal-status`. */
import type { JsonObject } from '../framework/field.ts';
import { API_VERSION, type CoreSettings } from './settings.ts';

/** `log` is the id of the store's log, which all that follow it have in common. */
export function clusterFacts({ clusterName }: Pick<CoreSettings, 'clusterName'>, log: string): JsonObject {
  const id = log.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  return { cluster_name: clusterName, cluster_id: id };
}

export interface Standing {
  readonly initialized: boolean;
  /** Of its store's log; undefined while it is sealed. */
  readonly log: string | undefined;
  readonly now: number;
}

/** With Vault's keys. */
export function healthOf(settings: CoreSettings, { initialized, log, now }: Standing): JsonObject {
  const sealed = log === undefined;
  return {
    ...{ initialized, sealed },
    standby: sealed,
    performance_standby: false,
    replication_performance_mode: settings.region === undefined ? 'disabled' : 'secondary',
    replication_dr_mode: 'disabled',
    server_time_utc: Math.floor(now / 1000),
    version: API_VERSION,
    enterprise: false,
    ...(sealed ? {} : clusterFacts(settings, log)),
    echo_duration_ms: 0,
    clock_skew_ms: 0,
    replication_primary_canary_age_ms: 0,
  };
}
