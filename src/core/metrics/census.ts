/** How many tokens there are: counted in the background, in pages, at most once a minute. */
import type { Store } from '../../storage/store.ts';
import { keys, ROOT_NAMESPACE } from '../keys.ts';

const EVERY_MS = 60_000;
const PAGE = 1_000;

export class Census {
  tokens = 0;
  /** Expiries that lie ahead. A token that was renewed counts once more until its earlier expiry has passed. */
  leases = 0;
  #next = 0;
  #busy = false;

  /** `at`: a reading of `performance.now()`. */
  async take(store: Store, at: number): Promise<void> {
    if (this.#busy || at < this.#next) return;
    this.#busy = true;
    this.#next = at + EVERY_MS;
    try {
      this.tokens = await count(store, keys.tokens(ROOT_NAMESPACE));
      this.leases = await count(store, keys.expiries(ROOT_NAMESPACE));
    } finally {
      this.#busy = false;
    }
  }
}

async function count(store: Store, prefix: string): Promise<number> {
  let counted = 0;
  for (let after: string | undefined; ;) {
    const page = pageOf(store, prefix, after);
    counted += page.length;
    after = page.at(-1);
    if (after === undefined || page.length < PAGE) return counted;
    // Requests go first.
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

function pageOf(store: Store, prefix: string, after: string | undefined): readonly string[] {
  using snapshot = store.snapshot();
  return snapshot.list(prefix, { limit: PAGE, ...(after === undefined ? {} : { after }) });
}
