/** One at a time for each key: what an engine does with a lease never meets what it does with the same one. */
export class Turns {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Whether somebody is at it right now. */
  taken(key: string): boolean {
    return this.#last.has(key);
  }

  get size(): number {
    return this.#last.size;
  }

  /** Runs `work` after all that was asked for the same key before. */
  async take<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key);
    const mine = (async () => {
      await before;
      return work();
    })();
    // Who comes next waits for the end of it, whatever that is.
    const settled = mine.then(
      () => undefined,
      () => undefined,
    );
    this.#last.set(key, settled);
    try {
      return await mine;
    } finally {
      if (this.#last.get(key) === settled) this.#last.delete(key);
    }
  }

  /** Resolves once nobody is at anything that was begun by now. */
  async settled(): Promise<void> {
    await Promise.all(this.#last.values());
  }
}
