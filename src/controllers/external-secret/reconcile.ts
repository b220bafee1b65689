/** Brings the Secret of an ExternalSecret to what its stores hold, and says how that went. */
import { isLockstepError } from '../../errors.ts';
import { apiVersionOf, keyOf, type KubernetesObject } from '../../kube/objects.ts';
import { deadline } from '../../lib/deadline.ts';
import { isConflict, KubernetesProblem } from '../../kube/problem.ts';
import { ProviderProblem } from '../../providers/contract.ts';
import type { Cluster } from '../cluster.ts';
import type { Generators } from '../generator/generate.ts';
import { Generation } from '../generator/generation.ts';
import type { StoreClients } from '../secret-store/clients.ts';
import type { SecretTypes } from '../secret-types.ts';
import { clusterSecretStore } from '../secret-store/definition.ts';
import { gather, storesOf } from './gather.ts';
import { syncedVersion } from './hash.ts';
import type { Guarded, LossGuard } from './loss-guard.ts';
import type { Origins } from './origins.ts';
import { externalSecret, type ExternalSecret } from './definition.ts';
import { GenericTargets } from './manifest/targets.ts';
import type { Material } from './plan.ts';
import { isDue, lastRefreshOf, untilDue, type LastRefresh } from './refresh.ts';
import { failed as failedBy, messages, statusAfter, type Looked, type Outcome, type Words } from './status.ts';
import type { TargetKind } from './target-kind.ts';
import type { Plan } from './target-plan.ts';
import { SecretTargets } from './targets.ts';
import { templateSources } from './template-sources.ts';

export interface ReconcilerOptions {
  readonly cluster: Cluster;
  readonly clients: StoreClients;
  readonly generators: Generators;
  readonly types: SecretTypes;
  readonly losses: LossGuard;
  /** Whether `target.manifest` is offered. */
  readonly genericTargets: boolean;
  /** Told of each look that failed, before it is tried again. */
  readonly failed: (key: string) => void;
  readonly now?: () => number;
  readonly random?: () => number;
}

type Said = Pick<Looked, 'refreshed' | 'wrote' | 'sources' | 'stale' | 'missing'>;

/** What is held back has an event of its own. */
const EVENT_OF: Readonly<Partial<Record<Outcome['reason'], string>>> = {
  DeletionPending: 'DeletionPending',
  DeletionHeld: 'MassDeletionHeld',
};

/** The object as it is; not sure: nobody has looked, and the watch knows of none. */
interface Target {
  readonly kind: TargetKind;
  readonly object: KubernetesObject | undefined;
  readonly sure: boolean;
}

interface Made extends Material {
  readonly origins: Origins;
  /** Something of it is gone at its store. */
  readonly lacks: boolean;
}

/** Milliseconds for all that one ExternalSecret asks of its stores. */
const GATHER_MS = 60_000;
const BLOCKED_MS = 60_000;

const eventOf = (words: Words, done: Exclude<Plan['do'], 'nothing'>) =>
  ({
    create: { reason: 'Created', message: words.created },
    replace: { reason: 'Updated', message: words.updated },
    delete: { reason: 'Deleted', message: words.deleted },
  })[done];

export class ExternalSecretReconciler {
  readonly #options: ReconcilerOptions;
  readonly #last = new Map<string, LastRefresh>();
  /** Their stores have something newer. */
  readonly #expired = new Set<string>();
  /** Being read from their stores: what changes there meanwhile may not be in it. */
  readonly #reading = new Set<string>();
  readonly #secrets: TargetKind;
  readonly #resources: TargetKind;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#secrets = new SecretTargets(options.cluster);
    this.#resources = new GenericTargets(options.cluster, options.genericTargets);
  }

  /** Something at the store changed: it is read again, whatever its interval says. */
  expire(key: string): void {
    this.#expired.add(key);
  }

  /** Whether what its stores gave last is in its Secret. */
  isSettled(key: string): boolean {
    const { version = '' } = this.#last.get(key) ?? {};
    return version !== '' && !this.#expired.has(key) && !this.#reading.has(key);
  }

  #forget(key: string): void {
    const { cluster, losses } = this.#options;
    this.#last.delete(key);
    this.#expired.delete(key);
    for (const each of [this.#secrets, this.#resources]) each.forget(key);
    cluster.forgetStatus(key);
    losses.forget(key);
  }

  /** Milliseconds until it is due again. Rejects when it is to be tried again before. */
  async reconcile(key: string): Promise<number | undefined> {
    const es = this.#options.cluster.externalSecrets.get(key);
    if (es === undefined || es.metadata.deletionTimestamp !== undefined || !this.#isOurs(es)) {
      this.#forget(key);
      return undefined;
    }
    const known = this.#last.get(key) ?? lastRefreshOf(es);
    const last = known === undefined || !this.#expired.has(key) ? known : { ...known, expired: true };
    const kind = this.#kindOf(es);
    if (last !== undefined && kind.isAsLeft(es) && !this.#due(es, last)) return this.#untilDue(es, last);
    const target = await this.#look(es, kind);
    if (last === undefined || !this.#isCurrent(es, last, target)) return this.#sync(key, es, target);
    kind.leave(es, target.object);
    return this.#untilDue(es, last);
  }

  #kindOf({ spec }: ExternalSecret): TargetKind {
    return spec.target?.manifest === undefined ? this.#secrets : this.#resources;
  }

  async #look(es: ExternalSecret, kind: TargetKind): Promise<Target> {
    if (kind.seemsAbsent(es)) return { kind, object: undefined, sure: false };
    return { kind, object: await this.#told(es, kind.words, kind.words.notUpdated, kind.get(es)), sure: true };
  }

  /** Nothing is to be done: it is not due, and the object is as it was left. */
  #isCurrent(es: ExternalSecret, last: LastRefresh, { kind, object }: Target): boolean {
    return kind.isIntact(es, object) && (!this.#due(es, last) || kind.isFrozen(es, object));
  }

  async #sync(key: string, es: ExternalSecret, target: Target): Promise<number | undefined> {
    const { cluster, generators, failed } = this.#options;
    // A Secret that outlives its ExternalSecret keeps what is in it.
    const keeps = (es.spec.target?.creationPolicy ?? 'Owner') === 'Owner';
    const generation = new Generation({ cluster, generators, owner: about(es), keeps });
    let ready = false;
    const expired = this.#expired.delete(key);
    this.#reading.add(key);
    try {
      const { outcome, at, wait } = await this.#bring(key, es, target, generation);
      ({ ready } = outcome);
      const again = this.#untilDue(es, { version: '', at });
      // What stands in the way, as a Secret of somebody else, is not watched.
      return ready ? again : Math.min(again ?? BLOCKED_MS, BLOCKED_MS, wait ?? BLOCKED_MS);
    } finally {
      this.#reading.delete(key);
      if (!ready) {
        if (expired) this.#expired.add(key);
        failed(key);
        await generation.discard();
      }
    }
  }

  async #bring(key: string, es: ExternalSecret, target: Target, generation: Generation) {
    const at = this.#now();
    const { kind } = target;
    const { noData } = messages;
    const told = <T>(message: string, work: Promise<T>): Promise<T> => this.#told(es, kind.words, message, work);
    const made = await told(noData, this.#gather(es, generation, kind));
    let planned = await told(noData, this.#plan(es, target, made));
    if (!(await told(kind.words.notUpdated, this.#act(es, planned.plan, target)))) {
      // One is there that is not watched, as it has not our label.
      const found = { kind, object: await kind.get(es), sure: true };
      planned = await told(noData, this.#plan(es, found, made));
      await told(kind.words.notUpdated, this.#act(es, planned.plan, found));
    }
    const { plan, missing, again: wait } = planned;
    const { outcome } = plan;
    const old = this.#before(es);
    const version = outcome.ready ? this.#options.cluster.texts.of(syncedVersion(es.metadata)) : '';
    this.#last.set(key, { version, at });
    const wrote = plan.do !== 'nothing';
    const { sources } = made.origins;
    const current = { refreshed: at, wrote, sources, stale: made.origins.staleSince(at), missing };
    await this.#say(es, outcome, outcome.ready ? current : { ...old, refreshed: undefined, wrote, missing });
    return { outcome, at, wait };
  }

  /** What is known of it before this look came to anything. */
  #before(es: ExternalSecret): Said {
    const last = this.#last.get(keyOf(es.metadata));
    const stale = (last ?? lastRefreshOf(es))?.at;
    return { refreshed: last?.at, wrote: false, sources: undefined, stale, missing: null };
  }

  /** What fails stands in the condition. */
  async #told<T>(es: ExternalSecret, words: Words, message: string, work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      // Somebody else was faster: it is looked at anew.
      if (!isConflict(error)) await this.#say(es, failureOf(words, message, error), this.#before(es));
      throw error;
    }
  }

  async #gather(es: ExternalSecret, { generate }: Generation, kind: TargetKind): Promise<Made> {
    const { clients, cluster, types } = this.#options;
    const { namespace = '' } = es.metadata;
    mustOffer(es);
    kind.mustOffer(es);
    using time = deadline(GATHER_MS);
    const { values, missing, origins } = await gather(es, {
      use: (ref) => clients.use(ref, namespace),
      generate,
      signal: time.signal,
    });
    for (const message of missing)
      cluster.events.record(about(es), { type: 'Normal', reason: 'MissingProviderSecret', message });
    const sources = await templateSources(cluster, namespace, es.spec.target?.template);
    return { values, sources, types, origins, lacks: missing.length > 0 || values.size === 0 };
  }

  async #plan(es: ExternalSecret, { kind, object, sure }: Target, made: Made): Promise<Guarded> {
    const plan = kind.plan(es, object, made);
    // Everything but making one depends on what there is.
    if (!sure && plan.do !== 'create') return this.#plan(es, { kind, object: await kind.get(es), sure: true }, made);
    if (plan.do === 'nothing') kind.leave(es, plan.outcome.ready ? object : undefined);
    return this.#options.losses.guard(es, plan, isLoss(kind, object, plan, made.lacks));
  }

  /** False: what is to be made is there already, and nobody had looked. */
  async #act(es: ExternalSecret, plan: Plan, { kind, object: before, sure }: Target): Promise<boolean> {
    if (plan.do === 'nothing') return true;
    const { object } = plan;
    try {
      if (plan.do === 'create') kind.leave(es, await kind.create(es, object));
      else if (plan.do === 'replace') kind.leave(es, await kind.replace(es, object, before ?? object));
      else await kind.remove(es, object);
    } catch (error) {
      if (!sure && isConflict(error)) return false;
      throw error;
    }
    this.#options.cluster.events.record(about(es), { type: 'Normal', ...eventOf(kind.words, plan.do) });
    return true;
  }

  async #say(es: ExternalSecret, outcome: Outcome, said: Said): Promise<void> {
    const { cluster } = this.#options;
    const before = cluster.statusOf(es);
    const status = statusAfter({ metadata: es.metadata, before, outcome, now: this.#now(), ...said });
    if (!outcome.ready)
      cluster.events.record(about(es), {
        type: 'Warning',
        reason: EVENT_OF[outcome.reason] ?? 'UpdateFailed',
        message: outcome.message,
      });
    if (status !== undefined) await cluster.writeStatus(es, status);
  }

  /** Whether every store that it names is looked after by this controller. */
  #isOurs(es: ExternalSecret): boolean {
    const { clients, cluster } = this.#options;
    const { namespace = '' } = es.metadata;
    return storesOf(es).every((ref) => {
      if (ref.kind === clusterSecretStore.kind && cluster.clusterStores === undefined) return false;
      const store = clients.find(ref, namespace);
      return store === undefined || clients.isOurs(store);
    });
  }

  #due(es: ExternalSecret, last: LastRefresh): boolean {
    try {
      return isDue(es, last, this.#now());
    } catch {
      // No duration: the look at it says so.
      return true;
    }
  }

  #untilDue(es: ExternalSecret, last: LastRefresh): number | undefined {
    const { random = Math.random } = this.#options;
    return untilDue(es, last, this.#now(), random());
  }

  #now(): number {
    return (this.#options.now ?? Date.now)();
  }
}

const about = (es: ExternalSecret): ExternalSecret => ({
  ...es,
  ...{ apiVersion: apiVersionOf(externalSecret), kind: externalSecret.kind },
});

/** What would be wrong to leave out silently. */
function mustOffer({ spec }: ExternalSecret): void {
  try {
    untilDue({ spec, metadata: { name: '' } }, { version: '', at: 0 }, 0, 0);
  } catch (error) {
    if (!isLockstepError(error)) throw error;
    throw new ProviderProblem('invalid', error.message, { cause: error });
  }
}

/** Whether it deletes the object, or takes out of it what the store has no more. */
function isLoss(kind: TargetKind, before: KubernetesObject | undefined, plan: Plan, gone: boolean): boolean {
  return plan.do === 'delete' || (plan.do === 'replace' && gone && kind.loses(before, plan.object));
}

function failureOf(words: Words, message: string, error: unknown): Outcome {
  const known = error instanceof ProviderProblem || error instanceof KubernetesProblem;
  const detail = known ? error.message : 'an unexpected error: see the log of the controller';
  return failedBy(words, `${message}: ${detail}`);
}
