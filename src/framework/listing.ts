/** LIST and SCAN with pages, as OpenBao has them: `after` is the last name of the page before, `limit` its size. */
import { fail } from '../errors.ts';
import { nextTurn } from '../lib/next-turn.ts';
import type { Page } from '../storage/store.ts';
import { field } from './field.ts';
import type { Compartment } from './plugin.ts';
import { reply, type Reply } from './reply.ts';

/** What one reply holds at most. */
export const MOST_NAMES = 100_000;
/** Names that are read in one turn of the event loop: a few milliseconds. */
const AT_ONCE = 5_000;
const MOST_AFTER = 4_096;

export const pageFields = {
  after: field.string('List only what comes after this name.', { default: '' }),
  limit: field.integer('How many names at most; 0 or less is without limit.', { default: 0 }),
} as const;

export interface Asked {
  readonly after: string;
  readonly limit: number;
}

export interface Listing {
  /** A page in the order of the store, shorter than asked for only at its end. `after` of a page: the last name before. */
  readonly read: (page: Page) => readonly string[];
  /** Where a name costs more to list than to read its key. */
  readonly most?: number;
  readonly atOnce?: number;
}

type Names = readonly string[];

/**
 * The names that were asked for. Where they are more than one reply holds, throws `badRequest` with the remedy: a list
 * that ends early reads as the whole, and who compares it with something deletes the rest.
 */
export function namesOf(listing: Listing, asked: Asked): Names | Promise<Names> {
  const { read, most = MOST_NAMES, atOnce = AT_ONCE } = listing;
  const { after, limit } = asked;
  if (after.length > MOST_AFTER) throw fail('badRequest', '"after" is too long');
  // One more than a reply holds tells whether there are more.
  const wanted = limit > 0 && limit <= most ? limit : most + 1;
  const size = Math.min(wanted, atOnce);
  const first = read(after === '' ? { limit: size } : { limit: size, after });
  if (first.length < size || size === wanted) return whole(first, most);
  return rest({ read, most, atOnce }, wanted, [...first]);
}

async function rest({ read, most, atOnce }: Required<Listing>, wanted: number, found: string[]): Promise<Names> {
  for (;;) {
    await nextTurn();
    const limit = Math.min(wanted - found.length, atOnce);
    const last = found.at(-1);
    const page = read(last === undefined ? { limit } : { limit, after: last });
    for (const name of page) found.push(name);
    if (page.length < limit || found.length === wanted) return whole(found, most);
  }
}

function whole(found: Names, most: number): Names {
  if (found.length <= most) return found;
  throw fail(
    'badRequest',
    `there are more than the ${String(most)} names that one reply holds: ask for them in parts, ` +
      `with limit=${String(Math.min(most, 10_000))} and after=<the last name of the part before>`,
  );
}

/** The reply to a LIST; 404 when there is nothing. */
export function listed(listing: Listing, asked: Asked): Reply | Promise<Reply> {
  const found = namesOf(listing, asked);
  return found instanceof Promise ? found.then((all) => reply.keys(all)) : reply.keys(found);
}

const folder = (prefix: string): string => (prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`);

/** One level. `prefix` is the folder. */
export function children(data: Pick<Compartment, 'children'>, prefix: string): Listing {
  const from = folder(prefix);
  return { read: (page) => data.children(from, page) };
}

/** All levels, relative to the folder. */
export function descendants(data: Pick<Compartment, 'list'>, prefix: string): Listing {
  const from = folder(prefix);
  return {
    read: ({ limit, after }) =>
      data
        .list(from, after === undefined ? { limit } : { limit, after: from + after })
        .map((key) => key.slice(from.length)),
  };
}
