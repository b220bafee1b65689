/** What the threads of a node look at before each request, without a message: how far its writer has published. */
export class Board {
  /** What another thread makes its own board of. */
  readonly memory: SharedArrayBuffer;
  /** The newest published sequence, its low 32 bits: only such words can be waited for. */
  readonly #word: Int32Array;

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)) {
    this.memory = memory;
    this.#word = new Int32Array(memory);
  }

  /** Changes with each publication, and costs nothing to read. It wraps: compare it for equality, or by `isAhead`. */
  get published(): number {
    return Atomics.load(this.#word, 0);
  }

  /** Whether a sequence is not published yet. The two are never 2^31 apart. */
  isAhead(sequence: number): boolean {
    return ((sequence - this.published) | 0) > 0;
  }

  /** For the writer alone. */
  publish(sequence: number): void {
    Atomics.store(this.#word, 0, sequence | 0);
    Atomics.notify(this.#word, 0);
  }

  /** Resolves at the first publication after `published`. */
  async next(published: number): Promise<void> {
    const waited = Atomics.waitAsync(this.#word, 0, published);
    if (waited.async) await waited.value;
  }
}
