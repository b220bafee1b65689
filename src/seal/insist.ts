/** Asking a service that may be away for a while. */
import { setTimeout as delay } from 'node:timers/promises';

import { fail, isLockstepError } from '../errors.ts';
import { fullJitter } from '../lib/backoff.ts';

export interface Insisting {
  /** The seal's kind. */
  readonly kind: string;
  /** What is asked, as an error names it. */
  readonly place: string;
  readonly signal: AbortSignal;
  /** Told of each try that failed and is made again. */
  readonly warn: (message: string) => void;
}

const BACKOFF = { base: 250, cap: 10_000 };

/**
 * Until it succeeds, is refused (an error of the catalogue), or the signal aborts: `timeout` then. What rejects with another
 * error is tried again, with growing pauses.
 */
export async function insist<T>(work: () => Promise<T>, { kind, place, signal, warn }: Insisting): Promise<T> {
  const unreachable = (reason: string, cause: unknown): Error =>
    fail('timeout', `seal "${kind}": ${place} cannot be reached (${reason}): start it, or mend the address`, { cause });
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (isLockstepError(error)) throw error;
      const reason = error instanceof Error ? error.message : 'unknown';
      if (signal.aborted) throw unreachable(reason, error);
      warn(`seal "${kind}": ${place} does not answer, trying again: ${reason}`);
      const pause = delay(fullJitter(BACKOFF, tries, Math.random()), undefined, { signal });
      await pause.catch((aborted: unknown) => {
        throw unreachable(reason, aborted);
      });
    }
  }
}
