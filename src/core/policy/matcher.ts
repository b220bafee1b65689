/**
 * Finds the rule that decides over a path. Where several match, Vault's order says which (concepts/policies, "priority
 * matching"): an exact path goes first; then the one whose first wildcard stands later; one without a closing `*`; the
 * one with fewer `+`; the longer; the lexicographically greater. That order does not depend on the path, so each rule
 * has its rank from the start, and a look-up costs the path's segments, not the number of rules.
 */

/** A rule's path and what it stands for. */
export interface Entry<T> {
  readonly path: string;
  readonly value: T;
}

export interface Ranked<T> extends Entry<T> {
  /** Greater goes first. Exact paths rank above all others. */
  readonly rank: number;
}

/** Maps are made when first needed: a hostile document of long paths makes many nodes. */
interface Node<T> {
  literal: Map<string, Node<T>> | undefined;
  wild: Node<T> | undefined;
  /** A path with `+` that ends here. */
  end: Ranked<T> | undefined;
  /** Paths that end in `*` within the segment after this node, by the text before the `*`. */
  globs: Map<string, Ranked<T>> | undefined;
  /** Lengths of the keys of `globs`. */
  globLengths: readonly number[];
  /** The greatest rank at or below this node: what cannot win is not looked at. */
  best: number;
}

export interface Matcher<T> {
  /** The rule with exactly this path, without wildcards. */
  exact(path: string): Ranked<T> | undefined;
  /** The rule with `+` or `*` that goes first for this path. */
  wildcard(path: string): Ranked<T> | undefined;
}

/** Each path at most once. A path is taken as `parseRulePath` leaves it. */
export function buildMatcher<T>(entries: readonly Entry<T>[]): Matcher<T> {
  const exact = new Map<string, Ranked<T>>();
  const wild: Entry<T>[] = [];
  for (const entry of entries) {
    if (isWild(entry.path)) wild.push(entry);
    else exact.set(entry.path, { ...entry, rank: Number.MAX_SAFE_INTEGER });
  }
  const root = newNode<T>();
  const order = wild.map((entry) => ({ entry, key: priorityOf(entry.path) })).sort((a, b) => compare(a.key, b.key));
  for (const [rank, { entry }] of order.entries()) insert(root, { ...entry, rank });
  return {
    exact: (path) => exact.get(path),
    wildcard: (path) => (wild.length === 0 ? undefined : search(root, path.split('/'), 0, undefined)),
  };
}

export function isWild(path: string): boolean {
  return path.endsWith('*') || path.split('/').includes('+');
}

interface Priority {
  readonly firstWildcard: number;
  readonly glob: boolean;
  readonly wildSegments: number;
  readonly text: string;
}

function priorityOf(path: string): Priority {
  const glob = path.endsWith('*');
  const text = glob ? path.slice(0, -1) : path;
  let firstWildcard = text.length;
  let wildSegments = 0;
  let offset = 0;
  for (const segment of text.split('/')) {
    if (segment === '+') {
      wildSegments += 1;
      firstWildcard = Math.min(firstWildcard, offset);
    }
    offset += segment.length + 1;
  }
  return { firstWildcard, glob, wildSegments, text };
}

/** Negative when `a` gives way to `b`. */
function compare(a: Priority, b: Priority): number {
  if (a.firstWildcard !== b.firstWildcard) return a.firstWildcard - b.firstWildcard;
  if (a.glob !== b.glob) return a.glob ? -1 : 1;
  if (a.wildSegments !== b.wildSegments) return b.wildSegments - a.wildSegments;
  if (a.text.length !== b.text.length) return a.text.length - b.text.length;
  return a.text < b.text ? -1 : 1;
}

function newNode<T>(): Node<T> {
  return { literal: undefined, wild: undefined, end: undefined, globs: undefined, globLengths: [], best: -1 };
}

function insert<T>(root: Node<T>, entry: Ranked<T>): void {
  const glob = entry.path.endsWith('*');
  const segments = (glob ? entry.path.slice(0, -1) : entry.path).split('/');
  const partial = glob ? segments.pop() : undefined;
  let node = root;
  node.best = Math.max(node.best, entry.rank);
  for (const segment of segments) {
    node = segment === '+' ? (node.wild ??= newNode()) : childOf(node, segment);
    node.best = Math.max(node.best, entry.rank);
  }
  if (partial === undefined) {
    node.end = entry;
    return;
  }
  (node.globs ??= new Map()).set(partial, entry);
  if (!node.globLengths.includes(partial.length)) node.globLengths = [...node.globLengths, partial.length];
}

function childOf<T>(node: Node<T>, segment: string): Node<T> {
  const literal = (node.literal ??= new Map<string, Node<T>>());
  const known = literal.get(segment);
  if (known !== undefined) return known;
  const made = newNode<T>();
  literal.set(segment, made);
  return made;
}

/** The best of `found` and of what matches the segments from `at` on below `node`. */
function search<T>(
  node: Node<T>,
  segments: readonly string[],
  at: number,
  found: Ranked<T> | undefined,
): Ranked<T> | undefined {
  if (node.best <= rankOf(found)) return found;
  const segment = segments[at];
  if (segment === undefined) return better(found, node.end);
  let best = found;
  const literal = node.literal?.get(segment);
  if (literal !== undefined) best = search(literal, segments, at + 1, best);
  for (const length of node.globLengths) {
    if (length <= segment.length) best = better(best, node.globs?.get(segment.slice(0, length)));
  }
  return node.wild === undefined ? best : search(node.wild, segments, at + 1, best);
}

function better<T>(one: Ranked<T> | undefined, other: Ranked<T> | undefined): Ranked<T> | undefined {
  return rankOf(other) > rankOf(one) ? other : one;
}

function rankOf<T>(entry: Ranked<T> | undefined): number {
  return entry?.rank ?? -1;
}
