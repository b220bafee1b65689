/**
 * What the threads of a node share that append to one file: whose turn it is, and whether the file ends in the middle of a
 * line. Without it, one thread could write behind a line that another one's failed write cut off.
 */
const TAKEN = 0;
const TORN = 1;
/** Some tens of microseconds. */
const SPINS = 2_000;

export class Turn {
  /** What another thread makes its own turn of. */
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT)) {
    this.memory = memory;
    this.#words = new Int32Array(memory);
  }

  /**
   * Runs `work` at once if the turn is free, or another thread gives it up within about as long as a write takes; otherwise
   * does nothing and gives undefined.
   */
  runNow<T>(work: () => T): { readonly value: T } | undefined {
    for (let tries = 0; Atomics.compareExchange(this.#words, TAKEN, 0, 1) !== 0; tries += 1) {
      if (tries === SPINS) return undefined;
    }
    try {
      return { value: work() };
    } finally {
      this.#give();
    }
  }

  /** Runs `work` while no other thread does, as soon as that can be. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    while (Atomics.compareExchange(this.#words, TAKEN, 0, 1) !== 0) {
      const waited = Atomics.waitAsync(this.#words, TAKEN, 1);
      if (waited.async) await waited.value;
    }
    try {
      return await work();
    } finally {
      this.#give();
    }
  }

  #give(): void {
    Atomics.store(this.#words, TAKEN, 0);
    Atomics.notify(this.#words, TAKEN, 1);
  }

  /** To be read and set in a turn alone. */
  get torn(): boolean {
    return Atomics.load(this.#words, TORN) === 1;
  }

  set torn(torn: boolean) {
    Atomics.store(this.#words, TORN, torn ? 1 : 0);
  }
}
