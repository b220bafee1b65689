/** How long the core waits for an engine at work in the outside world, and what it says of its failures. */
import { isLockstepError, fail } from '../../errors.ts';

const CODE = /^[A-Z0-9_]{1,40}$/;
const MOST_TEXT = 240;

/**
 * Ends after `milliseconds`, or when one of the signals aborts, also where `work` does not heed its own signal: it must not
 * hold up others. Rejects with `timeout` then.
 */
export async function within<T>(
  milliseconds: number,
  signals: readonly AbortSignal[],
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const signal = AbortSignal.any([...signals, AbortSignal.timeout(milliseconds)]);
  const stopped = (): Error => fail('timeout', 'the engine was stopped before it was done');
  if (signal.aborted) throw stopped();
  const aborted = Promise.withResolvers<never>();
  const stop = (): void => {
    aborted.reject(stopped());
  };
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([work(signal), aborted.promise]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/**
 * Why an engine failed, for operators: the words of the catalogue, and of anything else its kind alone. A database's message
 * can quote the statement, and with it the password (design rule 32).
 */
export function reasonOf(error: unknown): string {
  if (isLockstepError(error)) return error.message.slice(0, MOST_TEXT);
  if (!(error instanceof Error)) return 'the engine failed';
  const code = 'code' in error && typeof error.code === 'string' && CODE.test(error.code) ? ` (${error.code})` : '';
  return `the engine failed: ${error.name.slice(0, 60)}${code}`;
}
