/** Whether two samples can be told apart: the rank-sum test (Mann and Whitney), by its effect. */

export interface Ranks {
  /** How likely a value of `b` is above one of `a`; ties count half. 0.5: as likely as not. */
  readonly above: number;
  /** What chance alone moves `above` by, as a standard deviation, if both are of one distribution. */
  readonly deviation: number;
}

export function ranks(a: readonly number[], b: readonly number[]): Ranks {
  const all = [...a.map((value) => ({ value, ofB: false })), ...b.map((value) => ({ value, ofB: true }))];
  all.sort((left, right) => left.value - right.value);
  let sum = 0;
  for (let first = 0; first < all.length;) {
    let end = first;
    while (end < all.length && all[end]?.value === all[first]?.value) end += 1;
    // Those that are alike share the middle of their ranks, which begin at 1.
    const rank = (first + 1 + end) / 2;
    sum += rank * all.slice(first, end).filter(({ ofB }) => ofB).length;
    first = end;
  }
  const pairs = a.length * b.length;
  return {
    above: (sum - (b.length * (b.length + 1)) / 2) / pairs,
    deviation: Math.sqrt((a.length + b.length + 1) / (12 * pairs)),
  };
}
