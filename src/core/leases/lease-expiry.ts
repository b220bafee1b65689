/**
 * Works off what is due, in the background: oldest first, a bounded number at a time for each mount, so that one whose outside
 * world hangs holds up no other. What is not due costs nothing.
 */
import { isLockstepError } from '../../errors.ts';
import type { Logger } from '../../lib/log.ts';
import type { Store } from '../../storage/store.ts';
import { keys } from '../keys.ts';
import type { LeaseMeter } from './lease-meter.ts';
import { leaseAt } from './lease-records.ts';
import type { Leases } from './leases.ts';

export interface LeaseExpiryOptions {
  readonly store: Store;
  readonly leases: Leases;
  readonly now: () => number;
  readonly meter: LeaseMeter;
  readonly log: Logger;
}

/** As many as OpenBao's workers; of one mount at most this many at a time. */
const MOST_AT_ONCE = 200;
const MOST_OF_A_MOUNT = 16;
/** Mounts that are looked at in one page. */
const MOUNTS = 1_000;
const TIME_DIGITS = 15;

interface Due {
  readonly key: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

export class LeaseExpiry implements AsyncDisposable {
  readonly #options: LeaseExpiryOptions;
  /** By mount: the leases that are worked on. */
  readonly #working = new Map<string, Set<string>>();
  #size = 0;
  /** While something is worked on: kept until nothing is, so that who waits for it misses no end. */
  #idle: PromiseWithResolvers<void> | undefined;
  #ended = false;

  constructor(options: LeaseExpiryOptions) {
    this.#options = options;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true;
    await Promise.resolve();
  }

  /** Tries that are under way. */
  get working(): number {
    return this.#size;
  }

  /** Resolves once nothing that is due is being worked on. */
  async idle(): Promise<void> {
    await this.#idle?.promise;
  }

  /** Begins with what is due; what becomes free goes on with what is due then. Called about once a second, or to hurry. */
  tick(): void {
    for (const mount of this.#mounts()) this.#fill(mount);
  }

  /** Those with leases: as many keys are read as there are of them. */
  #mounts(): readonly string[] {
    using snapshot = this.#options.store.snapshot();
    const found: string[] = [];
    for (let after: string | undefined; ;) {
      const page = snapshot.children(keys.leaseDues, { limit: MOUNTS, ...(after === undefined ? {} : { after }) });
      found.push(...page.map((child) => child.slice(0, -1)));
      if (page.length < MOUNTS) return found;
      after = page.at(-1);
    }
  }

  #fill(mount: string): void {
    const working = this.#working.get(mount) ?? new Set<string>();
    const room = Math.min(MOST_OF_A_MOUNT - working.size, MOST_AT_ONCE - this.#size);
    if (this.#ended || room <= 0) return;
    for (const due of this.#due(mount, working).slice(0, room)) {
      this.#working.set(mount, working.add(due.key));
      this.#begin();
      void this.#work(mount, due);
    }
  }

  /** A few more than there is room for, since some of them are being worked on. */
  #due(mount: string, working: ReadonlySet<string>): readonly Due[] {
    const { store, now, leases } = this.#options;
    const prefix = keys.leaseDuesOf(mount);
    const until = now();
    using snapshot = store.snapshot();
    return snapshot
      .list(prefix, { limit: 2 * MOST_OF_A_MOUNT })
      .map((entry) => ({
        at: Number(entry.slice(prefix.length, prefix.length + TIME_DIGITS)),
        key: entry.slice(prefix.length + TIME_DIGITS + 1),
      }))
      .filter(({ at, key }) => at <= until && !working.has(key) && leases.isReadable(key) && !leases.busy(key));
  }

  #begin(): void {
    this.#size += 1;
    this.#idle ??= Promise.withResolvers();
  }

  async #work(mount: string, { key, at }: Due): Promise<void> {
    const { leases, meter, log, now } = this.#options;
    let moved = false;
    try {
      const start = performance.now();
      meter.inQueue.record(start - Math.max(0, now() - at), start);
      meter.expired.add();
      const error = await leases.attempt(key, 'due');
      if (error !== undefined) meter.failed.add();
      moved = !(await this.#stays(mount, { key, at }));
    } catch (error) {
      // Sealed in the middle of it: it stays due.
      if (!isLockstepError(error, 'sealed') && !isLockstepError(error, 'namespaceSealed')) {
        log.error('a lease that is due could not be worked on', {
          kind: error instanceof Error ? error.name : 'unknown',
        });
      }
      this.#ended ||= isLockstepError(error, 'sealed') || isLockstepError(error, 'storeClosed');
    } finally {
      this.#done(mount, key, moved);
    }
  }

  /** Whether it is due as before. An entry of no lease is taken away: it would come up for ever. */
  async #stays(mount: string, { key, at }: Due): Promise<boolean> {
    const { store } = this.#options;
    const entry = keys.leaseDue(mount, at, key);
    if (!store.has(entry)) return false;
    await store.transact((tx) => {
      if (!tx.has(leaseAt(key))) tx.delete(entry);
    });
    return true;
  }

  /** What did not move is left to the next tick. */
  #done(mount: string, key: string, moved: boolean): void {
    const working = this.#working.get(mount);
    working?.delete(key);
    if (working?.size === 0) this.#working.delete(mount);
    this.#size -= 1;
    if (moved) this.#fill(mount);
    if (this.#size > 0) return;
    this.#idle?.resolve();
    this.#idle = undefined;
  }
}
