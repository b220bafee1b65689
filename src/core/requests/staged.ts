/**
 * A handler's transactions held back and committed as one, together with what the caller adds: so the record that makes a
 * forwarded request idempotent commits with the request's own writes (design rule 11). The handler sees its writes; the
 * commit checks that what it read still holds, and otherwise the handler runs again.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { fail } from '../../errors.ts';
import type { Committed, Page, Snapshot, Store, Transaction } from '../../storage/store.ts';

const current = new AsyncLocalStorage<Stage>();
const ATTEMPTS = 16;

type Reads = Pick<Snapshot, 'get' | 'has' | 'list' | 'children'>;
type Check = (tx: Reads) => boolean;

const sameBytes = (a: Uint8Array | undefined, b: Uint8Array | undefined): boolean =>
  a === b || (a !== undefined && b !== undefined && Buffer.compare(a, b) === 0);

const sameNames = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((name, i) => name === b[i]);

class Stage {
  readonly #store: Store;
  readonly #checks: Check[] = [];
  readonly #writes = new Map<string, Uint8Array | undefined>();

  constructor(store: Store) {
    this.#store = store;
  }

  run<T>(work: (tx: Transaction) => T): Committed<T> {
    using snapshot = this.#store.snapshot();
    const written = new Map<string, Uint8Array | undefined>();
    const value = work(this.#transaction(snapshot, written));
    for (const [key, bytes] of written) this.#writes.set(key, bytes);
    return { value, position: snapshot.position };
  }

  #transaction(snapshot: Snapshot, written: Map<string, Uint8Array | undefined>): Transaction {
    const listing = (names: readonly string[], read: (from: Reads) => readonly string[]): readonly string[] => {
      if (this.#writes.size + written.size > 0) throw fail('internal', 'a staged request lists after it wrote');
      this.#checks.push((tx) => sameNames(names, read(tx)));
      return names;
    };
    return {
      has: (key) => {
        const own = written.has(key) ? written : this.#writes;
        if (own.has(key)) return own.get(key) !== undefined;
        const found = snapshot.has(key);
        this.#checks.push((tx) => tx.has(key) === found);
        return found;
      },
      get: (key) => {
        if (written.has(key)) return written.get(key);
        if (this.#writes.has(key)) return this.#writes.get(key);
        const bytes = snapshot.get(key);
        this.#checks.push((tx) => sameBytes(tx.get(key), bytes));
        return bytes;
      },
      list: (prefix: string, page: Page) => listing(snapshot.list(prefix, page), (from) => from.list(prefix, page)),
      children: (prefix: string, page: Page) =>
        listing(snapshot.children(prefix, page), (from) => from.children(prefix, page)),
      put: (key, value) => {
        written.set(key, value);
      },
      // Of nothing is it known to be what the store gives, and each read is to be checked: so all counts as written.
      written: () => ({}),
      delete: (key) => {
        written.set(key, undefined);
      },
    };
  }

  /** False when something that was read has changed: nothing is written then. */
  async commit(also: (tx: Transaction) => void): Promise<boolean> {
    const { value } = await this.#store.transact((tx) => {
      if (!this.#checks.every((holds) => holds(tx))) return false;
      for (const [key, bytes] of this.#writes) {
        if (bytes === undefined) tx.delete(key);
        else tx.put(key, bytes);
      }
      also(tx);
      return true;
    });
    return value;
  }
}

/** The same store, whose transactions take part in a stage when they run in one. */
export function stageable(store: Store): Store {
  return {
    log: store.log,
    get epoch() {
      return store.epoch;
    },
    get position() {
      return store.position;
    },
    get hash() {
      return store.hash;
    },
    get oldest() {
      return store.oldest;
    },
    get: (key) => store.get(key),
    has: (key) => store.has(key),
    snapshot: () => store.snapshot(),
    transact: (work) => {
      const stage = current.getStore();
      return stage === undefined
        ? store.transact(work)
        : new Promise((resolve) => {
            resolve(stage.run(work));
          });
    },
    observe: (apply) => store.observe(apply),
    changes: (from, signal) => store.changes(from, signal),
    hashAt: (position) => store.hashAt(position),
    compact: (upTo) => store.compact(upTo),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

/**
 * Runs `work` with its transactions staged, then commits them with what `also` writes, at once. Runs again when another
 * writer came between; throws `conflict` when that does not end. `work` must not read the store but in transactions.
 */
export async function staged<T>(
  store: Store,
  work: () => Promise<T>,
  also: (tx: Transaction, result: T) => void,
): Promise<T> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const stage = new Stage(store);
    const result = await current.run(stage, work);
    const committed = await stage.commit((tx) => {
      also(tx, result);
    });
    if (committed) return result;
  }
  throw fail('conflict', 'the data changed again and again while the request ran: try again');
}
