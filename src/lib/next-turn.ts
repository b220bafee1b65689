/** Resolves in a later turn of the event loop: long work in pages waits for it between two, so that requests go first. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** Resolves behind what runs now and what that sets going: nothing new of the event loop comes between, so whoever repeats it stops the loop. */
export function afterThis(): Promise<void> {
  return new Promise((resolve) => {
    process.nextTick(resolve);
  });
}
