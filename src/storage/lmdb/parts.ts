import { fail } from '../../errors.ts';

const INLINE = 0;
/** Of stores before `lockstep-lmdb/3`: parts of 16 pages. */
const LONG_PARTS = 1;
const PAGE_PARTS = 2;

/**
 * Large values lie in parts of a page of 4 KiB, less LMDB's page header. LMDB puts what is larger into consecutive pages: where no
 * free ones lie together it goes through all free pages of the file, with each write again, and then makes the file longer.
 */
const PART_BYTES = 4 * 1024 - 64;
const LONG_PART_BYTES = 64 * 1024 - 64;

/** What the parts belong to (1), the sequence of its batch (8), the number of the write in it (4). */
const ID_BYTES = 13;
/** Tag, id, length. */
const POINTER_BYTES = 1 + ID_BYTES + 4;

const OWNERS = { data: 'd', log: 'l' } as const;

export type PartsId = Buffer;

/** The table that parts lie in, by id and number. */
export interface Parts {
  get(key: Uint8Array): Uint8Array | undefined;
  put(key: Uint8Array, part: Uint8Array): void;
  remove(key: Uint8Array): void;
}

export function partsId(owner: 'data' | 'log', sequence: number, write: number): PartsId {
  const id = Buffer.alloc(ID_BYTES);
  id.write(OWNERS[owner], 0, 'latin1');
  id.writeBigUInt64BE(BigInt(sequence), 1);
  id.writeUInt32BE(write, 9);
  return id;
}

/** The range of the table that the parts of values lie in: those of records come after it. */
export const VALUE_PARTS = { start: Buffer.from(OWNERS.data), end: Buffer.from(OWNERS.log) } as const;

function partKey(id: Uint8Array, number: number): Buffer {
  const key = Buffer.alloc(ID_BYTES + 4);
  key.set(id);
  key.writeUInt32BE(number, ID_BYTES);
  return key;
}

/** The stored form of `bytes`: they themselves behind a tag, or, where both are more than a part, a pointer to parts under `id`. */
export function store(bytes: Uint8Array, id: () => PartsId, parts: Pick<Parts, 'put'>): Buffer {
  if (bytes.length < PART_BYTES) {
    const stored = Buffer.allocUnsafe(1 + bytes.length);
    stored.writeUInt8(INLINE);
    stored.set(bytes, 1);
    return stored;
  }
  const name = id();
  for (let number = 0, at = 0; at < bytes.length; number++, at += PART_BYTES) {
    // A copy: lmdb-js remembers the address of each array buffer that it is given, whole.
    parts.put(partKey(name, number), new Uint8Array(bytes.subarray(at, at + PART_BYTES)));
  }
  const pointer = Buffer.alloc(POINTER_BYTES);
  pointer.writeUInt8(PAGE_PARTS);
  pointer.set(name, 1);
  pointer.writeUInt32BE(bytes.length, 1 + ID_BYTES);
  return pointer;
}

interface Pointer {
  readonly id: Uint8Array;
  readonly length: number;
  /** Of each part but the last. */
  readonly partBytes: number;
}

function pointerOf(stored: Uint8Array): Pointer | undefined {
  const [tag] = stored;
  if ((tag !== PAGE_PARTS && tag !== LONG_PARTS) || stored.length !== POINTER_BYTES) return undefined;
  const view = Buffer.from(stored.buffer, stored.byteOffset, stored.length);
  return {
    id: view.subarray(1, 1 + ID_BYTES),
    length: view.readUInt32BE(1 + ID_BYTES),
    partBytes: tag === PAGE_PARTS ? PART_BYTES : LONG_PART_BYTES,
  };
}

/** The bytes behind a stored form. Throws `corrupt`, naming what they are, when it is none or a part is missing. */
export function load(stored: Uint8Array, parts: Pick<Parts, 'get'>, what: string, name: string | number): Uint8Array {
  if (stored[0] === INLINE) return stored.subarray(1);
  const pointer = pointerOf(stored);
  if (pointer === undefined) throw fail('corrupt', `${what} ${name} is damaged: its stored form is unknown`);
  const bytes = new Uint8Array(pointer.length);
  for (let number = 0, at = 0; at < bytes.length; number++) {
    const part = parts.get(partKey(pointer.id, number));
    if (part === undefined || part.length !== Math.min(pointer.partBytes, bytes.length - at)) {
      throw fail('corrupt', `${what} ${name} is damaged: part ${number} of it is missing or cut`);
    }
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Whether a stored form is a pointer to parts. */
export function isParted(stored: Uint8Array): boolean {
  return stored[0] !== INLINE;
}

/** The length of the bytes behind a stored form, without reading them. */
export function lengthOf(stored: Uint8Array): number {
  return pointerOf(stored)?.length ?? stored.length - 1;
}

/** Removes the parts of a stored form that is replaced or deleted; one without parts has none. */
export function discard(stored: Uint8Array | undefined, parts: Pick<Parts, 'remove'>): void {
  const pointer = stored === undefined ? undefined : pointerOf(stored);
  if (pointer === undefined) return;
  for (let number = 0; number * pointer.partBytes < pointer.length; number++) parts.remove(partKey(pointer.id, number));
}
