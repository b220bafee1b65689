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

/** What of the cluster is told. */
interface Watched extends Pick<Cluster, 'staleMs'> {
  readonly externalSecrets: Kept & { readonly get: (key: string) => unknown };
  readonly clusterExternalSecrets: Kept | undefined;
  readonly pushSecrets: Kept;
  readonly clusterPushSecrets: Kept | undefined;
  readonly stores: Kept;
  readonly clusterStores: Kept | undefined;
}

interface Kept {
  readonly values: () => Iterable<WithStatus>;
}

/** At one ExternalSecret; the last took so many nanoseconds. */
interface Looks {
  count: number;
  failed: number;
  last: number;
}

export interface Measured {
  readonly failed: (key: string) => void;
  readonly timed: <T>(key: string, work: () => Promise<T>) => Promise<T>;
}

export function measure(metrics: Metrics, cluster: Watched): Measured {
  const all = new Map<string, Looks>();
  const looksAt = (key: string): Looks => {
    const known = all.get(key) ?? { count: 0, failed: 0, last: 0 };
    all.set(key, known);
    return known;
  };
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
    [...all].map(([key, { last }]) => ({ labels: labelsOf(key), value: last })),
  );
  const counter = (name: string, help: string, count: (looks: Looks) => number): void => {
    metrics.counters(name, help, () =>
      [...all].map(([key, looks]) => ({ labels: labelsOf(key), value: count(looks) })).filter(({ value }) => value > 0),
    );
  };
  counter('externalsecret_sync_calls_total', 'Looks at an ExternalSecret.', ({ count }) => count);
  counter('externalsecret_sync_calls_error', 'Looks at an ExternalSecret that failed.', ({ failed }) => failed);
  metrics.gauge(
    'lockstep_controller_cache_age_seconds',
    'How long the API server has said nothing about a kind, the worst of them.',
    () => cluster.staleMs / 1_000,
  );
  return {
    failed: (key) => {
      looksAt(key).failed += 1;
    },
    timed: async (key, work) => {
      const begun = performance.now();
      try {
        return await work();
      } finally {
        const looks = looksAt(key);
        looks.count += 1;
        looks.last = Math.round((performance.now() - begun) * 1e6);
        // What is gone leaves its series: names that come and go would grow them for ever.
        if (cluster.externalSecrets.get(key) === undefined) all.delete(key);
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
