/** What there is of snapshots while a node is unsealed: those by schedule, and the one that is loaded beside the live data. */
import { fail } from '../../errors.ts';
import type { KeyObject } from '../../lib/crypto/hash.ts';
import { randomBytes } from '../../lib/crypto/random.ts';
import type { Logger } from '../../lib/log.ts';
import type { PluginRegistry } from '../registry-contract.ts';
import type { SnapshotSource } from '../requests/from-snapshot.ts';
import type { RequestServices } from '../services.ts';
import { LoadedSnapshots, type Beside } from './loaded.ts';
import { snapshotMeter } from './meter.ts';
import { Scheduler, type ScheduledSnapshot } from './scheduled.ts';
import type { Taking } from './taken.ts';

/** What of the unsealed node they work on. */
export interface Opening {
  readonly services: Pick<RequestServices, 'store' | 'log' | 'metrics' | 'now' | 'ttl'>;
  readonly registry: PluginRegistry;
  /** This node's region; undefined at the hub. */
  readonly region: string | undefined;
}

interface UnsealedSnapshotsOptions extends Opening {
  readonly taking: Taking;
  readonly place: { readonly schedules?: readonly ScheduledSnapshot[]; readonly beside?: Beside };
  readonly root: () => KeyObject;
}

export class UnsealedSnapshots implements AsyncDisposable {
  readonly scheduler: Scheduler;
  readonly #loaded: LoadedSnapshots | undefined;
  readonly #region: string | undefined;
  readonly #log: Logger;

  constructor({ services, registry, region, taking, place, root }: UnsealedSnapshotsOptions) {
    const { store, metrics, now, ttl } = services;
    const log = services.log.named('snapshots');
    this.#region = region;
    this.#log = log;
    this.scheduler = new Scheduler(place.schedules ?? [], {
      ...{ store, taking, now, log },
      meter: snapshotMeter(metrics.all),
      fraction: randomBytes(4).readUInt32BE() / 2 ** 32,
    });
    const mounts = { registry, region: region ?? 'hub', ttl };
    this.#loaded = place.beside && new LoadedSnapshots({ beside: place.beside, root, mounts, now, log });
  }

  /** Throws `badRequest` where none can be. */
  get loaded(): LoadedSnapshots {
    if (this.#loaded !== undefined) return this.#loaded;
    throw fail('badRequest', 'this node has no place to load a snapshot into');
  }

  /** For requests about the one that is loaded. */
  get source(): SnapshotSource {
    return { loaded: this.loaded, region: this.#region !== undefined };
  }

  /** Begins what is due; nobody waits for it. */
  tick(): void {
    void this.scheduler.tick();
    this.#loaded?.tick().catch((error: unknown) => {
      this.#log.error('a snapshot was not unloaded', { reason: error instanceof Error ? error.name : 'unknown' });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.scheduler[Symbol.asyncDispose]();
    await this.#loaded?.[Symbol.asyncDispose]();
  }
}
