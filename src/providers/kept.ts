/** What costs a request is asked for once by all, kept for a while, and dropped where it is refused. */
export interface Kept<T> {
  /** Rejects as what it asks does; then the next asks again. */
  readonly get: () => Promise<T>;
  readonly drop: () => void;
}

/** `life`: milliseconds; `now`: monotonic ones. */
export function kept<T>(ask: () => Promise<T>, life: number, now: () => number = () => performance.now()): Kept<T> {
  let held: { readonly value: Promise<T>; readonly until: number } | undefined;
  const drop = (): void => {
    held = undefined;
  };
  return {
    get: () => {
      if (held !== undefined && now() < held.until) return held.value;
      const asked = { value: ask(), until: now() + life };
      held = asked;
      asked.value.catch(() => {
        if (held === asked) drop();
      });
      return asked.value;
    },
    drop,
  };
}
