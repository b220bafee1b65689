/** A mount's window on the store: its own keys only, the prefix added and taken away here. */
import { fail } from '../../errors.ts';
import type { Compartment, MountTransaction } from '../../framework/plugin.ts';
import type { KeptRecords } from './kept-records.ts';
import type { Decoded, Page, Snapshot, Store, Transaction, Write } from '../../storage/store.ts';

type Reads = Pick<Snapshot, 'list' | 'children'>;

function below(prefix: string, page: Page): Page {
  return page.after === undefined ? page : { limit: page.limit, after: prefix + page.after };
}

function listed(source: Pick<Reads, 'list'>, prefix: string, key: string, page: Page): readonly string[] {
  return source.list(prefix + key, below(prefix, page)).map((found) => found.slice(prefix.length));
}

/** For errors: what an operator mends is found by its whole key. */
const named = (prefix: string) => ({ fullKey: (key: string): string => prefix + key });

/** On the keys below the prefix alone. */
export class ScopedTransaction implements Transaction {
  protected readonly tx: Transaction;
  readonly #prefix: string;

  constructor(tx: Transaction, prefix: string) {
    this.tx = tx;
    this.#prefix = prefix;
  }

  /** For errors: what an operator mends is found by its whole key. */
  fullKey(key: string): string {
    return this.#prefix + key;
  }

  get(key: string): Uint8Array | undefined {
    return this.tx.get(this.#prefix + key);
  }

  has(key: string): boolean {
    return this.tx.has(this.#prefix + key);
  }

  list(key: string, page: Page): readonly string[] {
    return listed(this.tx, this.#prefix, key, page);
  }

  children(key: string, page: Page): readonly string[] {
    return this.tx.children(this.#prefix + key, page);
  }

  put(key: string, value: Uint8Array, decoded?: Decoded): void {
    this.tx.put(this.#prefix + key, value, decoded);
  }

  written(key: string): Pick<Write, 'decoded'> | undefined {
    return this.tx.written(this.#prefix + key);
  }

  delete(key: string): void {
    this.tx.delete(this.#prefix + key);
  }
}

/** With the records that are kept, where the transaction sees what they were made of. */
class KeepingTransaction extends ScopedTransaction implements MountTransaction {
  readonly #kept: KeptRecords;

  constructor(tx: Transaction, prefix: string, kept: KeptRecords) {
    super(tx, prefix);
    this.#kept = kept;
  }

  kept<T extends object>(key: string, decode: (bytes: Uint8Array, key: string) => T): T | undefined {
    return this.#kept.within(this.tx, this.fullKey(key), decode);
  }
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
    list: (key, page) => at((source) => listed(source, prefix, key, page)),
    children: (key, page) => at((source) => source.children(prefix + key, page)),
    transact: async (work) => {
      if (!writable) throw fail('hubUnreachable', 'this data is written at the hub alone');
      const { value } = await store.transact((tx) => {
        if (mount !== undefined && !tx.has(mount)) throw fail('noHandler', 'the mount was disabled meanwhile');
        if (moving !== undefined && tx.has(moving)) throw fail('mountMoving');
        return work(new KeepingTransaction(tx, prefix, kept));
      });
      return value;
    },
  };
}
