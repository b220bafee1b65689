/** Resolves in a later turn of the event loop: long work in pages waits for it between two, so that requests go first. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
