import { constants } from 'node:fs';
import { join } from 'node:path';
import { closeFile, openDurable, type Disk, type DiskFile } from './disk.ts';
import { frameBytes, writeFrame } from './frame.ts';

/** Two segments, used in turn: while a checkpoint makes what one holds durable elsewhere, the other takes what comes. */
export const JOURNAL_FILES = ['journal-a', 'journal-b'] as const;

/** A segment grows by as much as it has, at least and at most by these: a new store writes little, one in use seldom grows. */
const LEAST_GROWTH = 64 * 1024;
const MOST_GROWTH = 1024 * 1024;
/** A frame up to this long is written out of memory that is kept. */
const KEPT_BYTES = 64 * 1024;

interface Segment {
  readonly file: DiskFile;
  /** Where the next frame goes. */
  end: number;
  /** Length of the file: what is written within costs the filesystem no change of its own books. */
  length: number;
}

/** Records of groups, durable when `append` resolves, until the segment that they lie in is used anew. */
export class Journal {
  readonly #disk: Disk;
  readonly #segments: readonly [Segment, Segment];
  #current: Segment;
  readonly #kept = Buffer.alloc(KEPT_BYTES);

  private constructor(disk: Disk, segments: readonly [Segment, Segment]) {
    this.#disk = disk;
    this.#segments = segments;
    this.#current = segments[0];
  }

  /** New and empty, or as they lie there, of the lengths given; nothing is read. */
  static async open(folder: string, disk: Disk, lengths?: readonly [number, number]): Promise<Journal> {
    const flags = lengths === undefined ? constants.O_TRUNC : 0;
    const [a, b] = JOURNAL_FILES;
    await using unused = new AsyncDisposableStack();
    const segment = async (name: string, length: number): Promise<Segment> => {
      const file = unused.adopt(await openDurable(join(folder, name), flags), closeFile);
      return { file, end: 0, length };
    };
    const segments = [await segment(a, lengths?.[0] ?? 0), await segment(b, lengths?.[1] ?? 0)] as const;
    unused.move();
    return new Journal(disk, segments);
  }

  /** What the segment in use holds. */
  get bytes(): number {
    return this.#current.end;
  }

  /** Goes on in the other segment, over what that one holds: all of it has to lie in a checkpoint. */
  turn(): void {
    const [a, b] = this.#segments;
    this.#current = this.#current === a ? b : a;
    this.#current.end = 0;
  }

  /** One durable write. One call at a time. Rejects with the system's error: then nobody knows what the segment holds. */
  async append(records: readonly Uint8Array[]): Promise<void> {
    const segment = this.#current;
    const bytes = frameBytes(records);
    const at = segment.end;
    const end = at + bytes;
    // What grows the file takes zeros along, for the frames to come: they then change bytes of the file alone.
    const growth = Math.min(Math.max(segment.length, LEAST_GROWTH), MOST_GROWTH);
    const length = end > segment.length ? Math.max(end, segment.length + growth) : segment.length;
    const written = length > segment.length ? length - at : bytes;
    const target = written <= KEPT_BYTES ? this.#kept.subarray(0, written) : Buffer.alloc(written);
    writeFrame(target, records);
    target.fill(0, bytes);
    await this.#disk.write(segment.file, target, at);
    segment.end = end;
    segment.length = length;
  }

  async close(): Promise<void> {
    for (const { file } of this.#segments) await closeFile(file);
  }
}
