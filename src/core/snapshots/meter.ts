/** Metrics of scheduled snapshots, in Vault's names. */
import type { Metrics } from '../../lib/metrics/metrics.ts';
import type { SnapshotMeter } from './scheduled.ts';
import type { UnsealedSnapshots } from './unsealed-snapshots.ts';

const PREFIX = 'vault.autosnapshots';

export function snapshotMeter(metrics: Metrics): SnapshotMeter {
  return {
    taken: (name, milliseconds) => {
      const now = performance.now();
      metrics
        .timing(`${PREFIX}.save.duration`, 'Scheduled snapshots, until they are checked, milliseconds.', { name })
        .record(now - milliseconds, now);
    },
    failed: (name) => {
      metrics.counter(`${PREFIX}.save.errors`, 'Scheduled snapshots that failed.', { name }).add();
    },
  };
}

/** Left out while the node is sealed (`opened` throws), and what is not known yet. */
export function snapshotGauges(metrics: Metrics, opened: () => UnsealedSnapshots): void {
  const each = (of: (name: string) => number | undefined) => () =>
    opened().scheduler.names.flatMap((name) => {
      const value = of(name);
      return value === undefined ? [] : [{ labels: { name }, value }];
    });
  const standing = (name: string) => opened().scheduler.standing(name);
  metrics.gauge(
    `${PREFIX}.last.success.time`,
    'When the newest scheduled snapshot that stands was begun, seconds since the epoch.',
    each((name) => {
      const last = standing(name)?.lastGood;
      return last === undefined ? undefined : Math.floor(last / 1_000);
    }),
  );
  metrics.gauge(
    `${PREFIX}.snapshots.in.storage`,
    'Scheduled snapshots of this node that are kept.',
    each((name) => standing(name)?.kept.length),
  );
  metrics.gauge(
    `${PREFIX}.total.snapshot.size`,
    'Bytes of the scheduled snapshots of this node that are kept.',
    each((name) => standing(name)?.kept.reduce((sum, { bytes }) => sum + bytes, 0)),
  );
  metrics.gauge(
    'lockstep.snapshot.consecutive_errors',
    'Scheduled snapshots that have failed since the last good one.',
    each((name) => standing(name)?.failures),
  );
}
