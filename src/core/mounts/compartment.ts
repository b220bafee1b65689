/** A mount's window on the store: its own keys only, the prefix added and taken away here. */
import { fail } from '../../errors.ts';
import type { Compartment, MountTransaction } from '../../framework/plugin.ts';
import type { KeptRecords } from './kept-records.ts';
import type { Page, Snapshot, Store, Transaction } from '../../storage/store.ts';

type Reads = Pick<Snapshot, 'get' | 'has' | 'list' | 'children'>;

function below(prefix: string, page: Page): Page {
  return page.after === undefined ? page : { limit: page.limit, after: prefix + page.after };
}

function reads(source: Reads, prefix: string): Reads {
  return {
    get: (key) => source.get(prefix + key),
    has: (key) => source.has(prefix + key),
    list: (key, page) => source.list(prefix + key, below(prefix, page)).map((found) => found.slice(prefix.length)),
    children: (key, page) => source.children(prefix + key, page),
  };
}

/** For errors: what an operator mends is found by its whole key. */
const named = (prefix: string) => ({ fullKey: (key: string): string => prefix + key });

/** On the keys below the prefix alone. */
export function scoped(tx: Transaction, prefix: string): Transaction {
  return {
    ...named(prefix),
    ...reads(tx, prefix),
    put: (key, value, decoded) => {
      tx.put(prefix + key, value, decoded);
    },
    written: (key) => tx.written(prefix + key),
    delete: (key) => {
      tx.delete(prefix + key);
    },
  };
}

/** With the records that are kept, where the transaction sees what they were made of. */
function keeping(tx: Transaction, prefix: string, kept: KeptRecords): MountTransaction {
  const own: Compartment['kept'] = (key, decode) => {
    const written = tx.written(prefix + key);
    if (written === undefined) return kept.get(prefix + key, decode, tx);
    // As with what is kept: each key has one reader, which decodes it in one way.
    if (written.decoded !== undefined) return written.decoded.record as ReturnType<typeof decode>;
    const bytes = tx.get(prefix + key);
    return bytes === undefined ? undefined : decode(bytes, prefix + key);
  };
  return { ...scoped(tx, prefix), kept: own };
}

export interface CompartmentOptions {
  readonly store: Store;
  readonly kept: KeptRecords;
  readonly prefix: string;
  /** A region takes no shared writes: only the hub's log does. */
  readonly writable: boolean;
  /** The record of the mount: without it nothing is written, or the data would outlive its mount. Absent: always there. */
  readonly mount?: string;
  /** What is there while the mount moves to another namespace: what is written then would stay behind. */
  readonly moving?: string;
}

export function compartment({ store, kept, prefix, writable, mount, moving }: CompartmentOptions): Compartment {
  const at = <T>(read: (source: Reads) => T): T => {
    using snapshot = store.snapshot();
    return read(snapshot);
  };
  return {
    ...named(prefix),
    writable,
    get: (key) => store.get(prefix + key),
    has: (key) => kept.has(prefix + key) || store.has(prefix + key),
    kept: (key, decode) => kept.get(prefix + key, decode),
    list: (key, page) => at((source) => reads(source, prefix).list(key, page)),
    children: (key, page) => at((source) => source.children(prefix + key, page)),
    transact: async (work) => {
      if (!writable) throw fail('hubUnreachable', 'this data is written at the hub alone');
      const { value } = await store.transact((tx) => {
        if (mount !== undefined && !tx.has(mount)) throw fail('noHandler', 'the mount was disabled meanwhile');
        if (moving !== undefined && tx.has(moving)) throw fail('mountMoving');
        return work(keeping(tx, prefix, kept));
      });
      return value;
    },
  };
}
