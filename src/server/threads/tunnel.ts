/**
 * A connection that another thread took over for another protocol, carried byte by byte to the thread that serves it: a
 * socket cannot change its thread. Both ends are the same kind of stream, and each holds back as the other does.
 */
import { Duplex } from 'node:stream';
import type { IncomingHttpHeaders } from 'node:http';
import type { Handed } from './handover.ts';

export interface Opening {
  readonly id: number;
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  /** What came behind the head already. */
  readonly head: Uint8Array;
  readonly parsed: Handed;
}

export interface Piece {
  readonly id: number;
  readonly bytes: Uint8Array;
}

export interface End {
  readonly id: number;
  readonly abrupt: boolean;
}

/** The way to the other thread. */
export interface Far {
  /** Resolves once the other end has taken the bytes. */
  readonly data: (piece: Piece) => Promise<unknown>;
  readonly end: (end: End) => void;
}

/** One end of each tunnel between two threads, by number. */
export class Tunnels {
  readonly #far: Far;
  readonly #ends = new Map<number, TunnelEnd>();

  constructor(far: Far) {
    this.#far = far;
  }

  /** What the other thread asks of this one. */
  readonly answers = {
    tunnelData: ({ id, bytes }: Piece): Promise<void> => this.#received(id, bytes),
    tunnelEnd: ({ id, abrupt }: End): void => this.#ended(id, abrupt),
  };

  open(id: number): Duplex {
    const end = new TunnelEnd(id, this.#far, () => this.#ends.delete(id));
    this.#ends.set(id, end);
    return end;
  }

  /** From the other end. Resolves once they were taken; what is for an end that is gone is dropped. */
  async #received(id: number, bytes: Uint8Array): Promise<void> {
    await this.#ends.get(id)?.receive(bytes);
  }

  #ended(id: number, abrupt: boolean): void {
    this.#ends.get(id)?.farEnded(abrupt);
  }

  /** The other thread is gone. */
  cut(): void {
    for (const end of this.#ends.values()) end.destroy();
  }
}

class TunnelEnd extends Duplex {
  readonly #id: number;
  readonly #far: Far;
  readonly #gone: () => void;
  #wanted: (() => void) | undefined;
  #allReceived = false;

  constructor(id: number, far: Far, gone: () => void) {
    super({ allowHalfOpen: true });
    this.#id = id;
    this.#far = far;
    this.#gone = gone;
  }

  async receive(bytes: Uint8Array): Promise<void> {
    if (this.destroyed || this.push(bytes)) return;
    await new Promise<void>((resolve) => {
      this.#wanted = resolve;
    });
  }

  /** What came before is still read to its end, however slowly, also when the other end is gone meanwhile. */
  farEnded(abrupt: boolean): void {
    if (!abrupt) {
      this.#allReceived = true;
      this.push(null);
    } else if (this.#allReceived && !this.readableEnded) this.once('end', () => this.destroy());
    else this.destroy();
  }

  override _read(): void {
    this.#wanted?.();
    this.#wanted = undefined;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    // A copy: cloning a piece of Node's pool would carry all of the pool.
    this.#far.data({ id: this.#id, bytes: Uint8Array.from(chunk) }).then(() => done(), done);
  }

  override _final(done: () => void): void {
    this.#far.end({ id: this.#id, abrupt: false });
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this._read();
    this.#far.end({ id: this.#id, abrupt: true });
    this.#gone();
    done(error);
  }
}
