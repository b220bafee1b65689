/**
 * Reads a spool while it is written. Each line begins with its length, so that what a crash or a full disk cut off is
 * known for what it is: it was never on record, and nobody is sent half an entry.
 */
import { open, type FileHandle } from 'node:fs/promises';
import type { SpoolCipher } from './cipher.ts';
import { pieceFile, type Place } from './folder.ts';
import type { SpoolState } from './state.ts';
import { errorCode } from '../../../lib/error-code.ts';

const READ_BYTES = 64 * 1024;

export interface SpooledEntry {
  /** As the sink takes it, with its newline. */
  readonly line: Buffer;
  /** Behind it. */
  readonly end: Place;
  /** What it takes in the spool. */
  readonly bytes: number;
}

/** As it stands in the spool. */
export const spooled = (line: string): string => `${String(Buffer.byteLength(line))} ${line}`;

export interface ReaderOptions {
  readonly folder: string;
  readonly from: Place;
  readonly state: Pick<SpoolState, 'piece'>;
  readonly cipher: SpoolCipher | undefined;
  /** Told of what is no entry. */
  readonly skipped: (reason: string, bytes: number, piece: number) => void;
}

const CUT = 'part of an entry in the audit spool was never recorded';
const FOREIGN = 'an entry in the audit spool cannot be decrypted: the key of its device is gone';

export class SpoolReader implements AsyncDisposable {
  readonly #options: ReaderOptions;
  #place: Place;
  #open: { readonly piece: number; readonly handle: FileHandle } | undefined;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.#place = options.from;
  }

  /** Where the next entry begins. */
  get place(): Place {
    return this.#place;
  }

  seek(place: Place): void {
    this.#place = place;
  }

  /** Some of the entries that follow; none: all that is written was read. */
  async next(): Promise<readonly SpooledEntry[]> {
    for (;;) {
      const { piece } = this.#place;
      // Asked before reading: once a later piece is written, nothing is added to this one.
      const ended = this.#options.state.piece > piece;
      const bytes = await this.#read();
      const entries = this.#entriesOf(bytes);
      if (entries.length > 0) return entries;
      if (bytes.includes(0x0a)) continue;
      if (!ended) return [];
      if (bytes.length > 0) this.#options.skipped(CUT, bytes.length, piece);
      this.#place = { piece: piece + 1, offset: 0 };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#open?.handle.close();
    this.#open = undefined;
  }

  /** At least one whole line, where there is one. */
  async #read(): Promise<Buffer> {
    const handle = await this.#handle();
    if (handle === undefined) return Buffer.alloc(0);
    for (let size = READ_BYTES; ; size *= 4) {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(size), 0, size, this.#place.offset);
      if (bytesRead < size || buffer.includes(0x0a)) return buffer.subarray(0, bytesRead);
    }
  }

  /** undefined for a piece that nobody has written to yet. */
  async #handle(): Promise<FileHandle | undefined> {
    const { piece } = this.#place;
    if (this.#open?.piece === piece) return this.#open.handle;
    await this[Symbol.asyncDispose]();
    try {
      const handle = await open(pieceFile(this.#options.folder, piece), 'r');
      this.#open = { piece, handle };
      return handle;
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  #entriesOf(bytes: Buffer): readonly SpooledEntry[] {
    const entries: SpooledEntry[] = [];
    const { piece } = this.#place;
    let start = 0;
    for (let end = bytes.indexOf(0x0a); end >= 0; end = bytes.indexOf(0x0a, start)) {
      const whole = bytes.subarray(start, end + 1);
      start = end + 1;
      this.#place = { piece, offset: this.#place.offset + whole.length };
      const stored = lineOf(whole);
      const { cipher, skipped } = this.#options;
      const line = stored === undefined || cipher === undefined ? stored : cipher.open(stored);
      if (line === undefined) skipped(stored === undefined ? CUT : FOREIGN, whole.length, piece);
      else entries.push({ line, end: this.#place, bytes: whole.length });
    }
    return entries;
  }
}

function lineOf(whole: Buffer): Buffer | undefined {
  const space = whole.indexOf(0x20);
  const length = space < 1 || space > 10 ? Number.NaN : Number(whole.toString('latin1', 0, space));
  return whole.length - space - 1 === length ? whole.subarray(space + 1) : undefined;
}
