/** Bounds on what logins ask of an API server: not too many at once, and none for a moment after it could not be reached. */
import { fail, isLockstepError } from '../../errors.ts';

export interface OutgoingOptions {
  /** Monotonic milliseconds. */
  readonly now?: () => number;
}

/** Requests at once, of one mount. */
export const MOST_AT_ONCE = 64;
/** Milliseconds without a request after one that failed. */
export const PAUSE_MS = 1_000;

const unavailable = (detail: string): Error =>
  fail('issuerUnreachable', 'the cluster cannot be asked about the token now: try again later', { detail });

export class Outgoing {
  readonly #now: () => number;
  #running = 0;
  #pausedUntil = Number.NEGATIVE_INFINITY;
  #reason = '';

  constructor({ now = () => performance.now() }: OutgoingOptions = {}) {
    this.#now = now;
  }

  /** What `ask` gives. Rejects with `issuerUnreachable` when it cannot be asked, or did not answer as an API server does. */
  async run<T>(ask: () => Promise<T>): Promise<T> {
    if (this.#now() < this.#pausedUntil) throw unavailable(this.#reason);
    if (this.#running >= MOST_AT_ONCE) throw unavailable('too many requests are under way');
    this.#running += 1;
    try {
      return await ask();
    } catch (error) {
      if (!isLockstepError(error, 'issuerUnreachable')) throw error;
      this.#reason = error.detail ?? 'unknown';
      this.#pausedUntil = this.#now() + PAUSE_MS;
      throw unavailable(this.#reason);
    } finally {
      this.#running -= 1;
    }
  }
}
