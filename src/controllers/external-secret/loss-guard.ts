/** Holds back what a look at an ExternalSecret would take out of the cluster, until its loss at the store is believed. */
import { keyOf } from '../../kube/objects.ts';
import type { Cluster } from '../cluster.ts';
import { momentOf } from '../conditions.ts';
import { storeKey, type StoreName } from '../secret-store/clients.ts';
import { storesOf } from './gather.ts';
import { Losses, type LossRule, type Verdict } from './losses.ts';
import type { ExternalSecret, ExternalSecretStatus } from './definition.ts';
import type { Outcome } from './status.ts';
import type { Plan } from './target-plan.ts';

/** Of a store: what its secrets have lost up to this moment (RFC 3339) is meant. */
export const CONFIRMED = 'lockstep/deletions-confirmed-until';

/** Milliseconds for which a count of a store's readers is good enough. */
const COUNTED_MS = 1_000;

export interface Guarded {
  readonly plan: Plan;
  /** Milliseconds since the epoch: since when it is gone at the store; undefined: it is there. */
  readonly missing: number | undefined;
  /** Milliseconds until the loss is believed. */
  readonly again?: number;
}

type Believed = Pick<Cluster, 'externalSecrets' | 'statusOf' | 'store'>;

export class LossGuard {
  readonly #cluster: Believed;
  readonly #now: () => number;
  readonly #losses: Losses;
  readonly #counted = new Map<string, { readonly at: number; readonly readers: number }>();
  #primed = false;

  constructor(cluster: Believed, rule: LossRule, now: () => number) {
    this.#cluster = cluster;
    this.#now = now;
    this.#losses = new Losses({ rule, now, readers: (store) => this.#readers(store) });
  }

  get pending(): number {
    return this.#losses.pending;
  }

  get holding(): readonly string[] {
    return this.#losses.holding;
  }

  forget(key: string): void {
    this.#losses.forget(key);
  }

  /** `loses`: it deletes the object, or takes out of it what the store says is not there. */
  guard(es: ExternalSecret, plan: Plan, loses: boolean): Guarded {
    this.#prime();
    const key = keyOf(es.metadata);
    if (!loses) {
      this.#losses.forget(key);
      return { plan, missing: undefined };
    }
    const refs = storesOf(es);
    const stores = refs.map((ref) => textOf(ref, es));
    const since = missingSince(this.#cluster.statusOf(es));
    const verdict = this.#losses.judge({ key, stores, since, confirmed: this.#confirmed(refs, es) });
    if (verdict.do === 'believe') return { plan, missing: undefined };
    const again = verdict.do === 'wait' ? { again: verdict.until - this.#now() } : {};
    return { plan: { do: 'nothing', outcome: heldBack(verdict) }, missing: verdict.since, ...again };
  }

  #confirmed(refs: readonly StoreName[], { metadata: { namespace = '' } }: ExternalSecret): number | undefined {
    const moments = refs.map((ref) =>
      Date.parse(this.#cluster.store(ref.kind, storeKey(ref, namespace))?.metadata.annotations?.[CONFIRMED] ?? ''),
    );
    // Of several stores nobody says which one lost it: all of them are to be confirmed.
    const least = Math.min(...moments);
    return moments.length === 0 || Number.isNaN(least) ? undefined : least;
  }

  #readers(store: string): number {
    const known = this.#counted.get(store);
    if (known !== undefined && known.at + COUNTED_MS > this.#now()) return known.readers;
    const all = [...this.#cluster.externalSecrets.values()];
    const readers = all.filter((es) => storesOf(es).some((ref) => textOf(ref, es) === store)).length;
    this.#counted.set(store, { at: this.#now(), readers });
    return readers;
  }

  /** What was gone before this controller began counts before anything is deleted. */
  #prime(): void {
    if (this.#primed) return;
    this.#primed = true;
    for (const es of this.#cluster.externalSecrets.values()) {
      const since = missingSince(this.#cluster.statusOf(es));
      const stores = storesOf(es).map((ref) => textOf(ref, es));
      if (since !== undefined) this.#losses.remember({ key: keyOf(es.metadata), stores, since });
    }
  }
}

const textOf = (ref: StoreName, { metadata: { namespace = '' } }: ExternalSecret): string =>
  `${ref.kind} ${storeKey(ref, namespace)}`;

function missingSince(status: ExternalSecretStatus): number | undefined {
  const at = Date.parse(status.missingSince ?? '');
  return Number.isNaN(at) ? undefined : at;
}

function heldBack(verdict: Exclude<Verdict, { readonly do: 'believe' }>): Outcome {
  const since = `gone at the store since ${momentOf(verdict.since)}`;
  if (verdict.do === 'wait') {
    const message = `${since}: what is gone is deleted here from ${momentOf(verdict.until)} on`;
    return { ready: false, reason: 'DeletionPending', message };
  }
  const others = `so are ${String(verdict.lost)} of ${verdict.store} together, so nothing is deleted`;
  const remedy = `bring them back, or confirm by the annotation ${CONFIRMED} of the store, with a moment in RFC 3339`;
  return { ready: false, reason: 'DeletionHeld', message: `${since}, and ${others}: ${remedy}` };
}
