/** Clients of stores: one for each store and whoever's credentials it takes, kept until the store changes. */
import { isObject } from '../../client/json.ts';
import { keyOf } from '../../kube/objects.ts';
import { Breaker } from '../../lib/breaker.ts';
import { ProviderProblem, type Following, type ProviderClient } from '../../providers/contract.ts';
import { providers } from '../../providers/providers.ts';
import type { Cluster, Store } from '../cluster.ts';
import { mayUse } from './conditions.ts';
import { credentialsOf } from './credentials.ts';
import { clusterSecretStore, secretStore } from './definition.ts';
import { withRetries } from './retries.ts';
import { withFallbacks, type Candidate } from './fallback.ts';

export interface StoreName {
  readonly kind: string;
  readonly name: string;
}

interface Opened {
  readonly client: ProviderClient;
  /** Follows the store no more. */
  readonly ended: AbortController;
}

interface Held {
  /** Which object, in which generation. */
  readonly of: string;
  /** By the namespace whose credentials they take; empty: it serves all. */
  readonly clients: Map<string, Opened>;
  readonly breaker: Breaker;
  /** Whether its clients take the credentials of whoever asks. */
  readonly differs: boolean;
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

/** What only holds references (`auth.secretRef` of aws) is none itself. */
const isReference = (name: string, value: unknown): value is Readonly<Record<string, unknown>> =>
  REFERENCE.test(name) && isObject(value) && !Object.values(value).some(isObject);

/** Whether a reference leaves its namespace to whoever asks. */
const isReferent = (value: unknown): boolean =>
  Array.isArray(value)
    ? value.some(isReferent)
    : isObject(value) &&
      Object.entries(value).some(
        ([name, each]) => isReferent(each) || (isReference(name, each) && each['namespace'] === undefined),
      );

/** How long a store that did not answer is not asked, where another stands in for it. */
const BREAKER = { base: 1_000, cap: 30_000 };

const nameOf = ({ kind, name }: StoreName): string => `${kind} "${name}"`;

function configured({ spec }: Store) {
  const [[type, config] = ['', undefined]] = Object.entries(spec.provider);
  return { type, config, provider: providers.get(type) };
}

const refsOf = ({ spec }: Store): readonly StoreName[] =>
  (spec.fallbackStores ?? []).map(({ name, kind = secretStore.kind }) => ({ kind, name }));

function end({ client, ended }: Opened): void {
  ended.abort();
  client.close();
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
    const store = this.#usable(ref, namespace);
    const { fallbackStores = [] } = store.spec;
    if (fallbackStores.length > 0) return withFallbacks(this.#candidates(ref, store, namespace));
    this.#mustBeReady(ref, store);
    return this.#clientOf(ref.kind, store, namespace);
  }

  /** Of the store itself. Undefined where only whoever asks says which credentials it takes. */
  check(kind: string, store: Store): ProviderClient | undefined {
    const referent = kind === clusterSecretStore.kind && isReferent(store.spec.provider);
    return referent ? undefined : this.#clientOf(kind, store, undefined);
  }

  /**
   * Which of its fallback stores serves in place of one that did not answer when it was looked at; undefined: none does. Rejects with
   * the reason of the signal alone.
   */
  async standIn(kind: string, store: Store, signal: AbortSignal): Promise<string | undefined> {
    this.#heldOf(kind, store).breaker.failed();
    for (const ref of refsOf(store)) {
      try {
        const fallback = this.#fallback(kind, ref, store.metadata.namespace);
        await this.check(ref.kind, fallback)?.check(signal);
        return nameOf(ref);
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof ProviderProblem)) throw error;
      }
    }
    return undefined;
  }

  /** It answered when it was looked at. */
  answered(kind: string, store: Store): void {
    this.#heldOf(kind, store).breaker.succeeded();
  }

  #usable(ref: StoreName, namespace: string): Store {
    const store = this.find(ref, namespace);
    if (store === undefined)
      throw new ProviderProblem('invalid', `could not get ${ref.kind} "${ref.name}": there is none`);
    if (!this.isOurs(store)) throw new ProviderProblem('invalid', 'can not reference unmanaged store');
    if (ref.kind === clusterSecretStore.kind) this.#mustAllow(store, namespace);
    return store;
  }

  #mustBeReady(ref: StoreName, store: Store): void {
    const ready = store.status?.conditions?.find(({ type }) => type === 'Ready');
    if (this.#options.floodGate && ready !== undefined && ready.status !== 'True') {
      throw new ProviderProblem('unreachable', `${nameOf(ref)} is not ready`);
    }
  }

  /** The store itself, whose own status speaks for all of them, and those that stand in for it. */
  #candidates(ref: StoreName, store: Store, namespace: string): readonly Candidate[] {
    const own: Candidate = {
      name: nameOf(ref),
      open: () => this.#clientOf(ref.kind, store, namespace),
      breaker: this.#heldOf(ref.kind, store).breaker,
    };
    const others = refsOf(store).flatMap((other): readonly Candidate[] => {
      const found = this.find(other, namespace);
      // One that is not there is named when it is needed.
      const breaker = found === undefined ? new Breaker({ backoff: BREAKER }) : this.#heldOf(other.kind, found).breaker;
      const open = (): ProviderClient => {
        const fallback = this.#fallback(ref.kind, other, namespace);
        this.#mustBeReady(other, fallback);
        return this.#clientOf(other.kind, fallback, namespace);
      };
      return [{ name: nameOf(other), open, breaker }];
    });
    return [own, ...others];
  }

  /** Throws `ProviderProblem` where it may not stand in. Its own fallback stores do not. */
  #fallback(kind: string, ref: StoreName, namespace: string | undefined): Store {
    if (kind === clusterSecretStore.kind && ref.kind !== clusterSecretStore.kind) {
      // Of that name each namespace could have its own.
      throw new ProviderProblem(
        'invalid',
        `fallbackStores: a ClusterSecretStore names others of its kind, not ${nameOf(ref)}`,
      );
    }
    if (namespace !== undefined) return this.#usable(ref, namespace);
    const store = this.find(ref, '');
    if (store === undefined) throw new ProviderProblem('invalid', `fallbackStores: there is no ${nameOf(ref)}`);
    return store;
  }

  #clientOf(kind: string, store: Store, asking: string | undefined): ProviderClient {
    const own = kind === secretStore.kind ? store.metadata.namespace : undefined;
    const { clients, differs } = this.#heldOf(kind, store);
    const whose = own === undefined && differs ? (asking ?? '') : '';
    const known = clients.get(whose);
    if (known !== undefined) return known.client;
    const { type, config, provider } = configured(store);
    if (provider === undefined) throw new ProviderProblem('invalid', `the provider "${type}" is not offered`);
    // One that serves all namespaces is none's: a reference that was not seen for one finds no namespace at all.
    const scope = { name: store.metadata.name, own, asking: whose === '' ? undefined : whose };
    const made = provider.connect(config as never, credentialsOf(this.#options.cluster, scope));
    const retried = withRetries(made, store.spec.retrySettings);
    const ended = new AbortController();
    clients.set(whose, { client: retried, ended });
    void made.follow?.(this.#options.following(kind, store, whose), ended.signal);
    return retried;
  }

  /** Of this object in this generation; those of a former one are closed. */
  #heldOf(kind: string, store: Store): Held {
    const { metadata } = store;
    const { uid = '', generation = 0 } = metadata;
    const key = `${kind} ${keyOf(metadata)}`;
    const of = `${uid} ${String(generation)}`;
    const held = this.#held.get(key);
    if (held?.of === of) return held;
    this.forget(kind, keyOf(metadata));
    const { config, provider } = configured(store);
    const differs = isReferent(config) || provider?.differsByNamespace?.(config as never) === true;
    const made: Held = { of, clients: new Map(), breaker: new Breaker({ backoff: BREAKER }), differs };
    this.#held.set(key, made);
    return made;
  }

  /** What is said of a provider that is not there is nothing. */
  capabilitiesOf({ spec }: Store): string | undefined {
    return providers.get(Object.keys(spec.provider)[0] ?? '')?.capabilities;
  }

  /** Whether what is written to it becomes Secrets of some cluster, however its client is wrapped. */
  makesSecrets(ref: StoreName, namespace = ''): boolean {
    const [type = ''] = Object.keys(this.find(ref, namespace)?.spec.provider ?? {});
    return providers.get(type)?.makesSecrets === true;
  }

  /** Which secret a key is of, there; where it cannot be told, each key is that of another. */
  nameOf(ref: StoreName, namespace: string, key: string): string {
    const [[type, config] = ['', {}]] = Object.entries(this.find(ref, namespace)?.spec.provider ?? {});
    return providers.get(type)?.nameOf?.(key, config as never) ?? key;
  }

  forget(kind: string, key: string): void {
    const held = this.#held.get(`${kind} ${key}`);
    this.#held.delete(`${kind} ${key}`);
    for (const each of held?.clients.values() ?? []) end(each);
  }

  /** The namespace is gone, and with it whose credentials were taken. */
  forgetNamespace(namespace: string): void {
    for (const { clients } of this.#held.values()) {
      const opened = clients.get(namespace);
      clients.delete(namespace);
      if (opened !== undefined) end(opened);
    }
  }

  close(): void {
    for (const { clients } of this.#held.values()) for (const each of clients.values()) end(each);
    this.#held.clear();
  }

  #mustAllow(store: Store, namespace: string): void {
    const { conditions = [] } = store.spec;
    if (conditions.length === 0) return;
    const found = this.#options.cluster.namespaces?.get(namespace);
    // Its ExternalSecrets can be told of before it is: without its labels, "not labelled so" would hold for each.
    if (found === undefined) throw new ProviderProblem('denied', `namespace "${namespace}" is not known yet`);
    if (mayUse(conditions, { name: namespace, labels: found.metadata.labels ?? {} })) return;
    const denied = `is not allowed from namespace "${namespace}": denied by spec.condition`;
    throw new ProviderProblem('denied', `using cluster store "${store.metadata.name}" ${denied}`);
  }
}
