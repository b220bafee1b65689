/** Bounds on what logins ask of another server: not too many at once, and none for a moment after it could not be reached. */
import { fail, isLockstepError } from '../../errors.ts';

export interface OutgoingOptions {
  /** What who logs in is told. */
  readonly message?: string;
  /** Milliseconds without a request after one that failed; without: `PAUSE_MS`. */
  readonly pause?: number;
  /** Monotonic milliseconds. */
  readonly now?: () => number;
}

/** Requests at once. */
export const MOST_AT_ONCE = 64;
export const PAUSE_MS = 1_000;

interface Pause {
  readonly until: number;
  readonly reason: string;
}

export class Outgoing {
  readonly #now: () => number;
  readonly #message: string;
  readonly #pauseMs: number;
  readonly #pauses = new Map<string, Pause>();
  #running = 0;

  constructor({
    now = () => performance.now(),
    message = 'it cannot be asked now: try again later',
    pause = PAUSE_MS,
  }: OutgoingOptions = {}) {
    this.#now = now;
    this.#message = message;
    this.#pauseMs = pause;
  }

  /**
   * What `ask` gives; `of` tells servers apart, so that one which cannot be reached holds up no other. Rejects with
   * `issuerUnreachable` when it cannot be asked, or did not answer as it should.
   */
  async run<T>(ask: () => Promise<T>, of = ''): Promise<T> {
    const pause = this.#pauses.get(of);
    if (pause !== undefined && this.#now() < pause.until) throw this.#unavailable(pause.reason);
    if (this.#running >= MOST_AT_ONCE) throw this.#unavailable('too many requests are under way');
    this.#running += 1;
    try {
      return await ask();
    } catch (error) {
      if (!isLockstepError(error, 'issuerUnreachable')) throw error;
      const reason = error.detail ?? 'unknown';
      this.#pause(of, reason);
      throw this.#unavailable(reason);
    } finally {
      this.#running -= 1;
    }
  }

  /** Those that are over are forgotten: who logs in may name the server. */
  #pause(of: string, reason: string): void {
    const now = this.#now();
    for (const [each, { until }] of this.#pauses) if (until <= now) this.#pauses.delete(each);
    this.#pauses.set(of, { until: now + this.#pauseMs, reason });
  }

  #unavailable(detail: string): Error {
    return fail('issuerUnreachable', this.#message, { detail });
  }
}
