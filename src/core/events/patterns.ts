/** Which paths a subscriber wants, and which subscribers want a path. */

/** A path, or all paths with a prefix: `secret/data/apps/eu/db`, `secret/data/apps/eu/*`. */
export interface Pattern {
  /** Without the closing `*`. */
  readonly path: string;
  readonly prefix: boolean;
}

export function patternOf(text: string): Pattern {
  return text.endsWith('*') ? { path: text.slice(0, -1), prefix: true } : { path: text, prefix: false };
}

export const textOf = ({ path, prefix }: Pattern): string => (prefix ? `${path}*` : path);

export const covers = (pattern: Pattern, path: string): boolean =>
  pattern.prefix ? path.startsWith(pattern.path) : path === pattern.path;

/** Whether some path that the pattern covers begins with `prefix`. */
export const meets = (pattern: Pattern, prefix: string): boolean =>
  pattern.path.startsWith(prefix) || (pattern.prefix && prefix.startsWith(pattern.path));

/** `*` stands for any text, also an empty one and across slashes. Time is bounded by the product of the lengths. */
export function typeMatches(glob: string, type: string): boolean {
  const [first = '', ...rest] = glob.split('*');
  if (rest.length === 0) return glob === type;
  const last = rest.pop() ?? '';
  if (!type.startsWith(first)) return false;
  let at = first.length;
  for (const part of rest) {
    const found = type.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return type.length - last.length >= at && type.endsWith(last);
}

/** Finds who wants a path: one look-up for each length of prefix in use, whatever the number of subscribers. */
export class PathIndex<T> {
  readonly #exact = new Map<string, Set<T>>();
  readonly #prefixes = new Map<string, Set<T>>();
  /** How many prefixes there are of each length. */
  readonly #lengths = new Map<number, number>();

  add(patterns: readonly Pattern[], who: T): void {
    for (const { path, prefix } of patterns) {
      const sets = prefix ? this.#prefixes : this.#exact;
      const known = sets.get(path);
      if (known !== undefined) {
        known.add(who);
        continue;
      }
      sets.set(path, new Set([who]));
      if (prefix) this.#lengths.set(path.length, (this.#lengths.get(path.length) ?? 0) + 1);
    }
  }

  delete(patterns: readonly Pattern[], who: T): void {
    for (const { path, prefix } of patterns) {
      const sets = prefix ? this.#prefixes : this.#exact;
      const known = sets.get(path);
      if (known?.delete(who) !== true || known.size > 0) continue;
      sets.delete(path);
      if (!prefix) continue;
      const left = (this.#lengths.get(path.length) ?? 1) - 1;
      if (left === 0) this.#lengths.delete(path.length);
      else this.#lengths.set(path.length, left);
    }
  }

  /** Each once. */
  match(path: string): ReadonlySet<T> {
    const found = new Set(this.#exact.get(path));
    for (const length of this.#lengths.keys()) {
      if (length > path.length) continue;
      for (const who of this.#prefixes.get(path.slice(0, length)) ?? []) found.add(who);
    }
    return found;
  }
}
