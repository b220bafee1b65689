/** Longer names are not compared: the work grows with the square of the length. */
const longestName = 64;

/**
 * The candidate that `name` was probably meant to be: the nearest one, or else one that begins with it; undefined when
 * there is none. Case and `-` for `_` do not count.
 */
export function suggest(name: string, candidates: Iterable<string>): string | undefined {
  if (name.length === 0 || name.length > longestName) return undefined;
  const wanted = fold(name);
  const names = [...candidates];
  // One slip in a short name, up to a third of a long one.
  let nearest = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  let found: string | undefined;
  for (const candidate of names) {
    if (candidate === name || Math.abs(candidate.length - name.length) >= nearest) continue;
    const distance = editDistance(wanted, fold(candidate));
    if (distance < nearest) {
      nearest = distance;
      found = candidate;
    }
  }
  return found ?? (wanted.length < 4 ? undefined : names.find((candidate) => fold(candidate).startsWith(wanted)));
}

/** `: did you mean \`tls_cert_file\`?`, or an empty string; to end a message about an unknown name with. */
export function didYouMean(name: string, candidates: Iterable<string>): string {
  const found = suggest(name, candidates);
  return found === undefined ? '' : `: did you mean \`${found}\`?`;
}

function fold(name: string): string {
  return name.toLowerCase().replaceAll('-', '_');
}

/** Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment; Damerau, Levenshtein). */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const same = a[row - 1] === b[column - 1];
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      current.push(
        Math.min(
          at(last, column) + 1,
          at(current, column - 1) + 1,
          at(last, column - 1) + (same ? 0 : 1),
          swapped ? at(beforeLast, column - 2) + 1 : Number.POSITIVE_INFINITY,
        ),
      );
    }
    beforeLast = last;
    last = current;
  }
  return at(last, b.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Number.POSITIVE_INFINITY;
}
