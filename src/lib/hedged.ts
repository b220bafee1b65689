/** The first of several tries that succeeds. The next one starts when one has failed, or has had its head start. */
export interface Hedge {
  /** Milliseconds. */
  readonly headStart: number;
  readonly signal: AbortSignal;
}

/** Rejects with an AggregateError of what went wrong, in the order of the tries. Those that are not needed are aborted. */
export function hedged<T>(
  tries: readonly ((signal: AbortSignal) => Promise<T>)[],
  { headStart, signal }: Hedge,
): Promise<T> {
  const over = new AbortController();
  const within = AbortSignal.any([signal, over.signal]);
  const failures: unknown[] = [];
  let started = 0;
  let failed = 0;
  let timer: NodeJS.Timeout | undefined;
  return new Promise<T>((resolve, reject) => {
    const won = (value: T): void => {
      clearTimeout(timer);
      started = tries.length;
      over.abort();
      resolve(value);
    };
    const launch = (): void => {
      clearTimeout(timer);
      const at = started;
      const work = tries[at];
      if (work === undefined) {
        if (failed === tries.length) reject(new AggregateError(failures));
        return;
      }
      started += 1;
      timer = setTimeout(launch, headStart);
      const lost = (error: unknown): void => {
        failures[at] = error;
        failed += 1;
        launch();
      };
      work(within).then(won, lost);
    };
    launch();
  });
}
