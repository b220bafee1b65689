/**
 * What a region may hold, as a list of API path prefixes. A filter starts empty, and an empty one allows nothing.
 *
 * An entry is one of three, compared literally on canonical paths (no decoding, no folding of case):
 * - `secret/apps/eu/` (also written `secret/apps/eu/*`) covers everything below that path, not `secret/apps/eu` itself;
 * - `sys/policies/acl/eu-*` covers every path that begins with `sys/policies/acl/eu-`; `*` alone covers everything;
 * - `secret/apps/eu` covers exactly that path and everything below it, and never `secret/apps/europe`.
 *
 * The paths that an entry covers are nested in those of another, or apart from them: two entries never cross. So the
 * intersection of two filters is again a filter, and one filter contains another when each of its entries is covered.
 */

import { fail } from '../errors.ts';

/** Valid entries, none covered by another, in order of their UTF-16 units: equal sets are equal lists. */
export type Filter = readonly string[];

/** Where a record lies in the API. A mount is in view when anything below it could be; a record when its path is. */
export interface LogicalPath {
  readonly kind: 'record' | 'mount';
  readonly path: string;
}

export const MAX_FILTER_ENTRIES = 256;
export const MAX_ENTRY_LENGTH = 512;

const EMPTY_SEGMENT = /(^|\/)(\.{0,2})(\/|$)/u;
const CONTROL = /[\u0000-\u001f\u007f]/u;

function problemWith(entry: unknown): string | undefined {
  if (typeof entry !== 'string' || entry === '') return 'an entry must be a path';
  if (entry.length > MAX_ENTRY_LENGTH) return `an entry is longer than ${MAX_ENTRY_LENGTH} characters`;
  const wild = entry.indexOf('*');
  if (wild !== -1 && wild !== entry.length - 1) return `"${entry}": "*" may only end an entry`;
  const path = wild === -1 ? (entry.endsWith('/') ? entry.slice(0, -1) : entry) : `${entry.slice(0, -1)}x`;
  if (CONTROL.test(path) || EMPTY_SEGMENT.test(path)) return `"${entry.replace(CONTROL, '?')}" is not a canonical path`;
  return undefined;
}

/** A filter from an operator's entries, made minimal. Throws `badRequest` naming the entry that is wrong. */
export function parseFilter(entries: readonly unknown[]): Filter {
  if (entries.length > MAX_FILTER_ENTRIES)
    throw fail('badRequest', `a filter has at most ${MAX_FILTER_ENTRIES} entries`);
  const valid: string[] = [];
  for (const entry of entries) {
    const problem = problemWith(entry);
    if (problem !== undefined || typeof entry !== 'string') throw fail('badRequest', `filter: ${problem}`);
    valid.push(entry.endsWith('/*') ? entry.slice(0, -1) : entry);
  }
  return minimal(valid);
}

function minimal(entries: readonly string[]): Filter {
  const distinct = [...new Set(entries)].sort();
  return distinct.filter((entry) => !distinct.some((other) => other !== entry && entryContains(other, entry)));
}

function entryCovers(entry: string, path: string): boolean {
  if (entry.endsWith('*')) return path.startsWith(entry.slice(0, -1));
  if (entry.endsWith('/')) return path.startsWith(entry);
  return path === entry || path.startsWith(`${entry}/`);
}

/** Whether every path that `inner` covers is covered by `outer`. */
function entryContains(outer: string, inner: string): boolean {
  if (!inner.endsWith('*')) return entryCovers(outer, inner);
  // A set of all paths with a beginning is within another such set, never within the path `a` and what is below it
  // unless its beginning already lies below.
  const start = inner.slice(0, -1);
  return outer.endsWith('*') || outer.endsWith('/') ? entryCovers(outer, start) : start.startsWith(`${outer}/`);
}

/** Whether a record at this path is allowed. */
export function covers(filter: Filter, path: string): boolean {
  return filter.some((entry) => entryCovers(entry, path));
}

/** Whether anything at or below a mount's path (`secret/`, or the empty one of all) could be allowed. */
export function overlaps(filter: Filter, mount: string): boolean {
  if (mount === '') return filter.length > 0;
  const below = mount.endsWith('/') ? mount : `${mount}/`;
  return filter.some((entry) => entryContains(entry, below) || entryContains(below, entry));
}

export function inView(filter: Filter, at: LogicalPath): boolean {
  return at.kind === 'mount' ? overlaps(filter, at.path) : covers(filter, at.path);
}

/** Whether `outer` allows everything that `inner` allows. */
export function contains(outer: Filter, inner: Filter): boolean {
  return inner.every((entry) => outer.some((other) => entryContains(other, entry)));
}

/** What both allow: the stricter of two rules. */
export function intersect(one: Filter, other: Filter): Filter {
  const both: string[] = [];
  for (const a of one) {
    for (const b of other) {
      if (entryContains(a, b)) both.push(b);
      else if (entryContains(b, a)) both.push(a);
    }
  }
  return minimal(both);
}
