/** Resolves in a later turn of the event loop: long work in pages waits for it between two, so that requests go first. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** Resolves when all that can go on now has: what shares a turn with the caller, but not what the next turn brings. */
export function afterThis(): Promise<void> {
  return new Promise((resolve) => {
    process.nextTick(resolve);
  });
}
