import { allDone } from '../../lib/all-done.ts';

/** Works through what comes, `parallel` at a time. The first failure ends it, once those under way have ended. */
export async function eachOf<T>(
  items: AsyncIterable<T>,
  parallel: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const iterator = items[Symbol.asyncIterator]();
  let failed = false;
  const worker = async (): Promise<void> => {
    for (;;) {
      const next = failed ? undefined : await iterator.next();
      if (next === undefined || next.done === true) return;
      try {
        await work(next.value);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  await allDone(Array.from({ length: parallel }, worker));
}
