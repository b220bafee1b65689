/** A walk over all keys below a prefix. */
import type { Snapshot } from './store.ts';

const PAGE = 500;

interface Walk {
  /** The key behind which it begins. */
  readonly after?: string | undefined;
  /** Keys that are read at once. */
  readonly page?: number;
}

/** In key order, read in pages as they are asked for. Who deletes on the way collects the keys first. */
export function* everyKey(source: Pick<Snapshot, 'list'>, prefix: string, walk: Walk = {}): Generator<string> {
  const { page: limit = PAGE } = walk;
  for (let { after } = walk; ;) {
    const page = source.list(prefix, { limit, ...(after === undefined ? {} : { after }) });
    yield* page;
    if (page.length < limit) return;
    after = page.at(-1);
  }
}
