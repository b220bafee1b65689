/**
 * The records of `state.bin`: messages of Protocol Buffers, each behind its length, of the shape that Vault's own tools
 * expect there (`StorageEntry`: 1 the key, 2 the value). Field 15 is ours and marks a deletion.
 */
import { fail } from '../../errors.ts';

export interface SnapshotRecord {
  readonly key: string;
  /** undefined deletes the key: it was there when its page was read, and was deleted before the snapshot's moment. */
  readonly value: Uint8Array | undefined;
}

const KEY_TAG = 0x0a;
const VALUE_TAG = 0x12;
const DELETED = Buffer.from([0x78, 0x01]);

export function varint(value: number): Buffer {
  const bytes: number[] = [];
  let left = value;
  while (left >= 0x80) {
    bytes.push((left % 0x80) | 0x80);
    left = Math.floor(left / 0x80);
  }
  bytes.push(left);
  return Buffer.from(bytes);
}

export function encodeRecord({ key, value }: SnapshotRecord): Buffer {
  const name = Buffer.from(key);
  const tail = value === undefined ? [DELETED] : [Buffer.of(VALUE_TAG), varint(value.length), value];
  const parts = [Buffer.of(KEY_TAG), varint(name.length), name, ...tail];
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([varint(length), ...parts]);
}

/** Reads what has been checked against its sum already: a message that does not parse was written by another format. */
export class RecordCursor {
  readonly #bytes: Buffer;
  readonly #where: string;
  #at = 0;

  constructor(bytes: Buffer, where: string) {
    this.#bytes = bytes;
    this.#where = where;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  next(): SnapshotRecord {
    const length = this.#varint();
    const end = this.#at + length;
    if (end > this.#bytes.length) throw this.#damaged();
    const key = this.#field(KEY_TAG, end);
    if (key === undefined) throw this.#damaged();
    const value = this.#field(VALUE_TAG, end);
    if (value === undefined && !this.#bytes.subarray(this.#at, end).equals(DELETED)) throw this.#damaged();
    if (value !== undefined && this.#at !== end) throw this.#damaged();
    this.#at = end;
    return { key: key.toString('utf8'), value };
  }

  #field(tag: number, end: number): Buffer | undefined {
    if (this.#at >= end || this.#bytes[this.#at] !== tag) return undefined;
    this.#at += 1;
    const length = this.#varint();
    const from = this.#at;
    if (from + length > end) throw this.#damaged();
    this.#at = from + length;
    return this.#bytes.subarray(from, from + length);
  }

  #varint(): number {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 42; scale *= 0x80) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) throw this.#damaged();
      this.#at += 1;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    throw this.#damaged();
  }

  #damaged(): Error {
    return fail('snapshotDamaged', `the snapshot is damaged: a record of ${this.#where} does not parse`);
  }
}
