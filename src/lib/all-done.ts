/** Resolves when each is done. Rejects as the first of them does, in their order, but not before none is at work any more. */
export async function allDone(works: readonly Promise<unknown>[]): Promise<void> {
  await Promise.allSettled(works);
  await Promise.all(works);
}
