/** Draws for requests, from one seed: the same seed makes the same requests. */
import { Random } from '../../simulator/random.ts';

export class Draw {
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = new Random(seed);
  }

  /** 0 ≤ value < `below`. */
  number(below: number): number {
    return this.#random.word() % below;
  }

  chance(oneIn: number): boolean {
    return this.number(oneIn) === 0;
  }

  of<T>(...choices: readonly [T, ...T[]]): T {
    return choices[this.number(choices.length)] ?? choices[0];
  }

  /** Some of the members, each with its own chance of one half; what is undefined is left out. */
  some(members: Readonly<Record<string, unknown>>): Record<string, unknown> {
    return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined && this.chance(2)));
  }
}
