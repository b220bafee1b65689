/** What a region's replies say of its copy. */
import type { Index } from '../core/freshness.ts';
import type { Cursor } from './protocol.ts';

/** The hub's log and where the copy stands in it. */
export function followedBy(cursor: Cursor | undefined): Index {
  return cursor === undefined ? {} : { [cursor.log]: cursor.position };
}

/** `age`: milliseconds since the last word of the hub. */
export function standingAt(region: string, age: number): Readonly<Record<string, string>> {
  return { 'X-Lockstep-Region': region, 'X-Lockstep-Age': String(Math.floor(age / 1000)) };
}
