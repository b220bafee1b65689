import { BoundError } from './template-error.ts';

export interface Bounds {
  /** What is evaluated: nodes, arguments, rounds of loops, elements and bytes that functions walk. */
  readonly steps: number;
  /** Bytes of output, and of any one text on the way. */
  readonly output: number;
  /** Bytes of all values that functions make, counted before they are made where they could be large. */
  readonly memory: number;
  /** Templates that call templates, and values within values. */
  readonly depth: number;
  /** Bytes of a template's text. */
  readonly text: number;
}

/** A Secret holds 1 MiB at most. */
export const defaultBounds: Bounds = {
  steps: 1_000_000,
  output: 4 << 20,
  memory: 32 << 20,
  depth: 200,
  text: 1 << 20,
};

const READ = 32;

/** Counts down while one template is executed. */
export class Meter {
  readonly depth: number;
  readonly #bounds: Bounds;
  #steps = 0;
  #memory = 0;
  #output = 0;

  constructor(bounds: Bounds) {
    this.#bounds = bounds;
    this.depth = bounds.depth;
  }

  step(count = 1): void {
    this.#steps += count;
    if (!(this.#steps <= this.#bounds.steps)) throw new BoundError(`exceeded the bound of ${this.#bounds.steps} steps`);
  }

  /** To be asked before `bytes` are made. */
  make(bytes: number): void {
    this.#memory += bytes;
    if (!(this.#memory <= this.#bounds.memory)) {
      throw new BoundError(`exceeded the bound of ${this.#bounds.memory} bytes of values`);
    }
  }

  /** Of text that is looked at, however often: functions read some 32 bytes in the time of a step. */
  read(bytes: number): void {
    this.step(bytes / READ);
  }

  /** Of each text that is given to a function or by one: what it is made of takes some of these bytes many times over. */
  text(bytes: number): void {
    if (bytes > this.#bounds.output) {
      throw new BoundError(`exceeded the bound of ${this.#bounds.output} bytes in one text`);
    }
  }

  write(bytes: number): void {
    this.#output += bytes;
    if (this.#output > this.#bounds.output) {
      throw new BoundError(`exceeded the bound of ${this.#bounds.output} bytes of output`);
    }
  }

  /** To be asked when going into a value that lies within `depth` others: a map may hold itself. */
  within(depth: number): void {
    this.step();
    if (depth > this.depth) throw new BoundError(`exceeded the bound of ${this.depth} values within each other`);
  }
}
