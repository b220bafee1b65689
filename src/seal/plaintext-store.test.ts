import { storeConformance } from '../storage/store.conformance.ts';
import { openMemoryStore } from '../storage/memory/open.ts';
import type { Page, Snapshot, Store, Transaction } from '../storage/store.ts';
import { Barrier, createBarrier } from './barrier.ts';
import { newKey } from './keyring.ts';

/**
 * A store that keeps the seal's records beside its log. The suite counts from an empty log, where a barrier's log begins
 * with its keyring; all else is the real thing.
 */
function aside(store: Store): Store {
  const kept = new Map<string, Uint8Array>();
  const reads = <R extends Pick<Snapshot, 'get' | 'has' | 'list' | 'children'>>(source: R) => ({
    get: (key: string) => kept.get(key) ?? source.get(key),
    has: (key: string) => kept.has(key) || source.has(key),
    list: (prefix: string, page: Page) => source.list(prefix, page),
    children: (prefix: string, page: Page) => source.children(prefix, page),
  });
  const transaction = (tx: Transaction): Transaction => ({
    ...reads(tx),
    put: (key, value, decoded) => {
      if (key.startsWith('seal/')) kept.set(key, value);
      else tx.put(key, value, decoded);
    },
    delete: (key) => {
      tx.delete(key);
    },
    written: (key) => tx.written(key),
  });
  return new Proxy(store, {
    get: (target, name) => {
      if (name === 'transact')
        return <T>(work: (tx: Transaction) => T) => target.transact((tx) => work(transaction(tx)));
      if (name === 'get') return (key: string) => kept.get(key) ?? target.get(key);
      if (name === 'has') return (key: string) => kept.has(key) || target.has(key);
      if (name === 'snapshot') {
        return (): Snapshot => {
          const snapshot = target.snapshot();
          return {
            ...reads(snapshot),
            position: snapshot.position,
            [Symbol.dispose]: () => {
              snapshot[Symbol.dispose]();
            },
          };
        };
      }
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

storeConformance('the unsealed barrier', async (options) => {
  const raw = openMemoryStore(options);
  const beside = aside(raw);
  const root = newKey();
  await beside.transact((tx) => {
    createBarrier(tx, root, 0, () => undefined);
  });
  const plaintext = new Barrier(beside).unseal(root);
  // Disposing the plaintext store drops its keys and leaves the store below open; the suite closes for good.
  const store = new Proxy(plaintext, {
    get: (target, name) => {
      if (name === Symbol.asyncDispose) return () => raw[Symbol.asyncDispose]();
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return { store };
});
