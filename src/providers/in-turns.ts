/** Requests at once of one look for secrets. */
const WIDTH = 8;
/** What one look may find. */
export const MOST_FOUND = 10_000;

/** What `work` gives for each, in their order, a few at a time. Rejects with the first that does. */
export async function inTurns<T, R>(all: readonly T[], work: (each: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = [];
  const waiting = all.entries();
  const worker = async (): Promise<void> => {
    for (const [at, each] of waiting) results[at] = await work(each);
  };
  await Promise.all(Array.from({ length: WIDTH }, worker));
  return results;
}
