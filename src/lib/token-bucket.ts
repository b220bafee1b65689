/** How often something may happen: `burst` times at once, then `perSecond`. Times are monotonic milliseconds. */
export interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

export class TokenBucket {
  readonly #rate: Rate;
  #left: number;
  #at: number;

  constructor(rate: Rate, now: number) {
    this.#rate = rate;
    this.#left = rate.burst;
    this.#at = now;
  }

  /** Takes `count`; false, and nothing is taken, when there is not as much. */
  take(now: number, count = 1): boolean {
    this.#fill(now);
    if (this.#left < count) return false;
    this.#left -= count;
    return true;
  }

  /** Takes `count` also beyond what there is; gives the milliseconds until there is something left again. */
  owe(now: number, count: number): number {
    this.#fill(now);
    this.#left -= count;
    return this.#left >= 0 ? 0 : Math.ceil((-this.#left * 1_000) / this.#rate.perSecond);
  }

  /** Whether it is as if it had never been used. */
  full(now: number): boolean {
    this.#fill(now);
    return this.#left >= this.#rate.burst;
  }

  #fill(now: number): void {
    const { burst, perSecond } = this.#rate;
    this.#left = Math.min(burst, this.#left + (Math.max(0, now - this.#at) * perSecond) / 1_000);
    this.#at = Math.max(this.#at, now);
  }
}
