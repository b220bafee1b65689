/** A small seeded generator (splitmix32): the same seed gives the same history on every machine. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** 0 ≤ value < 2^32. */
  word(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0;
    let mixed = this.#state ^ (this.#state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  }

  /** 0 ≤ value < 1. */
  fraction(): number {
    return this.word() / 2 ** 32;
  }
}

/** The chosen one of a list by any number, or undefined when the list is empty. */
export function pick<T>(list: readonly T[], by: number): T | undefined {
  return list[by % list.length];
}
