/** What is pushed by stores: which ExternalSecrets a change concerns, and whether it is in place in the cluster. */
import { keyOf } from '../../kube/objects.ts';
import type { Following } from '../../providers/contract.ts';
import type { Store } from '../cluster.ts';
import { storeKey } from '../secret-store/clients.ts';
import { storeNameOf } from './gather.ts';
import type { ExternalSecret, SourceRef } from './definition.ts';
import { isPeriodic } from './refresh.ts';

export interface PushOptions {
  /** Reads it anew; resolves when that is over, well or not. */
  readonly refresh: (key: string) => Promise<void>;
  /** Whether what was read last is in the Secret. */
  readonly settled: (key: string) => boolean;
  readonly state: (store: string, pushed: boolean, why: string | undefined) => void;
}

/** What an ExternalSecret follows of one store. */
interface Reads {
  readonly namespace: string;
  readonly keys: readonly string[];
}

/** Milliseconds: those that come together are told of once, as each listener looks at all. */
const GATHER_MS = 100;

export class Pushes {
  readonly #options: PushOptions;
  readonly #listeners = new Set<() => void>();
  /** By the name of the store, by that of the ExternalSecret: kept, since each change at a store asks for it. */
  readonly #readers = new Map<string, Map<string, Reads>>();
  #telling: NodeJS.Timeout | undefined;

  constructor(options: PushOptions) {
    this.#options = options;
  }

  /** An ExternalSecret came, went (undefined) or was changed. */
  changed(key: string, es: ExternalSecret | undefined): void {
    const reads = es === undefined ? new Map<string, Reads>() : readsOf(es);
    for (const [store, readers] of this.#readers) {
      if (!reads.has(store)) readers.delete(key);
      if (readers.size === 0) this.#readers.delete(store);
    }
    for (const [store, each] of reads) {
      const readers = this.#readers.get(store) ?? new Map<string, Reads>();
      this.#readers.set(store, readers.set(key, each));
    }
    if (this.#listeners.size === 0 || this.#telling !== undefined) return;
    this.#telling = setTimeout(() => {
      this.#telling = undefined;
      for (const listener of this.#listeners) listener();
    }, GATHER_MS).unref();
  }

  /** `asking`: the namespace whose credentials the client takes; empty: the store's own, and it serves all. */
  of(kind: string, store: Store, asking: string): Following {
    const { refresh, settled, state } = this.#options;
    const key = keyOf(store.metadata);
    const readers = () => this.#following(`${kind} ${key}`, asking);
    return {
      consumer: consumerOf(store, asking),
      keys: () => readers().flatMap(([, { keys }]) => keys),
      onKeys: (called, signal) => {
        this.#listeners.add(called);
        signal.addEventListener('abort', () => this.#listeners.delete(called), { once: true });
      },
      changed: async (keys) => {
        const told = new Set(keys);
        const concerned = readers().filter(([, own]) => own.keys.some((each) => told.has(each)));
        await Promise.all(concerned.map(([es]) => refresh(es)));
      },
      settled: () => readers().every(([es]) => settled(es)),
      state: (pushed, why) => {
        state(`${kind} ${key}${asking === '' ? '' : ` for ${asking}`}`, pushed, why);
      },
    };
  }

  /** Who follows the store, with the keys that they read of it. */
  #following(store: string, asking: string): readonly (readonly [es: string, reads: Reads])[] {
    const all = [...(this.#readers.get(store) ?? [])];
    return asking === '' ? all : all.filter(([, { namespace }]) => namespace === asking);
  }
}

/** A name that no other cluster's store has. */
function consumerOf({ metadata }: Store, asking: string): string {
  const name = `${keyOf(metadata)}${asking === '' ? '' : `.${asking}`}`.replaceAll('/', '.').slice(0, 60);
  return `external-secrets:${name}:${metadata.uid ?? ''}`;
}

/** The keys that it reads, and what it looks below, by the store; of one that follows no store nothing. */
function readsOf(es: ExternalSecret): ReadonlyMap<string, Reads> {
  const { metadata, spec } = es;
  const { namespace = '', deletionTimestamp } = metadata;
  const reads = new Map<string, { readonly namespace: string; readonly keys: string[] }>();
  if (deletionTimestamp !== undefined || !isPeriodic(es)) return reads;
  const read = (from: { readonly sourceRef?: SourceRef | undefined }, keys: readonly string[]): void => {
    const ref = from.sourceRef?.storeRef ?? spec.secretStoreRef;
    if (ref === undefined || keys.length === 0) return;
    const name = storeNameOf(ref);
    const store = `${name.kind} ${storeKey(name, namespace)}`;
    const known = reads.get(store) ?? { namespace, keys: [] };
    known.keys.push(...keys);
    reads.set(store, known);
  };
  for (const each of spec.data ?? []) read(each, [each.remoteRef.key]);
  for (const each of spec.dataFrom ?? []) {
    const { extract, find } = each;
    read(each, [
      ...(extract === undefined ? [] : [extract.key]),
      ...(find === undefined ? [] : [find.path === undefined ? '*' : `${find.path.replace(/\/+$/, '')}/*`]),
    ]);
  }
  return reads;
}
