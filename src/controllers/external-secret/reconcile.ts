/** Brings the Secret of an ExternalSecret to what its stores hold, and says how that went. */
import { isLockstepError } from '../../errors.ts';
import { apiVersionOf } from '../../kube/objects.ts';
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
  targetName,
  type ExternalSecret,
  type Plan,
  type Secret,
} from './plan.ts';
import { isDue, lastRefreshOf, untilDue, type LastRefresh } from './refresh.ts';
import { messages, statusAfter, type Looked, type Outcome } from './status.ts';
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

interface Planned extends Guarded {
  readonly origins: Origins;
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

  constructor(options: ReconcilerOptions) {
    this.#options = options;
  }

  /** Something at the store changed: it is read again, whatever its interval says. */
  expire(key: string): void {
    const es = this.#options.cluster.externalSecrets.get(key);
    // One that this controller has not read yet is due by its status, which knows nothing of the change.
    const last = this.#last.get(key) ?? (es === undefined ? undefined : lastRefreshOf(es));
    if (last !== undefined) this.#last.set(key, { ...last, expired: true });
  }

  /** Whether what its stores gave last is in its Secret. */
  isSettled(key: string): boolean {
    const { version = '', expired = false } = this.#last.get(key) ?? {};
    return version !== '' && !expired;
  }

  /** Milliseconds until it is due again. Rejects when it is to be tried again before. */
  async reconcile(key: string): Promise<number | undefined> {
    const es = this.#options.cluster.externalSecrets.get(key);
    if (es === undefined || es.metadata.deletionTimestamp !== undefined || !this.#isOurs(es)) {
      this.#last.delete(key);
      this.#options.losses.forget(key);
      return undefined;
    }
    const last = this.#last.get(key) ?? lastRefreshOf(es);
    const { namespace = '' } = es.metadata;
    const secret = await this.#options.cluster.secrets.get({ namespace, name: targetName(es) });
    if (last === undefined || !this.#isCurrent(es, last, secret)) return this.#sync(key, es, secret);
    return this.#untilDue(es, last);
  }

  /** Nothing is to be done: it is not due, and the Secret is as it was left. */
  #isCurrent(es: ExternalSecret, last: LastRefresh, secret: Secret | undefined): boolean {
    if (!isIntact(secret, es.spec.target)) return false;
    return !this.#due(es, last) || (es.spec.target?.immutable === true && secret?.immutable === true);
  }

  async #sync(key: string, es: ExternalSecret, secret: Secret | undefined): Promise<number | undefined> {
    const { cluster, generators, failed } = this.#options;
    // A Secret that outlives its ExternalSecret keeps what is in it.
    const keeps = (es.spec.target?.creationPolicy ?? 'Owner') === 'Owner';
    const generation = new Generation({ cluster, generators, owner: about(es), keeps });
    let ready = false;
    try {
      const { outcome, at, wait } = await this.#bring(key, es, secret, generation);
      ({ ready } = outcome);
      const again = this.#untilDue(es, { version: '', at });
      // What stands in the way, as a Secret of somebody else, is not watched.
      return ready ? again : Math.min(again ?? BLOCKED_MS, BLOCKED_MS, wait ?? BLOCKED_MS);
    } finally {
      if (!ready) {
        failed(key);
        await generation.discard();
      }
    }
  }

  async #bring(key: string, es: ExternalSecret, secret: Secret | undefined, generation: Generation) {
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
    const { plan, origins, missing, again: wait } = await told(messages.noData, this.#plan(es, secret, generation));
    await told(messages.notUpdated, this.#act(es, plan));
    const { outcome } = plan;
    this.#last.set(key, { version: outcome.ready ? syncedVersion(es.metadata) : '', at });
    const wrote = plan.do !== 'nothing';
    const current = { refreshed: at, wrote, sources: origins.sources, stale: origins.staleSince(at), missing };
    await this.#say(es, outcome, outcome.ready ? current : { ...old, refreshed: undefined, wrote, missing });
    return { outcome, at, wait };
  }

  async #plan(es: ExternalSecret, secret: Secret | undefined, { generate }: Generation): Promise<Planned> {
    const { clients, cluster, types } = this.#options;
    const { namespace = '' } = es.metadata;
    mustOffer(es);
    const { values, missing, origins } = await gather(es, {
      use: (ref) => clients.use(ref, namespace),
      generate,
      signal: AbortSignal.timeout(GATHER_MS),
    });
    for (const message of missing)
      cluster.events.record(about(es), { type: 'Normal', reason: 'MissingProviderSecret', message });
    const sources = await templateSources(cluster, namespace, es.spec.target?.template);
    const plan = planSecret(es, secret, { values, sources, types });
    return { ...this.#options.losses.guard(es, secret, plan, missing.length > 0 || values.size === 0), origins };
  }

  async #act(es: ExternalSecret, plan: Plan): Promise<void> {
    if (plan.do === 'nothing') return;
    const { secrets, events } = this.#options.cluster;
    const { secret } = plan;
    const { name, namespace = '', uid = '', resourceVersion = '' } = secret.metadata;
    const manager = fieldManagerOf(es.metadata.name);
    try {
      if (plan.do === 'create') await secrets.create(secret, manager);
      else if (plan.do === 'replace') await secrets.replace(secret, manager);
      else await secrets.delete({ namespace, name }, { uid, resourceVersion });
    } catch (error) {
      throw withoutContent(error, name);
    }
    events.record(about(es), { type: 'Normal', ...EVENTS[plan.do] });
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
    await cluster.externalSecretObjects.patchStatus({ namespace, name }, status);
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
