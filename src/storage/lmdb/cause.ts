import { setTimeout } from 'node:timers/promises';

const CAUSE_MILLISECONDS = 1_000;

/** lmdb-js rejects with a promise of the cause, which must not be left alone; it comes at once, or else is not waited for. */
export async function causeOf(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !('commitError' in error)) return error;
  const cause = Promise.resolve(error.commitError).then(
    () => error,
    (found: unknown) => found,
  );
  return Promise.race([cause, setTimeout(CAUSE_MILLISECONDS, error, { ref: false })]);
}
