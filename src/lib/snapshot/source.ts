/** Bytes of a stream, taken in the pieces that a parser wants. */
import { errorCode } from '../error-code.ts';
import { fail } from '../../errors.ts';

export class ByteSource {
  readonly #pieces: AsyncIterator<Uint8Array>;
  #buffer: Buffer = Buffer.alloc(0);
  #at = 0;

  constructor(stream: AsyncIterable<Uint8Array>) {
    this.#pieces = stream[Symbol.asyncIterator]();
  }

  /** Exactly `length` bytes. Throws `snapshotDamaged`, naming what they were to be, when the stream ends before. */
  async take(length: number, what: string): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (let left = length; left > 0;) {
      if (this.#at === this.#buffer.length && !(await this.#more(what))) {
        throw fail('snapshotDamaged', `the snapshot is cut short: it ends in ${what}`);
      }
      const part = this.#buffer.subarray(this.#at, this.#at + left);
      parts.push(part);
      this.#at += part.length;
      left -= part.length;
    }
    const [only] = parts;
    return parts.length === 1 && only !== undefined ? only : Buffer.concat(parts, length);
  }

  /** Whether nothing follows. What a compressed stream holds counts only once its end has been checked. */
  async isAtEnd(what: string): Promise<boolean> {
    while (this.#at === this.#buffer.length) if (!(await this.#more(what))) return true;
    return false;
  }

  async #more(what: string): Promise<boolean> {
    try {
      const next: IteratorResult<Uint8Array, unknown> = await this.#pieces.next();
      if (next.done === true) return false;
      const { value } = next;
      this.#buffer = Buffer.from(value.buffer, value.byteOffset, value.length);
      this.#at = 0;
      return true;
    } catch (error) {
      throw explained(error, what);
    }
  }
}

/** zlib's own errors; what the stream below it throws (a client that went away, a disk) stays as it is. */
function explained(error: unknown, what: string): unknown {
  const code = errorCode(error);
  if (code === 'Z_BUF_ERROR') return fail('snapshotDamaged', `the snapshot is cut short: it ends in ${what}`);
  if (code.startsWith('Z_'))
    return fail('snapshotDamaged', `the snapshot is damaged: its compression breaks in ${what}`);
  return error;
}
