/** Lines on their way into a file: the bytes of one write, and who waits for which of them. */

const NEWLINE = 0x0a;
/** The first byte is a newline, for a file that ends in the middle of a line. */
const FIRST = 1;
/** Bytes; a batch that needs more grows. */
const USUAL = 64 * 1024;
/** Letters. What is longer is measured first. */
const LONG = 16 * 1024;

/** The bytes that lines take as UTF-8 at most; long ones exactly. */
export function mostBytes(lines: readonly string[]): number {
  let bytes = 0;
  for (const line of lines) bytes += line.length < LONG ? 3 * line.length : Buffer.byteLength(line);
  return bytes;
}

/** What came of a batch. `error` is for the lines behind the complete ones, `flushError` for these. */
export interface Settled {
  readonly complete: number;
  readonly error: Error | undefined;
  readonly flushError: Error | undefined;
}

function tell(line: number, { complete, error, flushError }: Settled): void {
  const failure = line < complete ? flushError : error;
  if (failure !== undefined) throw failure;
}

export interface Outcome {
  /** Lines whose last byte was written. */
  readonly complete: number;
  /** The file now ends in the middle of a line. */
  readonly torn: boolean;
}

/** Each line is encoded once, into the memory that is written; that may be a former batch's. */
export class Batch {
  #memory: Buffer;
  #end: number = FIRST;
  /** Where each line ends in the memory. */
  readonly #ends: number[] = [];
  readonly #settled = Promise.withResolvers<Settled>();

  constructor(memory: Buffer = Buffer.allocUnsafeSlow(USUAL)) {
    this.#memory = memory;
    memory[0] = NEWLINE;
  }

  /** Of all lines. */
  get size(): number {
    return this.#end - FIRST;
  }

  /** Resolves once these lines are on record, and rejects when one cannot be: the last is whole only if all are. */
  add(...lines: readonly string[]): Promise<void> {
    this.#reserve(mostBytes(lines));
    for (const line of lines) {
      this.#end += this.#memory.write(line, this.#end);
      this.#ends.push(this.#end);
    }
    const at = this.#ends.length - 1;
    return this.#settled.promise.then((settled) => tell(at, settled));
  }

  #reserve(bytes: number): void {
    const needed = this.#end + bytes;
    if (needed <= this.#memory.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#memory.length));
    this.#memory.copy(larger, 0, 0, this.#end);
    this.#memory = larger;
  }

  /** What is to be written: all lines, after a newline where the file ends in the middle of a line. */
  bytes(torn: boolean): Uint8Array {
    return this.#memory.subarray(torn ? 0 : FIRST, this.#end);
  }

  /** What `written` of these bytes came to. */
  outcomeOf(torn: boolean, written: number): Outcome {
    if (torn && written === 0) return { complete: 0, torn: true };
    const end = torn ? written : written + FIRST;
    const missing = this.#ends.findIndex((each) => each > end);
    const complete = missing < 0 ? this.#ends.length : missing;
    return { complete, torn: end > (this.#ends[complete - 1] ?? FIRST) };
  }

  /** Tells each line what came of it. Gives the memory back, if another batch can use it. */
  settle(settled: Settled): Buffer | undefined {
    this.#settled.resolve(settled);
    // Of a device that shows values in clear nothing stays in memory.
    return this.#memory.length === USUAL ? this.#memory.fill(0, 0, this.#end) : undefined;
  }
}
