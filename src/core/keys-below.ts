/** Records that are listed by their keys, which are their names. */
import type { Listing } from '../framework/listing.ts';
import type { Page, Store } from '../storage/store.ts';

/** The names of the keys below a prefix, read by pages. */
export function keysBelow(store: Store, prefix: string): Listing {
  return {
    read: ({ limit, after }: Page) => {
      using snapshot = store.snapshot();
      const page = after === undefined ? { limit } : { limit, after: prefix + after };
      return snapshot.list(prefix, page).map((key) => key.slice(prefix.length));
    },
  };
}
