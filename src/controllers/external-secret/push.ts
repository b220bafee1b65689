/** What is pushed by stores: which ExternalSecrets a change concerns, and whether it is in place in the cluster. */
import { keyOf } from '../../kube/objects.ts';
import type { Following } from '../../providers/contract.ts';
import type { Cluster, Store } from '../cluster.ts';
import { storeKey, type StoreName } from '../secret-store/clients.ts';
import { storeNameOf } from './gather.ts';
import type { ExternalSecret } from './plan.ts';
import { isPeriodic } from './refresh.ts';

export interface PushOptions {
  readonly cluster: Cluster;
  /** Reads it anew; resolves when that is over, well or not. */
  readonly refresh: (key: string) => Promise<void>;
  /** Whether what was read last is in the Secret. */
  readonly settled: (key: string) => boolean;
  readonly state: (store: string, pushed: boolean, why: string | undefined) => void;
}

export class Pushes {
  readonly #options: PushOptions;
  readonly #listeners = new Set<() => void>();
  #telling = false;

  constructor(options: PushOptions) {
    this.#options = options;
  }

  /** An ExternalSecret came, went or was changed. Those that come together are told of once: each listener looks at all. */
  changed(): void {
    if (this.#telling || this.#listeners.size === 0) return;
    this.#telling = true;
    setImmediate(() => {
      this.#telling = false;
      for (const listener of this.#listeners) listener();
    });
  }

  /** `asking`: the namespace whose credentials the client takes; empty: the store's own, and it serves all. */
  of(kind: string, store: Store, asking: string): Following {
    const { refresh, settled, state } = this.#options;
    const key = keyOf(store.metadata);
    const readers = () => this.#readers(kind, key, asking);
    return {
      consumer: consumerOf(store, asking),
      keys: () => readers().flatMap(([, keys]) => keys),
      onKeys: (called, signal) => {
        this.#listeners.add(called);
        signal.addEventListener('abort', () => this.#listeners.delete(called), { once: true });
      },
      changed: async (keys) => {
        const told = new Set(keys);
        const concerned = readers().filter(([, own]) => own.some((each) => told.has(each)));
        await Promise.all(concerned.map(([es]) => refresh(es)));
      },
      settled: () => readers().every(([es]) => settled(es)),
      state: (pushed, why) => {
        state(`${kind} ${key}${asking === '' ? '' : ` for ${asking}`}`, pushed, why);
      },
    };
  }

  /** Who follows the store, with the keys that they read of it. */
  #readers(kind: string, key: string, asking: string): readonly (readonly [es: string, keys: readonly string[]])[] {
    return [...this.#options.cluster.externalSecrets.values()]
      .filter((es) => asking === '' || es.metadata.namespace === asking)
      .filter((es) => es.metadata.deletionTimestamp === undefined && isPeriodic(es))
      .map((es) => [keyOf(es.metadata), keysOf(es, kind, key)] as const)
      .filter(([, keys]) => keys.length > 0);
  }
}

/** A name that no other cluster's store has. */
function consumerOf({ metadata }: Store, asking: string): string {
  const name = `${keyOf(metadata)}${asking === '' ? '' : `.${asking}`}`.replaceAll('/', '.').slice(0, 60);
  return `external-secrets:${name}:${metadata.uid ?? ''}`;
}

/** The keys that it reads of a store, and what it looks below. */
function keysOf({ metadata, spec }: ExternalSecret, kind: string, key: string): readonly string[] {
  const { namespace = '' } = metadata;
  const isOf = (ref: StoreName): boolean => ref.kind === kind && storeKey(ref, namespace) === key;
  const from = (each: { readonly sourceRef?: { readonly storeRef?: Parameters<typeof storeNameOf>[0] } }): boolean => {
    const ref = each.sourceRef?.storeRef ?? spec.secretStoreRef;
    return ref !== undefined && isOf(storeNameOf(ref));
  };
  return [
    ...(spec.data ?? []).filter(from).map(({ remoteRef }) => remoteRef.key),
    ...(spec.dataFrom ?? [])
      .filter(from)
      .flatMap(({ extract, find }) => [
        ...(extract === undefined ? [] : [extract.key]),
        ...(find === undefined ? [] : [find.path === undefined ? '*' : `${find.path.replace(/\/+$/, '')}/*`]),
      ]),
  ];
}
