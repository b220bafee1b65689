/** A region's link to its hub as a thread sees it that only reads: where the copy stands, and how old it is. */
import type { ReadingLink } from '../core/cluster.ts';
import type { SharedAge } from '../lib/threads/shared-age.ts';
import type { Store } from '../storage/store.ts';
import { observeCopy, readCopy } from './copy-store.ts';
import { followedBy, standingAt } from './standing.ts';

/** `age` is set by the thread that hears the hub. */
export function openReadingLink(region: string, store: Store, age: SharedAge): ReadingLink & Disposable {
  let cursor = readCopy(store).cursor;
  const observation = observeCopy(store, (copy) => {
    cursor = copy.cursor;
  });
  return {
    followed: () => followedBy(cursor),
    age: () => age.milliseconds ?? 0,
    standing: () => standingAt(region, age.milliseconds ?? 0),
    [Symbol.dispose]: () => {
      observation[Symbol.dispose]();
    },
  };
}
