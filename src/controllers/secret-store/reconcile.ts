/** Looks whether a store can be used, and says so in its status. */
import { readKey, keyOf } from '../../kube/objects.ts';
import { durationMs } from '../../lib/duration.ts';
import { ProviderProblem } from '../../providers/contract.ts';
import type { Cluster, Store } from '../cluster.ts';
import { conditionsWith, momentOf } from '../conditions.ts';
import type { StoreClients } from './clients.ts';
import { apiVersionOf } from '../../kube/objects.ts';
import { secretStore } from './definition.ts';

export interface StoreReconcilerOptions {
  readonly cluster: Cluster;
  readonly clients: StoreClients;
  /** Milliseconds between two looks at a store that does not say. */
  readonly interval: number;
}

interface Looked {
  readonly ready: boolean;
  readonly reason: 'Valid' | 'InvalidProviderConfig' | 'ValidationFailed';
  readonly message: string;
}

interface Outcome {
  readonly looked: Looked;
  /** Why it cannot be used; undefined: it can, or another serves in its place. */
  readonly problem: unknown;
  readonly standsIn: boolean;
}

const CHECK_MS = 30_000;
const STAND_IN_MS = 15_000;
const VALID: Looked = { ready: true, reason: 'Valid', message: 'store validated' };

export class StoreReconciler {
  readonly #options: StoreReconcilerOptions;

  constructor(options: StoreReconcilerOptions) {
    this.#options = options;
  }

  /** Rejects when the store cannot be used: then it is looked at again, with growing pauses. */
  async reconcile(kind: string, key: string): Promise<number | undefined> {
    const { cluster, clients, interval } = this.#options;
    const store = cluster.store(kind, key);
    if (store === undefined) {
      clients.forget(kind, key);
      return undefined;
    }
    if (store.metadata.deletionTimestamp !== undefined || !clients.isOurs(store)) return undefined;
    const { looked, problem, standsIn } = await this.#look(kind, store);
    await this.#say(kind, store, looked);
    if (problem !== undefined) throw problem;
    // Until it answers again, its own interval is too long.
    return standsIn ? Math.min(STAND_IN_MS, intervalOf(store, interval)) : intervalOf(store, interval);
  }

  async #look(kind: string, store: Store): Promise<Outcome> {
    const { clients } = this.#options;
    try {
      await clients.check(kind, store)?.check(AbortSignal.timeout(CHECK_MS));
      clients.answered(kind, store);
      return { looked: VALID, problem: undefined, standsIn: false };
    } catch (problem) {
      const outage = problem instanceof ProviderProblem && problem.kind === 'unreachable';
      const name = outage ? await clients.standIn(kind, store, AbortSignal.timeout(CHECK_MS)) : undefined;
      if (name === undefined) return { looked: failureOf(problem), problem, standsIn: false };
      const message = `${name} serves in its place: ${outage ? problem.message : ''}`;
      return { looked: { ...VALID, message }, problem: undefined, standsIn: true };
    }
  }

  async #say(kind: string, store: Store, { ready, reason, message }: Looked): Promise<void> {
    const { cluster, clients } = this.#options;
    const { conditions: before = [], capabilities: known } = store.status ?? {};
    const conditions = conditionsWith(
      before,
      { type: 'Ready', status: ready ? 'True' : 'False', reason, message },
      momentOf(Date.now()),
    );
    const capabilities = ready ? clients.capabilitiesOf(store) : known;
    if (conditions === before && capabilities === known) return;
    await cluster.storeObjects(kind).patchStatus(readKey(keyOf(store.metadata)), { conditions, capabilities });
    const about = { ...store, apiVersion: apiVersionOf(secretStore), kind };
    cluster.events.record(about, { type: ready ? 'Normal' : 'Warning', reason, message });
  }
}

function failureOf(error: unknown): Looked {
  const message =
    error instanceof ProviderProblem ? error.message : 'an unexpected error: see the log of the controller';
  if (error instanceof ProviderProblem && error.kind === 'invalid') {
    return { ready: false, reason: 'InvalidProviderConfig', message: `unable to create client: ${message}` };
  }
  return { ready: false, reason: 'ValidationFailed', message: `unable to validate store: ${message}` };
}

function intervalOf({ spec }: Store, fallback: number): number {
  try {
    const own = durationMs(spec.refreshInterval ?? 0, 'refreshInterval');
    return own > 0 ? own : fallback;
  } catch {
    return fallback;
  }
}
