/** Brings the Secret of an ExternalSecret to what its stores hold, and says how that went. */
import { isLockstepError } from '../../errors.ts';
import { apiVersionOf } from '../../kube/objects.ts';
import { deadline } from '../../lib/deadline.ts';
import { isConflict, KubernetesProblem } from '../../kube/problem.ts';
import { ProviderProblem } from '../../providers/contract.ts';
import type { Cluster } from '../cluster.ts';
import type { Generators } from '../generator/generate.ts';
import { Generation } from '../generator/generation.ts';
import type { StoreClients } from '../secret-store/clients.ts';
import type { SecretTypes } from '../secret-types.ts';
import { clusterSecretStore } from '../secret-store/definition.ts';
import { externalSecret } from './definition.ts';
import { gather, storesOf } from './gather.ts';
import { syncedVersion } from './hash.ts';
import type { Guarded, LossGuard } from './loss-guard.ts';
import type { Origins } from './origins.ts';
import {
  fieldManagerOf,
  isIntact,
  planSecret,
  type ExternalSecret,
  type Material,
  type Plan,
  type Secret,
} from './plan.ts';
import { isDue, lastRefreshOf, untilDue, type LastRefresh } from './refresh.ts';
import { messages, statusAfter, type Looked, type Outcome } from './status.ts';
import { Targets } from './targets.ts';
import { templateSources } from './template-sources.ts';

export interface ReconcilerOptions {
  readonly cluster: Cluster;
  readonly clients: StoreClients;
  readonly generators: Generators;
  readonly types: SecretTypes;
  readonly losses: LossGuard;
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

/** The Secret as it is; not sure: nobody has looked, and the watch knows of none. */
interface Target {
  readonly secret: Secret | undefined;
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
const UNPROCESSABLE = 422;

const EVENTS: Readonly<Record<Exclude<Plan['do'], 'nothing'>, { readonly reason: string; readonly message: string }>> =
  {
    create: { reason: 'Created', message: 'secret created' },
    replace: { reason: 'Updated', message: 'secret updated' },
    delete: { reason: 'Deleted', message: messages.deleted },
  };

export class ExternalSecretReconciler {
  readonly #options: ReconcilerOptions;
  readonly #last = new Map<string, LastRefresh>();
  /** Their stores have something newer. */
  readonly #expired = new Set<string>();
  /** Being read from their stores: what changes there meanwhile may not be in it. */
  readonly #reading = new Set<string>();
  readonly #targets: Targets;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#targets = new Targets(options.cluster);
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
    this.#targets.forget(key);
    cluster.statuses.forget(key);
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
    if (last !== undefined && this.#targets.isAsLeft(es) && !this.#due(es, last)) return this.#untilDue(es, last);
    const target = await this.#look(es);
    if (last === undefined || !this.#isCurrent(es, last, target.secret)) return this.#sync(key, es, target);
    this.#targets.leave(es, target.secret);
    return this.#untilDue(es, last);
  }

  async #look(es: ExternalSecret): Promise<Target> {
    if (this.#targets.seemsAbsent(es)) return { secret: undefined, sure: false };
    return { secret: await this.#targets.get(es), sure: true };
  }

  /** Nothing is to be done: it is not due, and the Secret is as it was left. */
  #isCurrent(es: ExternalSecret, last: LastRefresh, secret: Secret | undefined): boolean {
    if (!isIntact(secret, es.spec.target)) return false;
    return !this.#due(es, last) || (es.spec.target?.immutable === true && secret?.immutable === true);
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
    const before = this.#last.get(key) ?? lastRefreshOf(es);
    const old = {
      refreshed: this.#last.get(key)?.at,
      wrote: false,
      sources: undefined,
      stale: before?.at,
      missing: null,
    } as const;
    const told = async <T>(message: string, work: Promise<T>): Promise<T> => {
      try {
        return await work;
      } catch (error) {
        // Somebody else was faster: it is looked at anew.
        if (!isConflict(error)) await this.#say(es, failureOf(message, error), old);
        throw error;
      }
    };
    const made = await told(messages.noData, this.#gather(es, generation));
    let planned = await told(messages.noData, this.#plan(es, target, made));
    if (!(await told(messages.notUpdated, this.#act(es, planned.plan, target.sure)))) {
      // One is there that is not watched, as it has not our label.
      const found = { secret: await this.#targets.get(es), sure: true };
      planned = await told(messages.noData, this.#plan(es, found, made));
      await told(messages.notUpdated, this.#act(es, planned.plan, true));
    }
    const { plan, missing, again: wait } = planned;
    const { outcome } = plan;
    this.#last.set(key, { version: outcome.ready ? syncedVersion(es.metadata) : '', at });
    const wrote = plan.do !== 'nothing';
    const { sources } = made.origins;
    const current = { refreshed: at, wrote, sources, stale: made.origins.staleSince(at), missing };
    await this.#say(es, outcome, outcome.ready ? current : { ...old, refreshed: undefined, wrote, missing });
    return { outcome, at, wait };
  }

  async #gather(es: ExternalSecret, { generate }: Generation): Promise<Made> {
    const { clients, cluster, types } = this.#options;
    const { namespace = '' } = es.metadata;
    mustOffer(es);
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

  async #plan(es: ExternalSecret, { secret, sure }: Target, made: Made): Promise<Guarded> {
    const plan = planSecret(es, secret, made);
    // Everything but making one depends on what there is.
    if (!sure && plan.do !== 'create') return this.#plan(es, { secret: await this.#targets.get(es), sure: true }, made);
    if (plan.do === 'nothing') this.#targets.leave(es, plan.outcome.ready ? secret : undefined);
    return this.#options.losses.guard(es, secret, plan, made.lacks);
  }

  /** False: what is to be made is there already, and nobody had looked. */
  async #act(es: ExternalSecret, plan: Plan, sure: boolean): Promise<boolean> {
    if (plan.do === 'nothing') return true;
    const { secrets, events } = this.#options.cluster;
    const { secret } = plan;
    const { name, namespace = '', uid = '', resourceVersion = '' } = secret.metadata;
    const manager = fieldManagerOf(es.metadata.name);
    try {
      if (plan.do === 'create') this.#targets.leave(es, await secrets.create(secret, manager));
      else if (plan.do === 'replace') this.#targets.leave(es, await secrets.replace(secret, manager));
      else await secrets.delete({ namespace, name }, { uid, resourceVersion });
    } catch (error) {
      if (!sure && isConflict(error)) return false;
      throw withoutContent(error, name);
    }
    events.record(about(es), { type: 'Normal', ...EVENTS[plan.do] });
    return true;
  }

  async #say(es: ExternalSecret, outcome: Outcome, said: Said): Promise<void> {
    const { cluster } = this.#options;
    const before = es.status ?? {};
    const status = statusAfter({ metadata: es.metadata, before, outcome, now: this.#now(), ...said });
    if (!outcome.ready)
      cluster.events.record(about(es), {
        type: 'Warning',
        reason: EVENT_OF[outcome.reason] ?? 'UpdateFailed',
        message: outcome.message,
      });
    if (status === undefined) return;
    const { namespace = '', name } = es.metadata;
    await cluster.writeStatus({ namespace, name }, status);
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
  if (spec.target?.manifest !== undefined)
    throw new ProviderProblem('invalid', 'spec.target.manifest is not offered yet');
  try {
    untilDue({ spec, metadata: { name: '' } }, { version: '', at: 0 }, 0, 0);
  } catch (error) {
    if (!isLockstepError(error)) throw error;
    throw new ProviderProblem('invalid', error.message, { cause: error });
  }
}

/** An API server that finds a Secret invalid repeats what it was given. */
function withoutContent(error: unknown, name: string): unknown {
  if (!(error instanceof KubernetesProblem) || error.status !== UNPROCESSABLE) return error;
  const fields = [...new Set(error.fields)].join(', ');
  const message = `the API server does not take the Secret "${name}": ${fields === '' ? 'it' : fields} is not valid`;
  return new KubernetesProblem(message, { status: UNPROCESSABLE });
}

function failureOf(message: string, error: unknown): Outcome {
  const known = error instanceof ProviderProblem || error instanceof KubernetesProblem;
  const detail = known ? error.message : 'an unexpected error: see the log of the controller';
  return { ready: false, reason: 'SecretSyncedError', message: `${message}: ${detail}` };
}
