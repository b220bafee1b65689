/** Brings what a PushSecret names into its stores, and takes away what it names no more where it is to. */
import { isLockstepError } from '../../errors.ts';
import { apiVersionOf, type ObjectKey } from '../../kube/objects.ts';
import { KubernetesProblem } from '../../kube/problem.ts';
import { selects } from '../../kube/label-selector.ts';
import { canonicalJson } from '../../lib/canonical-json.ts';
import { durationMs } from '../../lib/duration.ts';
import { ProviderProblem, type ProviderClient, type RemoteName } from '../../providers/contract.ts';
import type { Cluster } from '../cluster.ts';
import { conditionsWith, momentOf } from '../conditions.ts';
import { syncedVersion } from '../external-secret/hash.ts';
import type { Secret } from '../external-secret/plan.ts';
import { templateSources } from '../external-secret/template-sources.ts';
import type { StoreClients, StoreName } from '../secret-store/clients.ts';
import { clusterSecretStore, secretStore } from '../secret-store/definition.ts';
import type { SecretTypes } from '../secret-types.ts';
import { pushSecret } from './definition.ts';
import { leftOver, plan, remoteText, type Planned, type PushSecret, type Synced } from './plan.ts';

/** Of External Secrets Operator: either ends what the other began. */
const FINALIZER = 'pushsecret.externalsecrets.io/finalizer';
const PUSH_MS = 60_000;
const MANAGER = 'external-secrets';

type Reason = 'Synced' | 'Errored' | 'SourceDeleted';

interface Outcome {
  readonly reason: Reason;
  readonly message: string;
  readonly synced: Synced;
}

export interface PushReconcilerOptions {
  readonly cluster: Cluster;
  readonly clients: StoreClients;
  readonly types: SecretTypes;
}

export class PushSecretReconciler {
  readonly #options: PushReconcilerOptions;

  constructor(options: PushReconcilerOptions) {
    this.#options = options;
  }

  /** Milliseconds until it is due again. Rejects when it is to be tried again before. */
  async reconcile(key: string): Promise<number | undefined> {
    const push = this.#options.cluster.pushSecrets.get(key);
    if (push === undefined) return undefined;
    if (push.metadata.deletionTimestamp !== undefined) return this.#end(push);
    if (await this.#guarded(push)) return undefined;
    let outcome: Outcome;
    try {
      outcome = await this.#sync(push);
    } catch (error) {
      if (!isKnown(error)) throw error;
      await this.#say(push, {
        reason: 'Errored',
        message: error.message,
        synced: progressOf(error) ?? push.status?.syncedPushSecrets ?? {},
      });
      throw error;
    }
    await this.#say(push, outcome);
    return intervalOf(push);
  }

  async #sync(push: PushSecret): Promise<Outcome> {
    mustOffer(push);
    // A store may be another cluster, where it becomes a Secret.
    this.#options.types.mustAllow(push.spec.template?.type);
    const before = push.status?.syncedPushSecrets ?? {};
    const signal = AbortSignal.timeout(PUSH_MS);
    const secrets = await this.#secrets(push);
    const deletes = push.spec.deletionPolicy === 'Delete';
    if (secrets.length === 0 && deletes) {
      await this.#removeAll(push, leftOver(before, {}), signal);
      return {
        reason: 'SourceDeleted',
        message: 'the source Secret is not there: what it gave is deleted',
        synced: {},
      };
    }
    if (secrets.length === 0) throw new ProviderProblem('unsuitable', 'could not get source secret: there is none');
    const planned = await this.#planned(push, secrets);
    const synced: Record<string, Record<string, Planned['data']>> = {};
    try {
      for (const store of this.#stores(push)) {
        const written = (synced[`${store.kind}/${store.name}`] = {} as Record<string, Planned['data']>);
        for (const each of planned) {
          await this.#write(push, store, each, signal);
          written[remoteText(each.pushed)] = each.data;
        }
      }
    } catch (error) {
      throw new PartlyDone(error, deletes ? merged(before, synced) : synced);
    }
    if (deletes) await this.#removeAll(push, leftOver(before, synced), signal);
    return { reason: 'Synced', message: 'PushSecret synced successfully', synced };
  }

  async #planned(push: PushSecret, secrets: readonly Secret[]): Promise<readonly Planned[]> {
    const { namespace = '' } = push.metadata;
    const sources = await templateSources(this.#options.cluster, namespace, push.spec.template);
    return secrets.flatMap(({ data = {} }) => {
      const values = new Map(Object.entries(data).map(([name, value]) => [name, Buffer.from(value, 'base64')]));
      return plan(push, values, sources);
    });
  }

  async #write(
    { metadata, spec }: PushSecret,
    store: StoreName,
    { pushed }: Planned,
    signal: AbortSignal,
  ): Promise<void> {
    const client = this.#client(store, metadata.namespace);
    if (spec.updatePolicy === 'IfNotExists') {
      const { key, property } = pushed;
      if (await isThere(client, { key, property }, signal)) return;
    }
    if (client.push === undefined)
      throw new ProviderProblem('invalid', `${store.kind} "${store.name}": its provider cannot be written to`);
    await client.push(pushed, signal);
  }

  async #removeAll(push: PushSecret, names: ReturnType<typeof leftOver>, signal: AbortSignal): Promise<void> {
    for (const [store, name] of names) {
      const slash = store.indexOf('/');
      const client = this.#client(
        { kind: store.slice(0, slash), name: store.slice(slash + 1) },
        push.metadata.namespace,
      );
      await client.remove?.(name, signal);
    }
  }

  #client(store: StoreName, namespace = ''): ProviderClient {
    return this.#options.clients.use(store, namespace);
  }

  /** All that its references name or select, each once. */
  #stores({ metadata, spec }: PushSecret): readonly StoreName[] {
    const { cluster } = this.#options;
    const found = spec.secretStoreRefs.flatMap(({ kind = secretStore.kind, name = '', labelSelector }) => {
      if (name !== '') return [{ kind, name }];
      if (labelSelector === undefined)
        throw new ProviderProblem('invalid', 'secretStoreRefs: name a store, or give a labelSelector');
      const all = kind === clusterSecretStore.kind ? cluster.clusterStores?.values() : cluster.stores.values();
      return [...(all ?? [])]
        .filter((store) => kind === clusterSecretStore.kind || store.metadata.namespace === metadata.namespace)
        .filter((store) => selects(labelSelector, store.metadata.labels ?? {}))
        .map((store) => ({ kind, name: store.metadata.name }));
    });
    return [...new Map(found.map((each) => [`${each.kind}/${each.name}`, each])).values()];
  }

  async #secrets({ metadata, spec }: PushSecret): Promise<readonly Secret[]> {
    const { secrets } = this.#options.cluster;
    const { namespace = '' } = metadata;
    const { name = '', selector } = spec.selector.secret ?? {};
    if (name === '' && selector === undefined)
      throw new ProviderProblem('invalid', 'selector.secret: give a name or a selector');
    if (name === '')
      return (await secrets.list({ namespace })).filter((each) => selects(selector ?? {}, each.metadata.labels ?? {}));
    const found = await secrets.get({ namespace, name });
    return found === undefined ? [] : [found];
  }

  /** Whether it had to be changed first, so that it cannot go before what it wrote is gone: then the watch tells of it. */
  async #guarded(push: PushSecret): Promise<boolean> {
    const { finalizers = [] } = push.metadata;
    const wanted = push.spec.deletionPolicy === 'Delete';
    if (finalizers.includes(FINALIZER) === wanted) return false;
    await this.#finalize(push, wanted);
    return true;
  }

  async #finalize(push: PushSecret, wanted: boolean): Promise<void> {
    const others = (push.metadata.finalizers ?? []).filter((each) => each !== FINALIZER);
    const finalizers = wanted ? [...others, FINALIZER] : others;
    const { status: _own, ...object } = push;
    await this.#options.cluster.pushSecretObjects.replace(
      { ...object, metadata: { ...push.metadata, finalizers } },
      MANAGER,
    );
  }

  async #end(push: PushSecret): Promise<undefined> {
    if (push.metadata.finalizers?.includes(FINALIZER) !== true) return;
    try {
      await this.#removeAll(push, leftOver(push.status?.syncedPushSecrets ?? {}, {}), AbortSignal.timeout(PUSH_MS));
    } catch (error) {
      if (!isKnown(error)) throw error;
      await this.#say(push, {
        reason: 'Errored',
        message: `could not delete: ${error.message}`,
        synced: push.status?.syncedPushSecrets ?? {},
      });
      throw error;
    }
    await this.#finalize(push, false);
  }

  async #say(push: PushSecret, { reason, message, synced }: Outcome): Promise<void> {
    const { cluster } = this.#options;
    const { status: before = {} } = push;
    const now = momentOf(Date.now());
    const ready = reason !== 'Errored';
    const conditions = conditionsWith(
      before.conditions ?? [],
      { type: 'Ready', status: ready ? 'True' : 'False', reason, message },
      now,
    );
    const seen = { conditions, synced, version: syncedVersion(push.metadata) };
    const was = {
      conditions: before.conditions ?? [],
      synced: before.syncedPushSecrets ?? {},
      version: before.syncedResourceVersion,
    };
    if (canonicalJson(seen) === canonicalJson({ ...was, version: was.version ?? '' })) return;
    // A merge patch keeps what it does not name: what is written no more is taken out by null.
    const gone = Object.fromEntries(
      Object.keys(before.syncedPushSecrets ?? {}).flatMap((store) =>
        synced[store] === undefined ? [[store, null]] : [],
      ),
    );
    const kept = Object.fromEntries(
      Object.entries(synced).map(([store, names]) => [
        store,
        { ...nulls(before.syncedPushSecrets?.[store]), ...names },
      ]),
    );
    const status = {
      conditions,
      syncedPushSecrets: { ...gone, ...kept },
      ...(ready ? { refreshTime: now, syncedResourceVersion: seen.version } : {}),
    };
    await cluster.pushSecretObjects.patchStatus(keyOfObject(push), status);
    const about = { ...push, apiVersion: apiVersionOf(pushSecret), kind: pushSecret.kind };
    cluster.events.record(about, { type: ready ? 'Normal' : 'Warning', reason, message });
  }
}

const keyOfObject = ({ metadata: { namespace = '', name } }: PushSecret): ObjectKey => ({ namespace, name });

const nulls = (names: object = {}): Record<string, null> =>
  Object.fromEntries(Object.keys(names).map((name) => [name, null]));

const merged = (before: Synced, now: Synced): Synced =>
  Object.fromEntries(
    [...new Set([...Object.keys(before), ...Object.keys(now)])].map((store) => [
      store,
      { ...before[store], ...now[store] },
    ]),
  );

/** An error after something was written: the status must tell of that. */
class PartlyDone extends Error {
  readonly synced: Synced;

  constructor(cause: unknown, synced: Synced) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.synced = synced;
  }
}

const progressOf = (error: Error): Synced | undefined => (error instanceof PartlyDone ? error.synced : undefined);

function isKnown(error: unknown): error is Error {
  const cause = error instanceof PartlyDone ? error.cause : error;
  return cause instanceof ProviderProblem || cause instanceof KubernetesProblem;
}

function mustOffer({ spec }: PushSecret): void {
  if (spec.selector.generatorRef !== undefined)
    throw new ProviderProblem('invalid', 'spec.selector.generatorRef is not offered yet');
  try {
    intervalOf({ spec });
  } catch (error) {
    if (!isLockstepError(error)) throw error;
    throw new ProviderProblem('invalid', error.message, { cause: error });
  }
}

/** Milliseconds; undefined: when it changes. */
function intervalOf({ spec }: Pick<PushSecret, 'spec'>): number | undefined {
  const interval = durationMs(spec.refreshInterval ?? '1h', 'refreshInterval');
  return interval === 0 ? undefined : interval;
}

/** A secret that lacks the property is not there either. */
async function isThere(client: ProviderClient, name: RemoteName, signal: AbortSignal): Promise<boolean> {
  try {
    return (await client.read(name, signal)).found;
  } catch (error) {
    if (error instanceof ProviderProblem && error.kind === 'unsuitable') return false;
    throw error;
  }
}
