/** Keeps from asking what did not answer a moment ago, with growing pauses. */
import { fullJitter, type Backoff } from './backoff.ts';

export interface BreakerOptions {
  readonly backoff: Backoff;
  /** Monotonic milliseconds. */
  readonly now?: () => number;
  /** In [0, 1). */
  readonly random?: () => number;
}

/**
 * `closed`: it may be asked; `open`: it rests; `due`: its pause is over, and one should see whether it answers again.
 */
export type BreakerState = 'closed' | 'open' | 'due';

export class Breaker {
  readonly #options: Required<BreakerOptions>;
  #failures = 0;
  #until = 0;

  constructor({ backoff, now = () => performance.now(), random = Math.random }: BreakerOptions) {
    this.#options = { backoff, now, random };
  }

  get state(): BreakerState {
    if (this.#failures === 0) return 'closed';
    return this.#options.now() < this.#until ? 'open' : 'due';
  }

  succeeded(): void {
    this.#failures = 0;
  }

  /** Of several that failed together, who asked before it opened, the first counts. */
  failed(): void {
    if (this.state === 'open') return;
    this.#failures += 1;
    const { backoff, now, random } = this.#options;
    // Never less than the base: a pause of nothing is none.
    this.#until = now() + backoff.base + fullJitter(backoff, this.#failures, random());
  }
}
