import { constants, existsSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { fail } from '../../../errors.ts';
import { sha256 } from '../../../lib/crypto/hash.ts';
import { failpoint } from '../../../lib/failpoint.ts';
import type { Place } from '../../local/medium.ts';
import { syncDirectory } from '../data-directory.ts';
import { placeOf, placeRecord, type PlaceRecord } from '../meta.ts';
import { closeFile, openDurable, type Disk, type DiskFile } from './disk.ts';
import { PAGE } from './frame.ts';

export const CHECKPOINT_FILE = 'checkpoint';
/** Left by a crash in the middle of the first one. */
const NEW_FILE = `${CHECKPOINT_FILE}.new`;
export const CHECKPOINT_FILES = [CHECKPOINT_FILE, NEW_FILE] as const;
/** The layout of a slot. Another one is refused by name. */
const VERSION = 1;
const SUM_BYTES = 32;

/** A state of LMDB's file that is durable, whatever was written to the file since. */
export interface Checkpoint {
  /** Counts them: of two the greater is the newer one. */
  readonly number: number;
  /** The store was closed with it: LMDB's file is as it says, and the journal says nothing. */
  readonly closed: boolean;
  /** The newest batch that the state holds. */
  readonly place: Place;
  /** LMDB's first two pages, which lead to the state. */
  readonly headers: Buffer;
}

interface Described {
  readonly version: number;
  readonly number: number;
  readonly closed: boolean;
  readonly place: PlaceRecord;
}

/** SHA-256 of all that follows, length of the JSON (4) and the JSON that describes it, zeros up to a page; then the headers. */
function encodeSlot({ number, closed, place, headers }: Checkpoint): Buffer {
  const described: Described = { version: VERSION, number, closed, place: placeRecord(place, 0) };
  const json = Buffer.from(JSON.stringify(described));
  const slot = Buffer.alloc(PAGE + headers.length);
  slot.writeUInt32BE(json.length, SUM_BYTES);
  slot.set(json, SUM_BYTES + 4);
  slot.set(headers, PAGE);
  slot.set(sha256(slot.subarray(SUM_BYTES)), 0);
  return slot;
}

/** undefined when its sum does not hold. Throws `formatVersion`. */
function decodeSlot(slot: Buffer, path: string): Checkpoint | undefined {
  if (slot.length <= PAGE || !sha256(slot.subarray(SUM_BYTES)).equals(slot.subarray(0, SUM_BYTES))) return undefined;
  const start = SUM_BYTES + 4;
  const json = slot.toString('utf8', start, start + slot.readUInt32BE(SUM_BYTES));
  const { version, number, closed, place } = JSON.parse(json) as Described;
  if (version !== VERSION) {
    throw fail('formatVersion', `${path} has the version ${version}: this program reads version ${VERSION}`);
  }
  return { number, closed, place: placeOf(place), headers: slot.subarray(PAGE) };
}

/**
 * The file that names the newest checkpoint: two slots of one length, one of which counts. A new one is written into the
 * other, and only when it is durable the old one is made void: a write that was cut leaves the old one, whose pages and
 * records are there as yet, and a slot that is damaged later never brings back an old one, whose are not.
 */
export class CheckpointFile {
  readonly #disk: Disk;
  readonly #file: DiskFile;
  #newest: Checkpoint;
  /** Which slot that lies in. */
  #at: 0 | 1;
  #closing: Promise<void> | undefined;

  private constructor(disk: Disk, file: DiskFile, newest: Checkpoint, at: 0 | 1) {
    this.#disk = disk;
    this.#file = file;
    this.#newest = newest;
    this.#at = at;
  }

  /** Makes it with its first checkpoint, whole and durable or not at all. */
  static async create(folder: string, disk: Disk, first: Checkpoint): Promise<CheckpointFile> {
    const slot = encodeSlot(first);
    await using unused = new AsyncDisposableStack();
    const fresh = unused.adopt(await openDurable(join(folder, NEW_FILE), constants.O_TRUNC), closeFile);
    await disk.write(fresh, Buffer.concat([slot, Buffer.alloc(slot.length)]), 0);
    failpoint('storage.before-first-checkpoint');
    renameSync(fresh.path, join(folder, CHECKPOINT_FILE));
    syncDirectory(folder);
    unused.move();
    return new CheckpointFile(disk, { ...fresh, path: join(folder, CHECKPOINT_FILE) }, first, 0);
  }

  /** As it lies there. Throws `corrupt` when no slot of it is whole, `formatVersion`. */
  static async open(folder: string, disk: Disk): Promise<CheckpointFile> {
    const path = join(folder, CHECKPOINT_FILE);
    const bytes = readFileSync(path);
    const [first, second] = [bytes.subarray(0, bytes.length / 2), bytes.subarray(bytes.length / 2)];
    const [a, b] = [decodeSlot(first, path), decodeSlot(second, path)];
    const at = b !== undefined && (a === undefined || b.number > a.number) ? 1 : 0;
    const newest = at === 1 ? b : a;
    if (newest === undefined) throw fail('corrupt', `${path} is damaged: restore a snapshot`);
    return new CheckpointFile(disk, await openDurable(path), newest, at);
  }

  static isThere(folder: string): boolean {
    return existsSync(join(folder, CHECKPOINT_FILE));
  }

  get newest(): Checkpoint {
    return this.#newest;
  }

  /** From the moment on that it resolves the checkpoint before counts for nothing. */
  async write(checkpoint: Checkpoint): Promise<void> {
    const slot = encodeSlot(checkpoint);
    const old = this.#at;
    const at = old === 0 ? 1 : 0;
    await this.#disk.write(this.#file, slot, at * slot.length);
    this.#newest = checkpoint;
    this.#at = at;
    failpoint('storage.in-slots');
    await this.#disk.write(this.#file, Buffer.alloc(PAGE), old * slot.length);
  }

  /**
   * Makes durable what was read: after a write that failed it may have been in the kernel's memory alone. Into its own slot
   * first, so that the other one holds for as long as this is not whole.
   */
  async confirm(): Promise<void> {
    const slot = encodeSlot(this.#newest);
    await this.#disk.write(this.#file, slot, this.#at * slot.length);
    await this.#disk.write(this.#file, Buffer.alloc(PAGE), (this.#at === 0 ? 1 : 0) * slot.length);
  }

  /** As often as one likes: whoever opened it closes it, also when it has gone on to another owner. */
  close(): Promise<void> {
    this.#closing ??= closeFile(this.#file);
    return this.#closing;
  }
}
