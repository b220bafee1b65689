/** What there is of snapshots while a node is unsealed: those by schedule. */
import { randomBytes } from '../../lib/crypto/random.ts';
import type { Logger } from '../../lib/log.ts';
import type { Metrics } from '../../lib/metrics/metrics.ts';
import type { Store } from '../../storage/store.ts';
import { snapshotMeter } from './meter.ts';
import { Scheduler, type ScheduledSnapshot } from './scheduled.ts';
import type { Taking } from './taken.ts';

/** What of the unsealed node they work on. */
export interface Opening {
  readonly store: Store;
  readonly log: Logger;
  readonly metrics: Metrics;
}

interface UnsealedSnapshotsOptions extends Opening {
  readonly taking: Taking;
  readonly place: { readonly schedules?: readonly ScheduledSnapshot[] };
  readonly now: () => number;
}

export class UnsealedSnapshots implements AsyncDisposable {
  readonly scheduler: Scheduler;

  constructor({ store, log, metrics, taking, place, now }: UnsealedSnapshotsOptions) {
    this.scheduler = new Scheduler(place.schedules ?? [], {
      ...{ store, taking, now },
      log: log.named('snapshots'),
      meter: snapshotMeter(metrics),
      fraction: randomBytes(4).readUInt32BE() / 2 ** 32,
    });
  }

  /** Begins what is due; nobody waits for it. */
  tick(): void {
    void this.scheduler.tick();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.scheduler[Symbol.asyncDispose]();
  }
}
