/** A store that counts what is read of it: values, and keys that were listed. */
import type { LocalStore } from '../../src/storage/local/local-store.ts';
import { openMemoryStore } from '../../src/storage/memory/open.ts';
import type { Committed, Snapshot, Store, Transaction } from '../../src/storage/store.ts';

export interface CountingStore {
  readonly store: Store;
  /** Values read and keys listed since the last call. */
  readonly read: () => number;
}

type Reads = Pick<Snapshot, 'get' | 'has' | 'list' | 'children'>;

/** A store in memory. */
export function countingStore(): CountingStore {
  const inner: LocalStore = openMemoryStore();
  let read = 0;
  const keys = (found: readonly string[]): readonly string[] => {
    read += found.length;
    return found;
  };
  const counted = (reads: Reads): Reads => ({
    get: (key) => {
      read += 1;
      return reads.get(key);
    },
    has: (key) => {
      read += 1;
      return reads.has(key);
    },
    list: (prefix, page) => keys(reads.list(prefix, page)),
    children: (prefix, page) => keys(reads.children(prefix, page)),
  });
  const snapshot = (): Snapshot => {
    const taken = inner.snapshot();
    return { ...counted(taken), position: taken.position, [Symbol.dispose]: () => taken[Symbol.dispose]() };
  };
  const transact = <T>(work: (tx: Transaction) => T): Promise<Committed<T>> =>
    inner.transact((tx) =>
      work({
        ...counted(tx),
        put: (key, value, decoded) => tx.put(key, value, decoded),
        delete: (key) => tx.delete(key),
        written: (key) => tx.written(key),
      }),
    );
  const unread = (): readonly string[] => [];
  const { get, has } = counted({
    get: (key) => inner.get(key),
    has: (key) => inner.has(key),
    list: unread,
    children: unread,
  });
  const own: Partial<Record<PropertyKey, unknown>> = { snapshot, transact, get, has };
  const store = new Proxy(inner, {
    get: (target, name) => {
      if (name in own) return own[name];
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return {
    store,
    read: () => {
      const since = read;
      read = 0;
      return since;
    },
  };
}
