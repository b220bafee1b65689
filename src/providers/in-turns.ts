import { ProviderProblem } from './contract.ts';

/** Requests at once of one look for secrets. */
const WIDTH = 8;
/** What one look may find. */
export const MOST_FOUND = 10_000;

export const tooMany = (): ProviderProblem =>
  new ProviderProblem('invalid', `more than ${String(MOST_FOUND)} secrets: find by a path or a narrower name`);

/** What `work` gives for each, in their order, a few at a time. Rejects with the first that does, and where they are too many. */
export async function inTurns<T, R>(all: readonly T[], work: (each: T) => Promise<R>): Promise<readonly R[]> {
  if (all.length > MOST_FOUND) throw tooMany();
  const results: R[] = [];
  const waiting = all.entries();
  const worker = async (): Promise<void> => {
    for (const [at, each] of waiting) results[at] = await work(each);
  };
  await Promise.all(Array.from({ length: WIDTH }, worker));
  return results;
}
