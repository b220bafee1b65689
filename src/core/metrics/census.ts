/** How many tokens there are, for metrics: no request counts, and no restart. */
import { isLockstepError } from '../../errors.ts';
import { nextTurn } from '../../lib/next-turn.ts';
import type { Batch, Store } from '../../storage/store.ts';
import { keys, ROOT_NAMESPACE } from '../keys.ts';

const PAGE = 1_000;

/**
 * The number of keys below a prefix, each of which is put once and deleted once. They are counted when somebody first
 * asks, in pages, and from then on kept by the change batches; also while the count is under way, since a batch counts
 * for the keys that it has passed and the pages to come show the others.
 */
export class KeyCount implements Disposable {
  readonly #store: Store;
  readonly #prefix: string;
  #observation: Disposable | undefined;
  #found = 0;
  /** The last key that was counted. */
  #passed = '';
  #whole = false;

  constructor(store: Store, prefix: string) {
    this.#store = store;
    this.#prefix = prefix;
  }

  [Symbol.dispose](): void {
    this.#observation?.[Symbol.dispose]();
  }

  /** undefined while the first count is under way; what fits into a page is known at once. */
  get value(): number | undefined {
    if (this.#observation === undefined) {
      this.#observation = this.#store.observe((batch) => {
        this.#follow(batch);
      });
      this.#next();
      if (!this.#whole) void this.#countOn();
    }
    return this.#whole ? this.#found : undefined;
  }

  #follow({ writes }: Batch): void {
    for (const { key, value } of writes) {
      if (!key.startsWith(this.#prefix)) continue;
      if (this.#whole || key <= this.#passed) this.#found += value === undefined ? -1 : 1;
    }
  }

  #next(): void {
    using snapshot = this.#store.snapshot();
    const page = snapshot.list(this.#prefix, { limit: PAGE, after: this.#passed });
    this.#found += page.length;
    this.#passed = page.at(-1) ?? this.#passed;
    this.#whole = page.length < PAGE;
  }

  async #countOn(): Promise<void> {
    try {
      while (!this.#whole) {
        await nextTurn();
        this.#next();
      }
    } catch (error) {
      // Sealed in the middle of it.
      if (!isLockstepError(error)) throw error;
    }
  }
}

export class Census implements Disposable {
  readonly #tokens: KeyCount;
  readonly #leases: KeyCount;

  /** `store`: of one unsealed period. */
  constructor(store: Store) {
    // Each token has one accessor, which never changes.
    this.#tokens = new KeyCount(store, keys.accessors(ROOT_NAMESPACE));
    this.#leases = new KeyCount(store, keys.expiries(ROOT_NAMESPACE));
  }

  [Symbol.dispose](): void {
    this.#tokens[Symbol.dispose]();
    this.#leases[Symbol.dispose]();
  }

  get tokens(): number | undefined {
    return this.#tokens.value;
  }

  /** Tokens that expire. */
  get leases(): number | undefined {
    return this.#leases.value;
  }
}
