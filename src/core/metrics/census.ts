/** How many tokens and leases there are, for metrics: no request counts, and no restart. */
import { isLockstepError } from '../../errors.ts';
import { nextTurn } from '../../lib/next-turn.ts';
import type { Batch, Store } from '../../storage/store.ts';
import { keys, namespaceOfKey } from '../keys.ts';
import { ROOT } from '../namespaces/namespace.ts';
import type { NamespaceTable } from '../namespaces/namespace-table.ts';

const PAGE = 1_000;

/** The keys that are counted: all below some prefixes. */
export interface Areas {
  /** The prefixes that there are at this moment. */
  readonly now: () => readonly string[];
  /** Whether a key is one of them, below a prefix that came later too. */
  readonly has: (key: string) => boolean;
}

/**
 * The number of keys below prefixes, each of which is put once and deleted once. They are counted when somebody first
 * asks, in pages, and from then on kept by the change batches; also while the count is under way, since a batch counts
 * for the keys that it has passed and the pages to come show the others.
 */
export class KeyCount implements Disposable {
  readonly #store: Store;
  readonly #areas: Areas;
  /** Those whose keys are still to be counted, from the last on. */
  #ahead: string[] = [];
  #observation: Disposable | undefined;
  #found = 0;
  /** The last key that was counted. */
  #passed = '';
  #whole = false;

  constructor(store: Store, areas: Areas) {
    this.#store = store;
    this.#areas = areas;
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
      this.#ahead = [...this.#areas.now()];
      this.#next();
      if (!this.#whole) void this.#countOn();
    }
    return this.#whole ? this.#found : undefined;
  }

  #follow({ writes }: Batch): void {
    for (const { key, value } of writes) {
      if (this.#areas.has(key) && this.#hasPassed(key)) this.#found += value === undefined ? -1 : 1;
    }
  }

  /** What came after the count began lies in no area that is ahead of it, and counts at once. */
  #hasPassed(key: string): boolean {
    const area = this.#whole ? undefined : this.#ahead.findLast((prefix) => key.startsWith(prefix));
    return area === undefined || (area === this.#ahead.at(-1) && key <= this.#passed);
  }

  #next(): void {
    using snapshot = this.#store.snapshot();
    // Namespaces with few keys share a page's worth of work.
    for (let room = PAGE; room > 0;) {
      const area = this.#ahead.at(-1);
      if (area === undefined) break;
      const page = snapshot.list(area, { limit: room, after: this.#passed });
      this.#found += page.length;
      this.#passed = page.at(-1) ?? this.#passed;
      if (page.length < room) {
        this.#ahead.pop();
        this.#passed = '';
      }
      room -= Math.max(1, page.length);
    }
    this.#whole = this.#ahead.length === 0;
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
  readonly #failed: KeyCount;

  /** `store`: of one unsealed period. */
  constructor(store: Store, namespaces: NamespaceTable) {
    // Each token has one accessor, which never changes.
    this.#tokens = new KeyCount(store, {
      now: () => [ROOT, ...namespaces.all()].map(({ id }) => keys.accessors(id)),
      has: (key) => namespaceOfKey(key, 'l', 'accessors') !== undefined,
    });
    const everywhere = (area: (ns: string) => string) => (): readonly string[] =>
      [ROOT, ...namespaces.all()].map(({ id }) => area(id));
    const expiries = keys.expiries(ROOT.id);
    const ofLeases = everywhere(keys.leasePaths);
    this.#leases = new KeyCount(store, {
      now: () => [expiries, ...ofLeases()],
      has: (key) => key.startsWith(expiries) || namespaceOfKey(key, 'l', 'lease-paths') !== undefined,
    });
    this.#failed = new KeyCount(store, {
      now: everywhere(keys.leaseFailures),
      has: (key) => namespaceOfKey(key, 'l', 'lease-failures') !== undefined,
    });
  }

  [Symbol.dispose](): void {
    this.#tokens[Symbol.dispose]();
    this.#leases[Symbol.dispose]();
    this.#failed[Symbol.dispose]();
  }

  get tokens(): number | undefined {
    return this.#tokens.value;
  }

  /** Of engines, and tokens that expire. */
  get leases(): number | undefined {
    return this.#leases.value;
  }

  /** Leases that could not be revoked. */
  get failedLeases(): number | undefined {
    return this.#failed.value;
  }
}
