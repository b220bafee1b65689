/** What a node shows of its state whenever somebody looks. */
import { version } from '../../lib/version.ts';
import type { Metrics, Sample } from '../../lib/metrics/metrics.ts';
import type { MountRecord } from '../mounts/mount.ts';
import type { Node } from '../node.ts';
import { leaseCountGauges } from '../quotas/lease-count.ts';
import { snapshotGauges } from '../snapshots/meter.ts';
import type { Census } from './census.ts';

/** Gauges of an unsealed node throw while it is sealed, and are left out then. */
export function nodeGauges(metrics: Metrics, node: Node, census: () => Census | undefined): void {
  const gauge = metrics.gauge.bind(metrics);
  gauge('vault.core.unsealed', '1 while this node is unsealed.', () => (node.sealed ? 0 : 1));
  gauge('vault.core.active', '1 while this node serves.', () => (node.sealed ? 0 : 1));
  gauge('vault.core.mount_table.num_entries', 'Mounts, by table.', () => mounts(node));
  gauge('vault.core.mount_table.size', 'Characters of the mounts as JSON, by table.', () => mounts(node, sizeOf));
  gauge('vault.token.count', 'Tokens.', () => known(census()?.tokens));
  gauge('vault.expire.num_leases', 'Leases of engines, and tokens that expire.', () => known(census()?.leases));
  gauge('vault.expire.num_irrevocable_leases', 'Leases that could not be revoked.', () =>
    known(census()?.failedLeases),
  );
  gauge('vault.expire.job_manager.total_jobs', 'Leases that are being revoked right now.', () => {
    return node.services.leaseExpiry.working;
  });
  gauge('vault.core.locked_users', 'Users who are locked out.', () => node.services.lockout.size);
  gauge('lockstep.info', 'Always 1; the version is a label.', () => [{ labels: { version }, value: 1 }]);
  gauge('lockstep.store.position', 'The newest index of this node’s log.', () => {
    return node.services.store.position.sequence;
  });
  gauge('lockstep.store.oldest_position', 'The oldest index that a follower of this log can go on from.', () => {
    return node.services.store.oldest.sequence;
  });
  gauge('lockstep.cache.entries', 'Entries of the caches in memory.', () => [
    { labels: { cache: 'tokens' }, value: node.services.tokens.cached },
    { labels: { cache: 'policies' }, value: node.services.policies.cached },
  ]);
  gauge('lockstep.index.waiting', 'Requests that wait for an index.', () => node.services.freshness.waiting);
  gauge('lockstep.subscribers', 'Open subscriptions to changes.', () => node.services.subscriptions.size);
  leaseCountGauges(metrics, () => node.services.leaseQuotas);
  snapshotGauges(metrics, () => node.unsealedSnapshots);
  regionGauges(metrics, node);
  hubGauges(metrics, node);
}

/** Left out while it is not known. */
function known(value: number | undefined): number | readonly Sample[] {
  return value ?? [];
}

const sizeOf = (record: MountRecord): number => JSON.stringify(record).length;

function mounts(node: Node, measure: (record: MountRecord) => number = () => 1): readonly Sample[] {
  const all = [...node.services.mounts.everywhere()].map(({ record }) => record);
  const of = (table: 'auth' | 'secret'): number =>
    all.filter((each) => each.table === table).reduce((sum, each) => sum + measure(each), 0);
  return [
    { labels: { type: 'auth', local: 'false' }, value: of('auth') },
    { labels: { type: 'logical', local: 'false' }, value: of('secret') },
  ];
}

/** At a region: how it stands with its hub. */
function regionGauges(metrics: Metrics, node: Node): void {
  const status = (name: string): number | readonly Sample[] => numbers(node.link?.status()[name]);
  metrics.gauge('lockstep.hub.connected', '1 while this region follows its hub.', () => status('connected'));
  metrics.gauge('lockstep.hub.age_seconds', 'Time since the last word of the hub.', () => status('age'));
  metrics.gauge('lockstep.hub.position', 'Where this region’s copy stands in the hub’s log.', () => status('index'));
}

/** At the hub: how its regions stand, as they have acknowledged. */
function hubGauges(metrics: Metrics, node: Node): void {
  const each = (name: string) => (): readonly Sample[] =>
    node.isHub
      ? node.hub.list().flatMap((region) => {
          const [sample] = numbers(node.hub.describe(region)?.[name]);
          return sample === undefined ? [] : [{ labels: { region }, value: sample.value }];
        })
      : [];
  metrics.gauge('lockstep.region.connected', '1 while the region is connected.', each('connected'));
  metrics.gauge('lockstep.region.lag', 'Entries that the region has not acknowledged.', each('lag'));
  metrics.gauge('lockstep.region.position', 'Index that the region has acknowledged.', each('index'));
}

function numbers(value: unknown): readonly Sample[] {
  if (typeof value === 'boolean') return [{ value: value ? 1 : 0 }];
  return typeof value === 'number' ? [{ value }] : [];
}
