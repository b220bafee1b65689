/** A walk over all keys below a prefix. */
import type { Snapshot } from './store.ts';

const PAGE = 500;

/**
 * In key order, read in pages as they are asked for; `from` is the key behind which it begins. Who deletes on the way
 * collects the keys first.
 */
export function* everyKey(source: Pick<Snapshot, 'list'>, prefix: string, from?: string): Generator<string> {
  for (let after = from; ;) {
    const page = source.list(prefix, { limit: PAGE, ...(after === undefined ? {} : { after }) });
    yield* page;
    if (page.length < PAGE) return;
    after = page.at(-1);
  }
}
