import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fail } from '../../errors.ts';
import { roomIn } from '../../lib/disk-room.ts';
import { failpoint } from '../../lib/failpoint.ts';
import { checkKey } from '../key.ts';
import type { Medium } from '../local/medium.ts';
import type { NewHistory, Replacement } from '../local/replacement.ts';
import type { Write } from '../store.ts';
import { causeOf } from './cause.ts';
import { discard, load, partsId, store, type Parts, type PartsId } from './parts.ts';
import { DATA_FILE, syncNames } from './data-directory.ts';
import { freshReader, openEnvironment, type Environment, type ReadTransaction } from './environment.ts';
import { flushWhole } from './file-length.ts';
import { makeCurrent, nextEnvironment } from './generation.ts';
import type { Disk } from './journal/disk.ts';
import { placeRecord, putMeta, STORE_FORMAT, type Meta } from './meta.ts';

/** Only used inside of write transactions, where it reads what they wrote. */
function partsOf({ parts }: Environment): Parts {
  return {
    get: (key) => parts.getBinary(key),
    put: (key, part) => void parts.put(key, Buffer.from(part.buffer, part.byteOffset, part.length)),
    remove: (key) => void parts.remove(key),
  };
}

/** One write, within a write transaction; `id` names the parts of a large value. */
function putValue({ data }: Environment, parts: Parts, { key, value }: Write, id: () => PartsId): void {
  discard(data.getBinary(key), parts);
  if (value === undefined) void data.remove(key);
  else void data.put(key, store(value, id, parts));
}

export interface ReplacementOptions {
  /** The data directory. */
  readonly path: string;
  /** Makes the store's medium of the new environment, which is the directory's from then on. */
  readonly adopt: (environment: Environment, folder: string, meta: Meta, opened: () => void) => Medium;
  readonly disk: Disk;
  readonly die: (error: unknown) => void;
}

/** An LMDB environment in a folder of the data directory, until `install` makes it the store. */
export class LmdbReplacement implements Replacement {
  readonly #options: ReplacementOptions;
  readonly #folder: string;
  readonly #environment: Environment;
  #written = 0;
  #meta: Meta | undefined;

  constructor(options: ReplacementOptions) {
    this.#options = options;
    this.#folder = nextEnvironment(options.path);
    mkdirSync(this.#folder, { mode: 0o700 });
    this.#environment = openEnvironment(this.#folder);
  }

  get(key: string): Uint8Array | undefined {
    const { data, parts } = this.#environment;
    const stored = data.getBinary(key);
    if (stored === undefined) return undefined;
    return load(stored, { get: (part) => parts.getBinary(part) }, 'the stored value of', key);
  }

  async write(writes: readonly Write[]): Promise<void> {
    // Before LMDB sees them: what it does not take ends the process.
    for (const { key } of writes) checkKey(key);
    await this.#checkSpace(writes);
    const parts = partsOf(this.#environment);
    await this.#commit(() => {
      for (const write of writes) {
        // Batches of a log count from 1, so that no later value has this name.
        const id = () => partsId('data', 0, this.#written);
        putValue(this.#environment, parts, write, id);
        this.#written += 1;
      }
    });
    failpoint('snapshot.in-load');
  }

  async complete({ log, epoch, head }: NewHistory): Promise<void> {
    const place = placeRecord(head, 0);
    const made: Meta = { format: STORE_FORMAT, identity: { log, epoch }, head: place, oldest: place };
    await this.#commit(() => putMeta(this.#environment, made));
    // All of it, which no transaction flushed: no checkpoint lies beside it, so that it counts as it is.
    try {
      await flushWhole(this.#environment.root, join(this.#folder, DATA_FILE), this.#options.disk);
    } catch (error) {
      throw this.#failed(error);
    }
    syncNames(this.#folder);
    this.#meta = made;
    failpoint('snapshot.complete');
  }

  async install(): Promise<Medium> {
    if (this.#meta === undefined) throw fail('internal', 'a replacement was installed before it was complete');
    // Held until the medium has a view of its own: from the switch on, other processes know this one by its readers.
    let reader: ReadTransaction | undefined = freshReader(this.#environment.root);
    try {
      makeCurrent(this.#options.path, this.#folder);
    } catch (error) {
      // Which of the two is the store then is not known: nothing more may go into the old one.
      throw this.#failed(error);
    }
    return this.#options.adopt(this.#environment, this.#folder, this.#meta, () => {
      reader?.done();
      reader = undefined;
    });
  }

  async discard(): Promise<void> {
    await this.#environment.root.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #checkSpace(writes: readonly Write[]): Promise<void> {
    const needed = writes.reduce((sum, { value }) => sum + 4_096 + 2 * (value?.length ?? 0), 0);
    if ((await roomIn(this.#folder)) < needed) {
      throw fail(
        'internal',
        `there is no room in ${this.#options.path} for what is restored: free the disk, then try again`,
      );
    }
  }

  /** A write that fails leaves lmdb-js with a damaged heap (see `local/end-process.ts`). The old store is untouched on the disk. */
  async #commit(write: () => void): Promise<void> {
    try {
      await this.#environment.root.childTransaction(write);
    } catch (error) {
      throw this.#failed(await causeOf(error));
    }
  }

  #failed(cause: unknown): Error {
    const failed = fail('internal', 'what is restored could not be written', { cause });
    this.#options.die(failed);
    return failed;
  }
}
