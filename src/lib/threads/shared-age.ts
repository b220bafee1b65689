/** How long ago something was, for all threads of a process: each has a `performance.now()` of its own. */
const NEVER = -1n;

export class SharedAge {
  /** What another thread makes its own of. */
  readonly memory: SharedArrayBuffer;
  /** The moment that it is counted from, in nanoseconds of the process's clock. */
  readonly #since: BigInt64Array;

  constructor(memory?: SharedArrayBuffer) {
    this.memory = memory ?? new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT);
    this.#since = new BigInt64Array(this.memory);
    if (memory === undefined) Atomics.store(this.#since, 0, NEVER);
  }

  /** Milliseconds; undefined before it was set. */
  get milliseconds(): number | undefined {
    const since = Atomics.load(this.#since, 0);
    return since === NEVER ? undefined : Number((process.hrtime.bigint() - since) / 1_000n) / 1_000;
  }

  /** It is so old now, and goes on from there. */
  set(milliseconds: number): void {
    Atomics.store(this.#since, 0, process.hrtime.bigint() - BigInt(Math.round(milliseconds * 1e6)));
  }
}
