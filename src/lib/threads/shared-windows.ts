/**
 * How often something happened within an interval, counted by all threads of a process together, without a message: a table
 * in shared memory, of a fixed size. Each key has a window, which begins with the first use and ends an interval later.
 */
import { sha256 } from '../crypto/hash.ts';
import { randomBytes } from '../crypto/random.ts';

const SALT_BYTES = 32;
const SLOTS = 65_536;
/** Slots that a key may lie in. When windows of others lie in all of them, the one that ends first gives way. */
const TRIES = 8;
/** A window is its end, in milliseconds since the table was made, above a count of this many bits. */
const COUNT_BITS = 27n;
const MOST = (1n << COUNT_BITS) - 1n;
/** In place of the count: everything is refused until the end. */
const BLOCKED = MOST;

export interface WindowRule {
  /** Uses in an interval. */
  readonly limit: number;
  readonly intervalMs: number;
  /** How long all is refused after one use too many; 0: until the window ends. */
  readonly blockMs: number;
}

export interface Taken {
  readonly allowed: boolean;
  /** Uses that are left in this window. */
  readonly remaining: number;
  /** Milliseconds until it ends, or until uses are allowed again. */
  readonly resetMs: number;
}

const endOf = (window: bigint): number => Number(window >> COUNT_BITS);
const countOf = (window: bigint): bigint => window & MOST;
const windowOf = (end: number, count: bigint): bigint => (BigInt(Math.ceil(end)) << COUNT_BITS) | count;

/** How long a window can be: of 37 bits of milliseconds in all a quarter, and three for the life of the process, three years. */
export const LONGEST_WINDOW_MS = 2 ** 35;

export class SharedWindows {
  /** What another thread makes its own of. */
  readonly memory: SharedArrayBuffer;
  /** Where a key lies must not be for a caller to choose, who could push others out. */
  readonly #salt: Uint8Array;
  /** When the table was made, then pairs of a key's digest and its window. Pages that are not used cost nothing. */
  readonly #cells: BigUint64Array;

  constructor(memory?: SharedArrayBuffer, now = Date.now()) {
    this.memory = memory ?? new SharedArrayBuffer(SALT_BYTES + 8 + SLOTS * 16);
    this.#cells = new BigUint64Array(this.memory, SALT_BYTES);
    if (memory === undefined) {
      new Uint8Array(this.memory, 0, SALT_BYTES).set(randomBytes(SALT_BYTES));
      Atomics.store(this.#cells, 0, BigInt(now));
    }
    this.#salt = Uint8Array.from(new Uint8Array(this.memory, 0, SALT_BYTES));
  }

  /** One use of `key` at `now`, milliseconds since the epoch. Of uses at one moment on several threads each counts. */
  take(key: string, rule: WindowRule, now: number): Taken {
    const since = Math.max(0, now - Number(Atomics.load(this.#cells, 0)));
    const cell = this.#cellOf(key, since) + 1;
    for (;;) {
      const before = Atomics.load(this.#cells, cell);
      const { window, taken } = step(before, rule, since);
      if (window === before || Atomics.compareExchange(this.#cells, cell, before, window) === before) return taken;
    }
  }

  /** Whether a use of `key` at `now` would be refused. Counts nothing. */
  refuses(key: string, rule: WindowRule, now: number): boolean {
    const { name, first } = this.#digestOf(key);
    for (let at = 0; at < TRIES; at += 1) {
      const cell = 1 + ((first + at) % SLOTS) * 2;
      if (Atomics.load(this.#cells, cell) !== name) continue;
      const since = Math.max(0, now - Number(Atomics.load(this.#cells, 0)));
      return !step(Atomics.load(this.#cells, cell + 1), rule, since).taken.allowed;
    }
    return false;
  }

  #digestOf(key: string): { readonly name: bigint; readonly first: number } {
    const digest = sha256(this.#salt, key);
    // Never 0, which is an empty slot.
    return { name: digest.readBigUInt64LE(8) | 1n, first: digest.readUInt32LE(0) };
  }

  /** Where the key's digest lies; its window is beside it. Taken from another whose window is over, if need be. */
  #cellOf(key: string, since: number): number {
    const { name, first } = this.#digestOf(key);
    let over = -1;
    let end = Infinity;
    for (let at = 0; at < TRIES; at += 1) {
      const cell = 1 + ((first + at) % SLOTS) * 2;
      const found = Atomics.load(this.#cells, cell);
      if (found === name) return cell;
      const ends = found === 0n ? -1 : endOf(Atomics.load(this.#cells, cell + 1));
      if (ends >= end) continue;
      end = ends;
      over = cell;
      if (found === 0n) break;
    }
    const before = Atomics.load(this.#cells, over);
    if (Atomics.compareExchange(this.#cells, over, before, name) !== before) return this.#cellOf(key, since);
    // Another thread may be about to count a use of the key that lay here. It is then one use more for this one.
    if (end > since) Atomics.store(this.#cells, over + 1, 0n);
    return over;
  }
}

function step(window: bigint, { limit, intervalMs, blockMs }: WindowRule, since: number) {
  const end = endOf(window);
  const count = countOf(window);
  // An end that lies further ahead than any can is of a clock that was set back.
  const over = end <= since || end > since + Math.max(intervalMs, blockMs) + 1;
  if (over) return { window: windowOf(since + intervalMs, 1n), taken: takenOf(limit - 1, intervalMs) };
  const resetMs = end - since;
  if (count === BLOCKED) return { window, taken: { allowed: false, remaining: 0, resetMs } };
  if (count < limit) return { window: windowOf(end, count + 1n), taken: takenOf(limit - Number(count) - 1, resetMs) };
  const refused = { allowed: false, remaining: 0, resetMs: blockMs > 0 ? blockMs : resetMs };
  return { window: blockMs > 0 ? windowOf(since + blockMs, BLOCKED) : window, taken: refused };
}

const takenOf = (remaining: number, resetMs: number): Taken => ({ allowed: true, remaining, resetMs });
