export interface Backoff {
  /** Milliseconds. */
  readonly base: number;
  readonly cap: number;
}

/**
 * Milliseconds to wait after `tries` failures, at least one: a random time below `base * 2^(tries - 1)`, at most `cap`
 * ("full jitter"), so that clients which failed together do not come back together. `random` is in [0, 1).
 */
export function fullJitter({ base, cap }: Backoff, tries: number, random: number): number {
  return random * Math.min(cap, base * 2 ** Math.min(Math.max(tries - 1, 0), 30));
}
