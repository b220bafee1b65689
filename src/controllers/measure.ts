/** The metrics of the controllers, by the names that External Secrets Operator has given them. */
import { keyOf, readKey, type KubernetesObject } from '../kube/objects.ts';
import type { Metrics, Sample } from '../lib/metrics/metrics.ts';
import type { Cluster } from './cluster.ts';
import type { Condition } from './conditions.ts';
import type { LossGuard } from './external-secret/loss-guard.ts';

interface WithStatus extends KubernetesObject {
  readonly status?: { readonly conditions?: readonly Condition[] };
}

const labelsOf = (key: string) => {
  const { namespace, name } = readKey(key);
  return { name, namespace };
};

/** One of True and one of False for each condition, the one that holds 1. */
function* conditionSamples(objects: Iterable<WithStatus>): Generator<Sample> {
  for (const { metadata, status } of objects) {
    for (const { type, status: holds } of status?.conditions ?? []) {
      for (const each of ['True', 'False']) {
        yield {
          labels: { ...labelsOf(keyOf(metadata)), condition: type, status: each },
          value: each === holds ? 1 : 0,
        };
      }
    }
  }
}

export interface Measured {
  readonly failed: (key: string) => void;
  readonly timed: <T>(key: string, work: () => Promise<T>) => Promise<T>;
}

export function measure(metrics: Metrics, cluster: Cluster): Measured {
  const durations = new Map<string, number>();
  const conditions = (kind: string, objects: () => Iterable<WithStatus>): void => {
    metrics.gauge(`${kind}_status_condition`, 'The conditions of each object: 1 what holds.', () => [
      ...conditionSamples(objects()),
    ]);
  };
  conditions('externalsecret', () => cluster.externalSecrets.values());
  conditions('clusterexternalsecret', () => cluster.clusterExternalSecrets?.values() ?? []);
  conditions('pushsecret', () => cluster.pushSecrets.values());
  conditions('clusterpushsecret', () => cluster.clusterPushSecrets?.values() ?? []);
  conditions('secretstore', () => cluster.stores.values());
  conditions('clustersecretstore', () => cluster.clusterStores?.values() ?? []);
  metrics.gauge('externalsecret_reconcile_duration', 'Nanoseconds of the last look at each ExternalSecret.', () =>
    [...durations].map(([key, value]) => ({ labels: labelsOf(key), value })),
  );
  metrics.gauge(
    'lockstep_controller_cache_age_seconds',
    'How long the API server has said nothing about a kind, the worst of them.',
    () => cluster.staleMs / 1_000,
  );
  return {
    failed: (key) => {
      metrics
        .counter('externalsecret_sync_calls_error', 'Looks at an ExternalSecret that failed.', labelsOf(key))
        .add();
    },
    timed: async (key, work) => {
      const begun = performance.now();
      try {
        return await work();
      } finally {
        metrics.counter('externalsecret_sync_calls_total', 'Looks at an ExternalSecret.', labelsOf(key)).add();
        if (cluster.externalSecrets.get(key) === undefined) durations.delete(key);
        else durations.set(key, Math.round((performance.now() - begun) * 1e6));
      }
    },
  };
}

/** What is gone at its store, and what of that is not believed. */
export function measureLosses(metrics: Metrics, losses: Pick<LossGuard, 'pending' | 'holding'>): void {
  metrics.gauge(
    'lockstep_controller_deletions_pending',
    'ExternalSecrets that are gone at their store and not deleted here yet.',
    () => losses.pending,
  );
  metrics.gauge(
    'lockstep_controller_mass_deletion_held',
    '1 for each store that lost so many at once that nothing of it is deleted.',
    () => losses.holding.map((store) => ({ labels: { store }, value: 1 })),
  );
}
