/** Time as the agent sees it; tests bring their own. */
export interface Clock {
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Calls back once, after `ms` milliseconds. Gives a function that cancels. */
  readonly after: (ms: number, callback: () => void) => () => void;
  /** In [0, 1). */
  readonly random: () => number;
}

/** Node's timers take no more than 2^31 - 1 ms; what is due later is looked at again then. */
const longest = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => performance.now(),
  random: () => Math.random(),
  after: (ms, callback) => {
    if (ms === Number.POSITIVE_INFINITY) return () => undefined;
    const due = performance.now() + ms;
    let timer: NodeJS.Timeout;
    const look = (): void => {
      const left = due - performance.now();
      if (left <= 0) callback();
      else timer = setTimeout(look, Math.min(longest, Math.ceil(left)));
    };
    timer = setTimeout(look, Math.min(longest, Math.max(0, ms)));
    return () => {
      clearTimeout(timer);
    };
  },
};

/** Resolves after `ms` milliseconds, or as soon as one of the signals is aborted. */
export function pause(clock: Clock, ms: number, ...signals: readonly AbortSignal[]): Promise<void> {
  return new Promise((resolve) => {
    const signal = AbortSignal.any([...signals]);
    const done = (): void => {
      cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.after(ms, done);
    if (signal.aborted) done();
    else signal.addEventListener('abort', done, { once: true });
  });
}
