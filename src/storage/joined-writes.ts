/**
 * Writes of one kind that share a transaction: those that come while one waits for its turn go into it. Its costs are then
 * one for all of them: a record of the log, a batch to tell observers of, and what each of them would write anew.
 */
import type { Committed, Store, Transaction } from './store.ts';

/** In one transaction. */
const MOST = 100;

type Results<T> = readonly PromiseSettledResult<T>[];

interface Joined<Item, T> {
  readonly items: Item[];
  readonly committed: Promise<Committed<Results<T>>>;
}

export class JoinedWrites<Item, T> {
  readonly #store: Pick<Store, 'transact'>;
  readonly #write: (tx: Transaction, items: readonly Item[]) => Results<T>;
  /** The one that others can still join. */
  #open: Joined<Item, T> | undefined;

  /** `write`: one result for each item, in their order. Of an item that it refuses it has written nothing; a throw ends all. */
  constructor(store: Pick<Store, 'transact'>, write: (tx: Transaction, items: readonly Item[]) => Results<T>) {
    this.#store = store;
    this.#write = write;
  }

  /** The item's result, once all that was written with it is durable. Throws what it was refused with, and as `Store.transact`. */
  async add(item: Item): Promise<T> {
    const joined = this.#open ?? this.#begin();
    const at = joined.items.push(item) - 1;
    if (joined.items.length === MOST) this.#close(joined.items);
    const { value: results } = await joined.committed;
    const result = results[at];
    if (result?.status === 'fulfilled') return result.value;
    throw result?.reason;
  }

  #begin(): Joined<Item, T> {
    const items: Item[] = [];
    const committed = this.#store.transact((tx) => {
      this.#close(items);
      return this.#write(tx, items);
    });
    // What never ran cannot be joined either; who waits for it is told by the promise itself.
    committed.catch(() => {
      this.#close(items);
    });
    return (this.#open = { items, committed });
  }

  #close(items: readonly Item[]): void {
    if (this.#open?.items === items) this.#open = undefined;
  }
}
