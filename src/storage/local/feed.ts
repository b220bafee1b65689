import { fail } from '../../errors.ts';
import type { Batch } from '../store.ts';

/** Who is told of batches: observers, within the publication; and waiting readers of the log, after it. */
export class Feed {
  readonly #observers = new Set<(batch: Batch) => void>();
  readonly #waiting = new Set<() => void>();
  #publishing = false;

  get publishing(): boolean {
    return this.#publishing;
  }

  observe(apply: (batch: Batch) => void): Disposable {
    // Within a group it would miss the batches before, though the position that it sees stands before them.
    if (this.#publishing) throw fail('internal', 'an observer of the store cannot register another one');
    const entry = (batch: Batch): void => apply(batch);
    this.#observers.add(entry);
    return { [Symbol.dispose]: () => void this.#observers.delete(entry) };
  }

  publish(batches: readonly Batch[]): void {
    this.#publishing = true;
    try {
      for (const batch of batches) {
        for (const apply of this.#observers) apply(batch);
      }
    } finally {
      this.#publishing = false;
    }
  }

  /** Lets every waiting reader look again. */
  wake(): void {
    // Each `clear` makes a table that the one before points to.
    if (this.#waiting.size === 0) return;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resume of waiting) resume();
  }

  /** Resolves at the next `wake`, or when `signal` aborts. */
  async next(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const resume = (): void => resolve();
    this.#waiting.add(resume);
    signal.addEventListener('abort', resume, { once: true });
    try {
      await promise;
    } finally {
      this.#waiting.delete(resume);
      signal.removeEventListener('abort', resume);
    }
  }
}
