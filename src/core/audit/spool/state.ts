/** What the threads of a node share about one spool: whose turn it is, which piece is written, and what waits in it. */
import { Turn } from '../devices/file/turn.ts';

/** The turn's words come first, then these two, then two of eight bytes. */
const WORDS_AT = 8;
const COUNTS_AT = 16;
const BYTES = 32;

const PIECE = 0;
const WRITES = 1;
const IN_PIECE = 0;
const WAITING = 1;

export class SpoolState {
  readonly memory: SharedArrayBuffer;
  readonly turn: Turn;
  readonly #words: Int32Array;
  readonly #counts: BigInt64Array;

  /** `memory`: of the same spool on another thread. */
  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(BYTES)) {
    this.memory = memory;
    this.turn = new Turn(memory);
    this.#words = new Int32Array(memory, WORDS_AT, 2);
    this.#counts = new BigInt64Array(memory, COUNTS_AT, 2);
  }

  /** The number of the piece that is written. */
  get piece(): number {
    return Atomics.load(this.#words, PIECE);
  }

  /** Bytes in that piece. */
  get inPiece(): number {
    return Number(Atomics.load(this.#counts, IN_PIECE));
  }

  /** Bytes that are not delivered yet. */
  get waiting(): number {
    return Number(Atomics.load(this.#counts, WAITING));
  }

  /** In a turn, or before anybody writes. */
  startPiece(piece: number, bytes: number): void {
    Atomics.store(this.#words, PIECE, piece);
    Atomics.store(this.#counts, IN_PIECE, BigInt(bytes));
  }

  /** In a turn. */
  wrote(bytes: number): void {
    Atomics.add(this.#counts, IN_PIECE, BigInt(bytes));
    this.add(bytes);
    this.wake();
  }

  /** `bytes` less than 0 were delivered. */
  add(bytes: number): void {
    Atomics.add(this.#counts, WAITING, BigInt(bytes));
  }

  /** What `changed` waits for. */
  wake(): void {
    Atomics.add(this.#words, WRITES, 1);
    Atomics.notify(this.#words, WRITES);
  }

  get writes(): number {
    return Atomics.load(this.#words, WRITES);
  }

  /** Resolves once `writes` is another than `seen`. */
  async changed(seen: number): Promise<void> {
    const waited = Atomics.waitAsync(this.#words, WRITES, seen);
    if (waited.async) await waited.value;
  }
}
