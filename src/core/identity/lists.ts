/** Lists of ids and names, each with what clients want to know of it. */
import type { JsonObject } from '../../framework/field.ts';
import { namesOf, type Asked, type Listing } from '../../framework/listing.ts';
import { reply, type Reply } from '../../framework/reply.ts';
import { nextTurn } from '../../lib/next-turn.ts';

/** Each is a record to read. */
const AT_ONCE = 200;

/** What is said of each; what is gone meanwhile is left out. */
export async function detailed(
  listing: Listing,
  asked: Asked,
  info: (key: string) => JsonObject | undefined,
): Promise<Reply> {
  const found = await namesOf(listing, asked);
  const known: (readonly [string, JsonObject])[] = [];
  for (const [at, key] of found.entries()) {
    if (at > 0 && at % AT_ONCE === 0) await nextTurn();
    const about = info(key);
    if (about !== undefined) known.push([key, about]);
  }
  return reply.keys(
    known.map(([key]) => key),
    { key_info: Object.fromEntries(known) },
  );
}

/** Names as they were written; `after` is one too. */
export async function named(listing: Listing, asked: Asked, name: (key: string) => string | undefined): Promise<Reply> {
  const found = await namesOf(listing, asked);
  const names: string[] = [];
  for (const [at, key] of found.entries()) {
    if (at > 0 && at % AT_ONCE === 0) await nextTurn();
    const own = name(key);
    if (own !== undefined) names.push(own);
  }
  return reply.keys(names);
}
