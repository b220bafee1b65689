/** Brings what a PushSecret names into its stores, and takes away what it names no more where it is to. */
import { isLockstepError } from '../../errors.ts';
import { apiVersionOf, type ObjectKey } from '../../kube/objects.ts';
import { KubernetesProblem } from '../../kube/problem.ts';
import { selects } from '../../kube/label-selector.ts';
import { ProviderProblem, type ProviderClient, type RemoteName } from '../../providers/contract.ts';
import type { Cluster } from '../cluster.ts';
import type { Generators } from '../generator/generate.ts';
import { Generation } from '../generator/generation.ts';
import type { StoreClients, StoreName } from '../secret-store/clients.ts';
import { clusterSecretStore, secretStore } from '../secret-store/definition.ts';
import type { SecretTypes } from '../secret-types.ts';
import { pushSecret } from './definition.ts';
import {
  leftOver,
  type NameOf,
  plan,
  remoteNameOf,
  remoteText,
  type Given,
  type Planned,
  type PushSecret,
  type PushStore,
  type Synced,
} from './plan.ts';
import { intervalOf, restOf } from './refresh.ts';
import { sourceOf } from './source.ts';
import { statusAfter, type Outcome } from './status.ts';

/** Of External Secrets Operator: either ends what the other began. */
const FINALIZER = 'pushsecret.externalsecrets.io/finalizer';
const PUSH_MS = 60_000;
const MANAGER = 'external-secrets';

/** As the status names it: `SecretStore/eu`. */
function storeNamed(text: string): StoreName {
  const slash = text.indexOf('/');
  return { kind: text.slice(0, slash), name: text.slice(slash + 1) };
}

export interface PushReconcilerOptions {
  readonly cluster: Cluster;
  readonly clients: StoreClients;
  readonly generators: Generators;
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
    const generation = this.#generation(push);
    let outcome: Outcome;
    try {
      mustOffer(push);
      const rest = restOf(push, Date.now());
      if (rest !== undefined) return rest === 0 ? undefined : rest;
      outcome = await this.#sync(push, generation);
    } catch (error) {
      await generation.discard();
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

  #generation(push: PushSecret): Generation {
    const { cluster, generators } = this.#options;
    // What stays at the store when it goes stays in force.
    return new Generation({ cluster, generators, owner: about(push), keeps: push.spec.deletionPolicy === 'Delete' });
  }

  async #sync(push: PushSecret, generation: Generation): Promise<Outcome> {
    const { cluster, types } = this.#options;
    // A store may be another cluster, where it becomes a Secret.
    types.mustAllow(push.spec.template?.type);
    const before = push.status?.syncedPushSecrets ?? {};
    const signal = AbortSignal.timeout(PUSH_MS);
    const given = await sourceOf(cluster, push, generation, signal);
    const deletes = push.spec.deletionPolicy === 'Delete';
    if (given.length === 0 && !deletes)
      throw new ProviderProblem('unsuitable', 'could not get source secret: there is none');
    const synced = given.length === 0 ? {} : await this.#push(push, given, before, signal);
    if (deletes) await this.#removeLeft(push, before, synced, signal);
    if (given.length > 0) {
      const wrote = push.spec.selector.generatorRef !== undefined;
      return { reason: 'Synced', message: 'PushSecret synced successfully', synced, wrote };
    }
    return { reason: 'SourceDeleted', message: 'the source Secret is not there: what it gave is deleted', synced };
  }

  /** All of it is planned before anything is written. */
  async #push(push: PushSecret, given: readonly Given[], before: Synced, signal: AbortSignal): Promise<Synced> {
    const stores = this.#stores(push);
    const planned = stores.map((store) => [store, given.flatMap((each) => plan(push, each, store))] as const);
    for (const [store, all] of planned) this.#check(push, store, all);
    const synced = new Map<string, Map<string, Planned['data']>>();
    try {
      for (const [store, all] of planned) {
        const written = new Map<string, Planned['data']>();
        synced.set(`${store.kind}/${store.name}`, written);
        for (const each of all) {
          await this.#write(push, store, each, signal);
          written.set(remoteText(each.pushed), each.data);
        }
      }
    } catch (error) {
      const done = syncedOf(synced);
      throw new PartlyDone(error, push.spec.deletionPolicy === 'Delete' ? merged(before, done) : done);
    }
    return syncedOf(synced);
  }

  /** What could not be taken away is still there beside what was written. */
  async #removeLeft(push: PushSecret, before: Synced, synced: Synced, signal: AbortSignal): Promise<void> {
    try {
      const nameOf: NameOf = (store, key) =>
        this.#options.clients.nameOf(storeNamed(store), push.metadata.namespace ?? '', key);
      await this.#removeAll(push, leftOver(before, synced, nameOf), signal);
    } catch (error) {
      throw new PartlyDone(error, merged(before, synced));
    }
  }

  /** `metadata` is the provider's own: it knows what is wrong with it. */
  #check({ metadata: { namespace } }: PushSecret, store: StoreName, planned: readonly Planned[]): void {
    for (const { pushed } of planned.filter((each) => each.pushed.metadata !== undefined)) {
      const client = this.#client(store, namespace);
      const what = `"${remoteText(pushed)}" of ${store.kind} "${store.name}"`;
      if (client.checkMetadata === undefined)
        throw new ProviderProblem('invalid', `${what}: metadata: its provider has none`);
      try {
        client.checkMetadata(pushed.metadata);
      } catch (error) {
        if (!(error instanceof ProviderProblem)) throw error;
        throw new ProviderProblem(error.kind, `${what}: ${error.message}`);
      }
    }
  }

  async #write(
    { metadata, spec }: PushSecret,
    store: StoreName,
    { data, pushed }: Planned,
    signal: AbortSignal,
  ): Promise<void> {
    const client = this.#client(store, metadata.namespace);
    if (spec.updatePolicy === 'IfNotExists') {
      if (await isThere(client, remoteNameOf(data), signal)) return;
    }
    if (client.push === undefined)
      throw new ProviderProblem('invalid', `${store.kind} "${store.name}": its provider cannot be written to`);
    const { clients, types } = this.#options;
    if (clients.makesSecrets(store, metadata.namespace)) types.mustAllow(pushed.from?.type);
    await client.push(pushed, signal);
  }

  async #removeAll(push: PushSecret, names: ReturnType<typeof leftOver>, signal: AbortSignal): Promise<void> {
    for (const [store, name] of names) {
      const client = this.#client(storeNamed(store), push.metadata.namespace);
      await client.remove?.(name, signal);
    }
  }

  #client(store: StoreName, namespace = ''): ProviderClient {
    return this.#options.clients.use(store, namespace);
  }

  /** All that its references name or select, each once. One that is not there is said to be so when it is written to. */
  #stores({ metadata, spec }: PushSecret): readonly PushStore[] {
    const { cluster, clients } = this.#options;
    const { namespace = '' } = metadata;
    const nameOf = (store: StoreName) => (key: string) => clients.nameOf(store, namespace, key);
    const found = spec.secretStoreRefs.flatMap(({ kind = secretStore.kind, name = '', labelSelector }): PushStore[] => {
      if (name !== '')
        return [
          {
            kind,
            name,
            labels: clients.find({ kind, name }, namespace)?.metadata.labels ?? {},
            nameOf: nameOf({ kind, name }),
          },
        ];
      if (labelSelector === undefined)
        throw new ProviderProblem('invalid', 'secretStoreRefs: name a store, or give a labelSelector');
      const all = kind === clusterSecretStore.kind ? cluster.clusterStores?.values() : cluster.stores.values();
      return [...(all ?? [])]
        .filter((store) => kind === clusterSecretStore.kind || store.metadata.namespace === namespace)
        .filter((store) => selects(labelSelector, store.metadata.labels ?? {}))
        .map(({ metadata: { name: own, labels = {} } }) => ({
          kind,
          name: own,
          labels,
          nameOf: nameOf({ kind, name: own }),
        }));
    });
    return [...new Map(found.map((each) => [`${each.kind}/${each.name}`, each])).values()];
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

  async #say(push: PushSecret, outcome: Outcome): Promise<void> {
    const { cluster } = this.#options;
    const status = statusAfter(push.metadata, push.status ?? {}, outcome, Date.now());
    if (status === undefined) return;
    await cluster.pushSecretObjects.patchStatus(keyOfObject(push), status);
    const { reason, message } = outcome;
    cluster.events.record(about(push), { type: reason === 'Errored' ? 'Warning' : 'Normal', reason, message });
  }
}

const about = (push: PushSecret): PushSecret => ({
  ...push,
  ...{ apiVersion: apiVersionOf(pushSecret), kind: pushSecret.kind },
});

const keyOfObject = ({ metadata: { namespace = '', name } }: PushSecret): ObjectKey => ({ namespace, name });

/** Names are the tenant's: one may be `__proto__`. */
const syncedOf = (synced: ReadonlyMap<string, ReadonlyMap<string, Planned['data']>>): Synced =>
  Object.fromEntries([...synced].map(([store, names]) => [store, Object.fromEntries(names)]));

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
  try {
    intervalOf({ spec });
  } catch (error) {
    if (!isLockstepError(error)) throw error;
    throw new ProviderProblem('invalid', error.message, { cause: error });
  }
}

/** A secret that lacks the property is not there either. */
async function isThere(client: ProviderClient, name: RemoteName, signal: AbortSignal): Promise<boolean> {
  try {
    if (client.has !== undefined) return await client.has(name, signal);
    const { key, property } = name;
    return (await client.read({ key, property }, signal)).found;
  } catch (error) {
    if (error instanceof ProviderProblem && error.kind === 'unsuitable') return false;
    throw error;
  }
}
