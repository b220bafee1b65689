import { ProviderProblem } from './contract.ts';

/** Requests at once of one look for secrets. */
const WIDTH = 8;
/** What one look may find. */
export const MOST_FOUND = 10_000;
/** Bytes of what one look may find together: what becomes a Secret of it has 1 MiB at most. */
const MOST_BYTES = 16 * 1024 * 1024;

export const tooMany = (): ProviderProblem =>
  new ProviderProblem('invalid', `more than ${String(MOST_FOUND)} secrets: find by a path or a narrower name`);

const tooMuch = (): ProviderProblem =>
  new ProviderProblem('invalid', `more than ${String(MOST_BYTES)} bytes: find by a path or a narrower name`);

/**
 * What `work` gives for each, in their order, a few at a time. Rejects with the first that does, where they are too many, and where what they
 * give is too large; then no more is asked for.
 */
export async function inTurns<T, R>(all: readonly T[], work: (each: T) => Promise<R>): Promise<readonly R[]> {
  if (all.length > MOST_FOUND) throw tooMany();
  const results: R[] = [];
  const waiting = all.entries();
  let [size, over] = [0, false];
  const worker = async (): Promise<void> => {
    for (const [at, each] of waiting) {
      const result = await work(each);
      size += result instanceof Uint8Array ? result.length : 0;
      if (size > MOST_BYTES) throw tooMuch();
      if (over) return;
      results[at] = result;
    }
  };
  const failing = async (): Promise<void> => {
    try {
      await worker();
    } catch (error) {
      over = true;
      throw error;
    }
  };
  await Promise.all(Array.from({ length: WIDTH }, failing));
  return results;
}
