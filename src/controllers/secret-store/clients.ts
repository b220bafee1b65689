/** Clients of stores: one for each store and whoever's credentials it takes, kept until the store changes. */
import { isObject } from '../../client/json.ts';
import { keyOf } from '../../kube/objects.ts';
import { ProviderProblem, type Following, type ProviderClient } from '../../providers/contract.ts';
import { providers } from '../../providers/providers.ts';
import type { Cluster, Store } from '../cluster.ts';
import { mayUse } from './conditions.ts';
import { credentialsOf } from './credentials.ts';
import { clusterSecretStore, secretStore } from './definition.ts';

export interface StoreName {
  readonly kind: string;
  readonly name: string;
}

interface Held {
  /** Which object, in which generation. */
  readonly of: string;
  readonly clients: Map<string, ProviderClient>;
  readonly ended: AbortController;
}

export interface StoreClientsOptions {
  readonly cluster: Cluster;
  /** Stores that name another class are somebody else's. */
  readonly controllerClass: string;
  /** A store that says that it is not ready is not asked. */
  readonly floodGate: boolean;
  /** Who is told of changes by a client that tells of them. */
  readonly following: (kind: string, store: Store, asking: string) => Following;
}

/** What names a Secret, a ConfigMap or an account: most end so, and some have names of their own. */
const REFERENCE =
  /Ref$|^(?:caProvider|serviceAccount|bearerToken|clientCert|clientKey|clientId|clientSecret|clientCertificate|tenantId|credConfig|usernameSecret|passwordSecret)$/;

/** Whether a reference leaves its namespace to whoever asks. */
const isReferent = (value: unknown): boolean =>
  Array.isArray(value)
    ? value.some(isReferent)
    : isObject(value) &&
      Object.entries(value).some(
        ([name, each]) =>
          isReferent(each) || (REFERENCE.test(name) && isObject(each) && each['namespace'] === undefined),
      );

function end({ clients, ended }: Held): void {
  ended.abort();
  for (const client of clients.values()) client.close();
}

/** The key of a store: of its own kind in its own namespace, or of the cluster. */
export const storeKey = ({ kind, name }: StoreName, namespace: string): string =>
  kind === clusterSecretStore.kind ? name : keyOf({ namespace, name });

export class StoreClients {
  readonly #options: StoreClientsOptions;
  readonly #held = new Map<string, Held>();

  constructor(options: StoreClientsOptions) {
    this.#options = options;
  }

  /** Undefined: there is none of that name. */
  find(ref: StoreName, namespace: string): Store | undefined {
    return this.#options.cluster.store(ref.kind, storeKey(ref, namespace));
  }

  isOurs({ spec }: Store): boolean {
    return spec.controller === undefined || spec.controller === '' || spec.controller === this.#options.controllerClass;
  }

  /** For an object of that namespace. Throws `ProviderProblem`. */
  use(ref: StoreName, namespace: string): ProviderClient {
    const store = this.find(ref, namespace);
    if (store === undefined)
      throw new ProviderProblem('invalid', `could not get ${ref.kind} "${ref.name}": there is none`);
    if (!this.isOurs(store)) throw new ProviderProblem('invalid', 'can not reference unmanaged store');
    if (ref.kind === clusterSecretStore.kind) this.#mustAllow(store, namespace);
    const ready = store.status?.conditions?.find(({ type }) => type === 'Ready');
    if (this.#options.floodGate && ready !== undefined && ready.status !== 'True') {
      throw new ProviderProblem('unreachable', `${ref.kind} "${ref.name}" is not ready`);
    }
    return this.#clientOf(ref.kind, store, namespace);
  }

  /** Of the store itself. Undefined where only whoever asks says which credentials it takes. */
  check(kind: string, store: Store): ProviderClient | undefined {
    const referent = kind === clusterSecretStore.kind && isReferent(store.spec.provider);
    return referent ? undefined : this.#clientOf(kind, store, undefined);
  }

  #clientOf(kind: string, store: Store, asking: string | undefined): ProviderClient {
    const own = kind === secretStore.kind ? store.metadata.namespace : undefined;
    const [[type, config] = ['', undefined]] = Object.entries(store.spec.provider);
    const provider = providers.get(type);
    if (provider === undefined) throw new ProviderProblem('invalid', `the provider "${type}" is not offered`);
    const differs = isReferent(config) || provider.differsByNamespace?.(config as never) === true;
    const whose = own === undefined && differs ? (asking ?? '') : '';
    const { clients, ended } = this.#heldOf(kind, store);
    const known = clients.get(whose);
    if (known !== undefined) return known;
    // One that serves all namespaces is none's: a reference that was not seen for one finds no namespace at all.
    const scope = { name: store.metadata.name, own, asking: whose === '' ? undefined : whose };
    const made = provider.connect(config as never, credentialsOf(this.#options.cluster, scope));
    clients.set(whose, made);
    void made.follow?.(this.#options.following(kind, store, whose), ended.signal);
    return made;
  }

  /** Of this object in this generation; those of a former one are closed. */
  #heldOf(kind: string, { metadata }: Store): Held {
    const { uid = '', generation = 0 } = metadata;
    const key = `${kind} ${keyOf(metadata)}`;
    const of = `${uid} ${String(generation)}`;
    const held = this.#held.get(key);
    if (held?.of === of) return held;
    this.forget(kind, keyOf(metadata));
    const made: Held = { of, clients: new Map(), ended: new AbortController() };
    this.#held.set(key, made);
    return made;
  }

  /** What is said of a provider that is not there is nothing. */
  capabilitiesOf({ spec }: Store): string | undefined {
    return providers.get(Object.keys(spec.provider)[0] ?? '')?.capabilities;
  }

  forget(kind: string, key: string): void {
    const held = this.#held.get(`${kind} ${key}`);
    this.#held.delete(`${kind} ${key}`);
    if (held !== undefined) end(held);
  }

  close(): void {
    for (const held of this.#held.values()) end(held);
    this.#held.clear();
  }

  #mustAllow(store: Store, namespace: string): void {
    const labels = this.#options.cluster.namespaces?.get(namespace)?.metadata.labels ?? {};
    if (mayUse(store.spec.conditions, { name: namespace, labels })) return;
    const denied = `is not allowed from namespace "${namespace}": denied by spec.condition`;
    throw new ProviderProblem('denied', `using cluster store "${store.metadata.name}" ${denied}`);
  }
}
