import { fail } from '../../errors.ts';

/**
 * Large values lie in parts: LMDB puts what is larger than a page into consecutive pages, which a file in use has fewer
 * and fewer of. A part takes 16 pages of 4 KiB, less LMDB's page header.
 */
const PART_BYTES = 64 * 1024 - 64;

const INLINE = 0;
const PARTS = 1;
/** What the parts belong to (1), the sequence of its batch (8), the number of the write in it (4). */
const ID_BYTES = 13;
/** Tag, id, length. */
const POINTER_BYTES = 1 + ID_BYTES + 4;

export type PartsId = Buffer;

/** The table that parts lie in, by id and number. */
export interface Parts {
  get(key: Uint8Array): Uint8Array | undefined;
  put(key: Uint8Array, part: Uint8Array): void;
  remove(key: Uint8Array): void;
}

export function partsId(owner: 'data' | 'log', sequence: number, write: number): PartsId {
  const id = Buffer.alloc(ID_BYTES);
  id.write(owner === 'data' ? 'd' : 'l', 0, 'latin1');
  id.writeBigUInt64BE(BigInt(sequence), 1);
  id.writeUInt32BE(write, 9);
  return id;
}

function partKey(id: Uint8Array, number: number): Buffer {
  const key = Buffer.alloc(ID_BYTES + 4);
  key.set(id);
  key.writeUInt32BE(number, ID_BYTES);
  return key;
}

/** The stored form of `bytes`; what does not fit into one part goes into the table under `id`. */
export function store(bytes: Uint8Array, id: () => PartsId, parts: Pick<Parts, 'put'>): Buffer {
  if (bytes.length <= PART_BYTES) {
    const stored = Buffer.allocUnsafe(1 + bytes.length);
    stored.writeUInt8(INLINE);
    stored.set(bytes, 1);
    return stored;
  }
  const name = id();
  for (let number = 0, at = 0; at < bytes.length; number++, at += PART_BYTES) {
    // A copy: lmdb-js remembers the address of each array buffer that it is given, whole.
    parts.put(partKey(name, number), Uint8Array.from(bytes.subarray(at, at + PART_BYTES)));
  }
  const pointer = Buffer.alloc(POINTER_BYTES);
  pointer.writeUInt8(PARTS);
  pointer.set(name, 1);
  pointer.writeUInt32BE(bytes.length, 1 + ID_BYTES);
  return pointer;
}

function pointerOf(stored: Uint8Array): { id: Uint8Array; length: number } | undefined {
  if (stored[0] !== PARTS || stored.length !== POINTER_BYTES) return undefined;
  const view = Buffer.from(stored.buffer, stored.byteOffset, stored.length);
  return { id: view.subarray(1, 1 + ID_BYTES), length: view.readUInt32BE(1 + ID_BYTES) };
}

/** The bytes behind a stored form. Throws `corrupt` when it is none or a part is missing; `name` stands in the error. */
export function load(stored: Uint8Array, parts: Pick<Parts, 'get'>, name: string): Uint8Array {
  if (stored[0] === INLINE) return stored.subarray(1);
  const pointer = pointerOf(stored);
  if (pointer === undefined) throw fail('corrupt', `${name} is damaged: its stored form is unknown`);
  const bytes = new Uint8Array(pointer.length);
  for (let number = 0, at = 0; at < bytes.length; number++) {
    const part = parts.get(partKey(pointer.id, number));
    if (part === undefined || part.length !== Math.min(PART_BYTES, bytes.length - at)) {
      throw fail('corrupt', `${name} is damaged: part ${number} of it is missing or cut`);
    }
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** The length of the bytes behind a stored form, without reading them. */
export function lengthOf(stored: Uint8Array): number {
  return pointerOf(stored)?.length ?? stored.length - 1;
}

/** Removes the parts of a stored form that is replaced or deleted; one without parts has none. */
export function discard(stored: Uint8Array | undefined, parts: Pick<Parts, 'remove'>): void {
  const pointer = stored === undefined ? undefined : pointerOf(stored);
  if (pointer === undefined) return;
  for (let number = 0; number * PART_BYTES < pointer.length; number++) parts.remove(partKey(pointer.id, number));
}
