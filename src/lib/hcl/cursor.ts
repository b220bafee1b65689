import { HclError, type Position } from './ast.ts';

/** Bounds on what is parsed: configuration and policies are small, and policies come from the network. */
export const limits = {
  /** Bytes of UTF-8. */
  size: 1024 * 1024,
  /** Blocks, objects and lists inside each other. */
  depth: 64,
  /** Attributes, blocks, labels and list elements together. */
  count: 100_000,
  /** Labels of one block. */
  labels: 8,
} as const;

/** A place in a text that only moves forward, and the counts that bound the work. */
export class Cursor {
  readonly text: string;
  readonly name: string;
  offset = 0;
  #line = 1;
  #lineStart = 0;
  #depth = 0;
  #count = 0;

  /** Throws HclError when the text is larger than `limits.size`. */
  constructor(text: string, name: string) {
    this.text = text;
    this.name = name;
    if (text.charCodeAt(0) === 0xfeff) this.#lineStart = this.offset = 1;
    if (text.length > limits.size || Buffer.byteLength(text) > limits.size) {
      throw this.error(`the text is larger than ${limits.size} bytes`);
    }
  }

  /** The UTF-16 unit at the cursor (or `ahead` of it); NaN past the end. */
  peek(ahead = 0): number {
    return this.text.charCodeAt(this.offset + ahead);
  }

  atEnd(): boolean {
    return this.offset >= this.text.length;
  }

  /** Moves one unit on and counts lines. */
  advance(): void {
    if (this.peek() === 0x0a) this.newline(this.offset + 1);
    this.offset += 1;
  }

  /** Says that a line begins at `start`; for callers that move `offset` themselves. */
  newline(start: number): void {
    this.#line += 1;
    this.#lineStart = start;
  }

  position(): Position {
    return { name: this.name, line: this.#line, column: this.offset - this.#lineStart + 1 };
  }

  error(problem: string, position = this.position()): HclError {
    return new HclError(position, problem);
  }

  /** Counts one more thing. Throws HclError beyond `limits.count`. */
  counted(): void {
    this.#count += 1;
    if (this.#count > limits.count) throw this.error(`more than ${limits.count} keys, labels and list elements`);
  }

  /** Runs `work` one level deeper. Throws HclError beyond `limits.depth`. */
  nested<T>(work: () => T): T {
    if (this.#depth >= limits.depth) throw this.error(`nested more than ${limits.depth} levels deep`);
    this.#depth += 1;
    const result = work();
    this.#depth -= 1;
    return result;
  }
}
