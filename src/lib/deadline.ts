/**
 * A signal that is aborted after a time, or with another one, for work that mostly ends before: `AbortSignal.timeout` and
 * `AbortSignal.any` cost more than a whole request, and keep their timer until it is over.
 */
export interface Deadline extends Disposable {
  readonly signal: AbortSignal;
  /** Whether the time was over first. */
  readonly over: boolean;
}

/** Ends with its disposal; the reason is a `TimeoutError`, or that of `parent`. */
export function deadline(ms: number, parent?: AbortSignal): Deadline {
  const ending = new AbortController();
  let over = false;
  const timer = setTimeout(() => {
    over = !ending.signal.aborted;
    ending.abort(new DOMException(`nothing came of it within ${String(ms)} ms`, 'TimeoutError'));
  }, ms);
  const abort = (): void => {
    ending.abort(parent?.reason);
  };
  if (parent?.aborted === true) abort();
  else parent?.addEventListener('abort', abort, { once: true });
  return {
    signal: ending.signal,
    get over() {
      return over;
    },
    [Symbol.dispose]: () => {
      clearTimeout(timer);
      parent?.removeEventListener('abort', abort);
    },
  };
}
