/**
 * One of several programs leads: whoever holds a Lease (coordination.k8s.io/v1), as client-go's leader election does it, so
 * that either may take over from the other. No clock of another machine is believed: a Lease is over when nobody renewed it for
 * its duration, as seen from here.
 */
import type { Logger } from '../lib/log.ts';
import { pause as wait } from '../lib/pause.ts';
import type { Kind, KubernetesObject, Objects } from './objects.ts';
import { isConflict } from './problem.ts';

export const leaseKind: Kind = {
  ...{ group: 'coordination.k8s.io', version: 'v1', kind: 'Lease', plural: 'leases', namespaced: true },
};

export interface Lease extends KubernetesObject {
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    /** RFC 3339 with microseconds. */
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
}

export interface Election {
  readonly leases: Pick<Objects<Lease>, 'get' | 'create' | 'replace'>;
  readonly namespace: string;
  readonly name: string;
  /** Whose it is: another for each program. */
  readonly identity: string;
  /** Milliseconds in which whoever holds it must renew it, or others take it. */
  readonly leaseMs: number;
  /** Milliseconds without a renewal after which whoever holds it stops leading; less than `leaseMs`. */
  readonly renewMs: number;
  /** Milliseconds between two tries. */
  readonly retryMs: number;
  readonly log: Logger;
  /** Monotonic milliseconds. */
  readonly now?: () => number;
  readonly pause?: (ms: number, signal: AbortSignal) => Promise<void>;
}

const moment = (): string => new Date().toISOString().replace('Z', '000Z');

export class Leadership {
  readonly #election: Election;
  /** The Lease as it was seen last, and when it was first seen so. */
  #seen: { readonly version: string; readonly at: number; readonly lease: Lease } | undefined;

  constructor(election: Election) {
    this.#election = election;
  }

  /** Whether the Lease was another's when it was seen last. */
  get anotherLeads(): boolean {
    return this.#isOthers();
  }

  /**
   * Does `work` while it leads; its signal is aborted when it leads no more. Resolves with `ended` once the signal was aborted, and
   * with `lost` when another may lead: then this program has to begin anew.
   */
  async lead(signal: AbortSignal, work: (signal: AbortSignal) => Promise<void>): Promise<'ended' | 'lost'> {
    const { retryMs, log, identity } = this.#election;
    const pause = this.#election.pause ?? wait;
    let taken = this.#now();
    while (!signal.aborted && !(await this.#takes(taken))) {
      await pause(retryMs, signal);
      taken = this.#now();
    }
    if (signal.aborted) return 'ended';
    log.info('leading', { identity });
    const leading = new AbortController();
    const working = work(AbortSignal.any([signal, leading.signal]));
    const over = working.then(
      () => leading.abort(),
      () => leading.abort(),
    );
    const lost = await this.#renew(taken, AbortSignal.any([signal, leading.signal]));
    leading.abort();
    await over;
    // Nobody else leads before what was at work here has come to its end.
    if (!lost) await this.#release();
    await working;
    return lost ? 'lost' : 'ended';
  }

  /** Until the signal is aborted; true: it could not be renewed in time. `taken`: when it began to be asked for. */
  async #renew(taken: number, signal: AbortSignal): Promise<boolean> {
    const { renewMs, retryMs, log } = this.#election;
    const pause = this.#election.pause ?? wait;
    let renewed = taken;
    while (!signal.aborted) {
      await pause(retryMs, signal);
      if (signal.aborted) break;
      const begun = this.#now();
      if (await this.#within(renewed + renewMs - begun, this.#takes(begun))) renewed = begun;
      else if (signal.aborted) break;
      else if (this.#now() - renewed >= renewMs || this.#isOthers()) {
        log.error('leading no more: the Lease could not be renewed in time');
        return true;
      }
    }
    return false;
  }

  /** False where that takes longer: an answer that is late may come after another has taken the Lease. */
  async #within(ms: number, work: Promise<boolean>): Promise<boolean> {
    const pause = this.#election.pause ?? wait;
    const settled = new AbortController();
    try {
      return await Promise.race([work, pause(Math.max(0, ms), settled.signal).then(() => false)]);
    } finally {
      settled.abort();
    }
  }

  /** As `#take`, and false where the answer came so late that by what others saw it may be over soon. */
  async #takes(begun: number): Promise<boolean> {
    return (await this.#take()) && this.#now() - begun < this.#election.renewMs;
  }

  /** Takes or renews it; false: another holds it, or nobody could be asked. */
  async #take(): Promise<boolean> {
    const { leases, namespace, name, log } = this.#election;
    try {
      const lease = await leases.get({ namespace, name });
      if (lease === undefined) {
        this.#see(await leases.create({ ...this.#made(undefined), metadata: { namespace, name } }));
        return true;
      }
      this.#see(lease);
      if (this.#isOthers() && !this.#isOver()) return false;
      this.#see(await leases.replace(this.#made(lease)));
      return true;
    } catch (error) {
      if (!isConflict(error))
        log.warn('the Lease cannot be had', { error: error instanceof Error ? error.message : String(error) });
      return false;
    }
  }

  #see(lease: Lease): void {
    const version = lease.metadata.resourceVersion ?? '';
    if (this.#seen?.version !== version) this.#seen = { version, at: this.#now(), lease };
  }

  #isOthers(): boolean {
    const holder = this.#seen?.lease.spec?.holderIdentity ?? '';
    return holder !== '' && holder !== this.#election.identity;
  }

  #isOver(): boolean {
    if (this.#seen === undefined) return false;
    const { leaseDurationSeconds = this.#election.leaseMs / 1000 } = this.#seen.lease.spec ?? {};
    return this.#now() >= this.#seen.at + leaseDurationSeconds * 1000;
  }

  #made(before: Lease | undefined): Lease {
    const { identity, leaseMs } = this.#election;
    const { spec = {} } = before ?? {};
    const mine = spec.holderIdentity === identity;
    const now = moment();
    return {
      ...{ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: before?.metadata ?? { name: '' } },
      spec: {
        ...{ holderIdentity: identity, leaseDurationSeconds: Math.ceil(leaseMs / 1000), renewTime: now },
        acquireTime: mine ? (spec.acquireTime ?? now) : now,
        leaseTransitions: (spec.leaseTransitions ?? 0) + (mine || before === undefined ? 0 : 1),
      },
    };
  }

  /** So that the next one need not wait. */
  async #release(): Promise<void> {
    const { leases, log } = this.#election;
    if (this.#seen === undefined || this.#isOthers()) return;
    const { lease } = this.#seen;
    try {
      await leases.replace({ ...lease, spec: { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1 } });
    } catch (error) {
      log.warn('the Lease is not given back', { error: error instanceof Error ? error.message : String(error) });
    }
  }

  #now(): number {
    return (this.#election.now ?? (() => performance.now()))();
  }
}
