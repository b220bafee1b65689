/** Work that takes a processor for a while (password hashes): a few at a time, a bounded number waiting, the rest refused. */
import { fail } from '../../errors.ts';

export interface QueueLimits {
  readonly atOnce: number;
  /** What waits at most: beyond that, `tooManyRequests`. */
  readonly waiting: number;
}

export class HashQueue {
  readonly #limits: QueueLimits;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  /** Throws `timeout` in place of work that nobody waits for any more when its turn comes. */
  async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    await this.#turn();
    try {
      if (signal?.aborted === true) throw fail('timeout');
      return await work();
    } finally {
      // The place goes to the next one, or is given up.
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }

  async #turn(): Promise<void> {
    const { atOnce, waiting } = this.#limits;
    if (this.#running < atOnce) {
      this.#running += 1;
      return;
    }
    if (this.#waiting.length >= waiting) {
      throw fail('tooManyRequests', 'too many passwords are being checked at this moment: try again later');
    }
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}
