/**
 * The bounded binary encoding below the region stream's frames. Each value has exactly one encoding: integers are
 * LEB128 without padding, up to 2^53 - 1; text is valid UTF-8 with a length in bytes; an option is one byte, 0 or 1.
 * Reading checks each length against its bound and against what is left, before anything is allocated.
 */

/** Why bytes are no frame. The names are told to the peer and counted. */
export type WireProblem =
  | 'truncated'
  | 'tooLong'
  | 'notCanonical'
  | 'badText'
  | 'badTag'
  | 'trailingBytes'
  | 'unknownFrame'
  | 'reservedFrame'
  | 'emptyFrame';

export class WireError extends Error {
  readonly problem: WireProblem;
  constructor(problem: WireProblem) {
    super(`malformed frame: ${problem}`);
    this.name = 'WireError';
    this.problem = problem;
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** What a frame is without its writes mostly fits. */
const ROOM = 256;
/** From so many bytes on, what is encoded already is taken as it lies, not copied. */
const WHOLE = 256;

export class Writer {
  // From Node's pool and not zeroed: only what was written leaves.
  #bytes = Buffer.allocUnsafe(ROOM);
  /** Of `#bytes`, up to `#from` lies in `#pieces`. */
  #from = 0;
  #to = 0;
  readonly #pieces: Uint8Array[] = [];

  #room(count: number): void {
    if (this.#to + count <= this.#bytes.length) return;
    const held = this.#bytes.subarray(this.#from, this.#to);
    this.#bytes = Buffer.allocUnsafe(Math.max(ROOM, held.length * 2, held.length + count));
    this.#bytes.set(held);
    this.#from = 0;
    this.#to = held.length;
  }

  byte(value: number): void {
    this.#room(1);
    this.#bytes[this.#to++] = value;
  }

  integer(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.byte((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.byte(rest);
  }

  bytes(value: Uint8Array): void {
    this.integer(value.length);
    this.#copy(value);
  }

  text(value: string): void {
    const length = Buffer.byteLength(value);
    this.integer(length);
    this.#room(length);
    this.#to += this.#bytes.write(value, this.#to);
  }

  /** What is encoded already; its bytes must not change. */
  encoded(value: Uint8Array): void {
    if (value.length < WHOLE) {
      this.#copy(value);
      return;
    }
    this.#cut();
    this.#pieces.push(value);
  }

  #copy(value: Uint8Array): void {
    this.#room(value.length);
    this.#bytes.set(value, this.#to);
    this.#to += value.length;
  }

  #cut(): void {
    if (this.#from === this.#to) return;
    const { buffer, byteOffset } = this.#bytes;
    this.#pieces.push(new Uint8Array(buffer, byteOffset + this.#from, this.#to - this.#from));
    this.#from = this.#to;
  }

  /** What was written, one piece after the other; nothing is written afterwards. */
  pieces(): readonly Uint8Array[] {
    this.#cut();
    return this.#pieces;
  }

  /** As one piece. */
  finish(): Uint8Array {
    const [first = new Uint8Array(), ...more] = this.pieces();
    return more.length === 0 ? first : new Uint8Array(Buffer.concat([first, ...more]));
  }
}

export class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  byte(): number {
    const value = this.#bytes[this.#at];
    if (value === undefined) throw new WireError('truncated');
    this.#at += 1;
    return value;
  }

  integer(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 0x80) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (value > Number.MAX_SAFE_INTEGER || scale > 2 ** 49) throw new WireError('tooLong');
      if (byte < 0x80) {
        if (byte === 0 && scale > 1) throw new WireError('notCanonical');
        return value;
      }
    }
  }

  /** In the frame's own memory. */
  lent(most: number): Uint8Array {
    const length = this.integer();
    if (length > most) throw new WireError('tooLong');
    if (length > this.left) throw new WireError('truncated');
    const value = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return value;
  }

  /** A copy: a frame is not held in memory for a few bytes of it. */
  bytes(most: number): Uint8Array {
    return new Uint8Array(this.lent(most));
  }
}

/** How one kind of value is written and read. */
export interface Kind<T> {
  readonly write: (out: Writer, value: T) => void;
  readonly read: (from: Reader) => T;
}

export const integer: Kind<number> = {
  write: (out, value) => out.integer(value),
  read: (from) => from.integer(),
};

export const flag: Kind<boolean> = {
  write: (out, value) => out.byte(value ? 1 : 0),
  read: (from) => {
    const byte = from.byte();
    if (byte > 1) throw new WireError('badTag');
    return byte === 1;
  },
};

/** Up to `most` bytes of UTF-8. */
export function text(most: number): Kind<string> {
  return {
    write: (out, value) => out.text(value),
    read: (from) => {
      const bytes = from.lent(most);
      try {
        return decoder.decode(bytes);
      } catch {
        throw new WireError('badText');
      }
    },
  };
}

export function bytes(most: number): Kind<Uint8Array> {
  return { write: (out, value) => out.bytes(value), read: (from) => from.bytes(most) };
}

/** As `bytes`; what is read is most of its frame, and shares its memory. */
export function lent(most: number): Kind<Uint8Array> {
  return { write: (out, value) => out.bytes(value), read: (from) => from.lent(most) };
}

/** Exactly `length` bytes. */
export function fixed(length: number): Kind<Uint8Array> {
  return {
    write: (out, value) => out.bytes(value),
    read: (from) => {
      const value = from.bytes(length);
      if (value.length !== length) throw new WireError('badTag');
      return value;
    },
  };
}

export function optional<T>(kind: Kind<T>): Kind<T | undefined> {
  return {
    write: (out, value) => {
      out.byte(value === undefined ? 0 : 1);
      if (value !== undefined) kind.write(out, value);
    },
    read: (from) => {
      const tag = from.byte();
      if (tag > 1) throw new WireError('badTag');
      return tag === 1 ? kind.read(from) : undefined;
    },
  };
}

/** One of a list of names, as its place. */
export function oneOf<const T extends string>(names: readonly T[]): Kind<T> {
  return {
    write: (out, value) => out.byte(names.indexOf(value)),
    read: (from) => {
      const name = names[from.byte()];
      if (name === undefined) throw new WireError('badTag');
      return name;
    },
  };
}

export function list<T>(kind: Kind<T>, most: number): Kind<readonly T[]> {
  return {
    write: (out, values) => {
      out.integer(values.length);
      for (const value of values) kind.write(out, value);
    },
    read: (from) => {
      const count = from.integer();
      if (count > most) throw new WireError('tooLong');
      // Each value takes at least a byte: a count beyond what is left is a lie, told before anything is allocated.
      if (count > from.left) throw new WireError('truncated');
      const values: T[] = [];
      for (let at = 0; at < count; at += 1) values.push(kind.read(from));
      return values;
    },
  };
}

/** Encodes each object once, however many frames it goes into: for objects that never change. */
export function once<T extends object>(kind: Kind<T>): Kind<T> {
  const encoded = new WeakMap<T, Uint8Array>();
  return {
    write: (out, value) => {
      let known = encoded.get(value);
      if (known === undefined) {
        const own = new Writer();
        kind.write(own, value);
        known = own.finish();
        encoded.set(value, known);
      }
      out.encoded(known);
    },
    read: (from) => kind.read(from),
  };
}

type Fields<T> = { readonly [K in keyof T]-?: Kind<T[K]> };

/** The fields in the order in which they are declared. */
export function record<T extends object>(fields: Fields<T>): Kind<T> {
  const names = Object.keys(fields) as (keyof T)[];
  return {
    write: (out, value) => {
      for (const name of names) fields[name].write(out, value[name]);
    },
    read: (from) => {
      const value: Partial<T> = {};
      for (const name of names) value[name] = fields[name].read(from);
      return value as T;
    },
  };
}
