/**
 * A disk that remembers what a machine that is lost at any moment could leave on it, and makes such images.
 *
 * What is durable of LMDB's file is what it held when the last flush that ended began. Of each page that was written since,
 * the disk may hold that, or anything that it held later. Of a durable write that is under way it may hold any pages.
 */
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import type { Draw } from '../../../lib/draw.testing.ts';
import { realDisk, type Disk, type DiskFile } from './disk.ts';

const PAGE = 4_096;
/** Sectors, which a disk writes whole. */
const SECTOR = 512;
/** Earlier contents of LMDB's file that pages are drawn from, beside the durable and the present one. */
const KEPT = 3;

interface UnderWay {
  readonly file: string;
  readonly bytes: Buffer;
  readonly at: number;
}

/** Called at each moment that an image can be made at. */
export type Moment = () => void;

export class RememberingDisk implements Disk {
  readonly #folder: string;
  readonly #draw: Draw;
  readonly #moment: Moment;
  /** undefined until the first flush: it is made by LMDB, which flushes by itself. */
  #durable: Buffer | undefined;
  #later: Buffer[] = [];
  #underWay: UnderWay | undefined;

  constructor(folder: string, draw: Draw, moment: Moment) {
    this.#folder = folder;
    this.#draw = draw;
    this.#moment = moment;
    if (existsSync(join(folder, 'data.mdb'))) this.#durable = this.#present();
  }

  async write(file: DiskFile, bytes: Uint8Array, at: number): Promise<void> {
    this.#underWay = { file: basename(file.path), bytes: Buffer.from(bytes), at };
    this.#moment();
    this.#underWay = undefined;
    await realDisk.write(file, bytes, at);
    this.#moment();
  }

  async flush(file: DiskFile): Promise<void> {
    const flushed = this.#present();
    this.#moment();
    await realDisk.flush(file);
    this.#durable = flushed;
    this.#later = [];
    this.#moment();
  }

  /** One more content that pages may be left of. */
  remember(): void {
    this.#later.push(this.#present());
    if (this.#later.length > KEPT) this.#later.splice(this.#draw.below(this.#later.length), 1);
  }

  /** What the disk could hold now, in a new folder. */
  image(target: string): void {
    mkdirSync(target, { mode: 0o700 });
    for (const name of ['checkpoint', 'checkpoint.new', 'journal-a', 'journal-b']) {
      if (existsSync(join(this.#folder, name))) copyFileSync(join(this.#folder, name), join(target, name));
    }
    writeFileSync(join(target, 'data.mdb'), this.#mixed());
    if (this.#underWay !== undefined) this.#tear(target, this.#underWay);
  }

  #present(): Buffer {
    return readFileSync(join(this.#folder, 'data.mdb'));
  }

  #mixed(): Buffer {
    const present = this.#present();
    // Before the first flush of ours the file is as LMDB's own flush left it.
    const durable = this.#durable ?? present;
    const contents = [durable, ...this.#later, present];
    // Also only one of them, or hardly any of another: what a mixture at even odds seldom is.
    const favourite = this.#draw.below(3) === 0 ? undefined : contents[this.#draw.below(contents.length)];
    const length = contents[this.#draw.below(contents.length)]?.length ?? 0;
    const mixed = Buffer.alloc(Math.max(length, durable.length));
    for (let at = 0; at < mixed.length; at += PAGE) {
      const other = contents[this.#draw.below(contents.length)];
      const from = favourite !== undefined && this.#draw.below(10) > 0 ? favourite : other;
      if (from !== undefined) mixed.set(from.subarray(at, at + PAGE), at);
    }
    return mixed;
  }

  #tear(target: string, { file, bytes, at }: UnderWay): void {
    const path = join(target, file);
    if (!existsSync(path)) return;
    const descriptor = openSync(path, 'r+');
    // None of it, all, up to somewhere, or any sectors.
    const kind = this.#draw.below(4);
    const whole = [0, bytes.length, this.#draw.below(bytes.length), bytes.length][kind] ?? 0;
    for (let from = 0; from < whole; from += SECTOR) {
      if (kind === 3 && this.#draw.below(2) === 0) continue;
      writeSync(descriptor, bytes, from, Math.min(SECTOR, whole - from), at + from);
    }
    closeSync(descriptor);
  }
}
