import { setTimeout as sleep } from 'node:timers/promises';
import { ApiError } from './api-error.ts';
import { ConnectionError } from './connection-error.ts';

/** Milliseconds. A try waits a random time below `base * 2^tries`, at most `cap` ("full jitter"). */
const base = 100;
const cap = 5_000;
/** A server that asks for more patience than this is reported instead of waited for. */
const longestRetryAfter = 30_000;

/** May the request be made twice? Reads may; a write may only when the server surely did nothing with it. */
export type Replay = 'safe' | 'unsafe';

/**
 * Milliseconds to wait before the next try, or undefined when trying again cannot help or could do the work twice.
 * `tries` counts those already made. `random` is in [0, 1).
 */
export function retryDelay(error: unknown, tries: number, replay: Replay, random: () => number): number | undefined {
  if (!isRetryable(error, replay)) return undefined;
  const jitter = random() * Math.min(cap, base * 2 ** Math.min(tries, 10));
  const asked = error instanceof ApiError ? error.retryAfterMs : undefined;
  if (asked === undefined) return jitter;
  return asked > longestRetryAfter ? undefined : asked + jitter;
}

export interface Persistence {
  readonly replay: Replay;
  /** Tries after the first. */
  readonly retries: number;
  /** Milliseconds in which what passes by itself (a busy, sealed or unreachable server) does not count as a try. */
  readonly patienceMs?: number | undefined;
  readonly random: () => number;
  readonly signal: AbortSignal;
}

/** Tries, with jittered pauses, until an answer that is final. */
export async function withRetries<T>(
  attempt: (signal: AbortSignal) => Promise<T>,
  { replay, retries, patienceMs = 0, random, signal }: Persistence,
): Promise<T> {
  const begun = performance.now();
  for (let tries = 0; ; tries += 1) {
    try {
      signal.throwIfAborted();
      return await attempt(signal);
    } catch (error) {
      const waits = isPassing(error) && performance.now() - begun < patienceMs;
      const delay = tries < retries || waits ? retryDelay(error, tries, replay, random) : undefined;
      if (delay === undefined) throw error;
      await sleep(delay, undefined, { signal });
    }
  }
}

/** Busy, sealed or away: it says nothing of the request. */
function isPassing(error: unknown): boolean {
  if (error instanceof ConnectionError) return error.transient;
  return error instanceof ApiError && [429, 502, 503, 504].includes(error.status);
}

function isRetryable(error: unknown, replay: Replay): boolean {
  if (error instanceof ConnectionError) return error.transient && (replay === 'safe' || !error.sent);
  if (!(error instanceof ApiError)) return false;
  // The node did nothing yet: it has not reached the index (412), or is too busy (429).
  if (error.status === 412 || error.status === 429) return true;
  return error.status >= 500 && error.status !== 501 && replay === 'safe';
}
