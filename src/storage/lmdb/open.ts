import { fail } from '../../errors.ts';
import { endProcess } from '../local/end-process.ts';
import { LocalStore } from '../local/local-store.ts';
import type { SnapshotLimit } from '../local/views.ts';
import { openEnvironment, prepareDirectory, type Environment } from './environment.ts';
import { currentEnvironment, dropOthers } from './generation.ts';
import { claim, claimDirectory, claimHere, type ReadTransaction } from './holder.ts';
import { Checkpoints, CHECKPOINT_LIMITS, type CheckpointLimits } from './journal/checkpoints.ts';
import { realDisk, type Disk } from './journal/disk.ts';
import { baseOf, goBack, leftBehind, replay, type LeftBehind } from './journal/recover.ts';
import { isBlank, isToBeMade, make, upgrade } from './make.ts';
import { LmdbMedium, type LmdbParts } from './medium.ts';
import { placeOf, readMeta, type Meta } from './meta.ts';
import { LmdbReplacement } from './replacement.ts';
import { Tables } from './tables.ts';
import { checkTail } from './tail.ts';
import { LmdbView } from './view.ts';

export interface LmdbStoreOptions {
  /** The data directory; made when it is not there. It belongs to one store alone. */
  readonly path: string;
  /** Called when a flush fails or an observer throws. Ends the process, unless given. */
  readonly die?: (error: unknown) => void;
  /** When LMDB's file is made durable. `CHECKPOINT_LIMITS`, unless given. */
  readonly checkpoint?: CheckpointLimits;
  /** For tests. */
  readonly disk?: Disk;
  readonly conflict?: () => boolean;
  readonly snapshotLimit?: SnapshotLimit;
}

interface Claimed {
  readonly environment: Environment;
  readonly reader: ReadTransaction;
}

interface Opened extends LmdbParts {
  readonly meta: Meta;
}

type HeldOptions = Required<Pick<LmdbStoreOptions, 'path' | 'die' | 'disk' | 'checkpoint'>>;

/** A data directory that this process holds, whichever environment in it is the store. */
class HeldDirectory {
  readonly #options: HeldOptions;
  readonly #release: () => Promise<void>;
  #current: Environment | undefined;

  constructor(options: HeldOptions, release: () => Promise<void>) {
    this.#options = options;
    this.#release = release;
  }

  /** Opens the environment in a folder, back at its checkpoint and on from there if it was not closed. */
  async open(folder: string): Promise<Opened & Claimed> {
    const left = await leftBehind(folder, this.#options.disk);
    try {
      if (left !== undefined) goBack(folder, left.file);
      else if (isBlank(folder)) await make(folder);
      const claimed = left === undefined ? await this.#made(folder) : await this.#claimed(folder);
      return await this.#opened(claimed, folder, left);
    } catch (error) {
      await left?.file.close();
      throw error;
    }
  }

  /** Makes the store, or upgrades it, once nobody else is seen to have it. */
  async #made(folder: string): Promise<Claimed> {
    const claimed = await this.#claimed(folder);
    const { root } = claimed.environment;
    try {
      if (!isToBeMade(claimed.environment)) return claimed;
    } catch (error) {
      await root.close();
      throw error;
    }
    await root.close();
    await make(folder);
    return this.#claimed(folder);
  }

  /** From now on the store lies in this environment. */
  adopt({ environment, tables, checkpoints, meta }: Opened, opened?: () => void): LmdbMedium {
    this.#current = environment;
    return new LmdbMedium({ environment, tables, checkpoints }, meta, {
      ...(opened === undefined ? {} : { opened }),
      replacement: () =>
        new LmdbReplacement({
          ...this.#options,
          adopt: (other, folder, itsMeta, itsOpened) => this.adopt(this.#parts(other, folder, itsMeta), itsOpened),
        }),
      closed: async () => {
        if (this.#current === environment) await this.#release();
        else dropOthers(this.#options.path);
      },
    });
  }

  /** The reader is to be held until the store has a view of its own: programs that know no lock of the directory see it. */
  async #claimed(folder: string): Promise<Claimed> {
    const environment = openEnvironment(folder);
    try {
      return { environment, reader: claim(environment.root, this.#options.path) };
    } catch (error) {
      await environment.root.close();
      throw error;
    }
  }

  async #opened(claimed: Claimed, folder: string, left: LeftBehind | undefined): Promise<Opened & Claimed> {
    const { environment } = claimed;
    let parts: Opened | undefined;
    try {
      parts = this.#parts(environment, folder, readMeta(environment, folder));
      return { ...claimed, ...(left === undefined ? parts : await this.#replayed(parts, folder, left)) };
    } catch (error) {
      await parts?.checkpoints.abandon();
      await environment.root.close();
      throw error;
    }
  }

  async #replayed(parts: Opened, folder: string, left: LeftBehind): Promise<Opened> {
    const { place } = left.file.newest;
    const head = placeOf(parts.meta.head);
    if (head.position.sequence !== place.position.sequence || !Buffer.from(place.hash).equals(head.hash)) {
      throw fail('corrupt', `the store in ${folder} is not at its checkpoint: restore a snapshot`);
    }
    await using unused = new AsyncDisposableStack();
    const pin = unused.adopt(new LmdbView(parts.environment), (view) => view.close());
    // From here on nothing is durable before the checkpoint at the end: cut off, it is all done again.
    await this.#writeOrDie(async () => upgrade(parts.environment));
    const end = await replay(left, place, folder, {
      commit: (...group) => this.#writeOrDie(() => parts.tables.commit(...group)),
    });
    const base = await baseOf(left, folder, this.#options.disk, pin);
    unused.move();
    await parts.checkpoints.resume(base, end);
    return { ...parts, meta: readMeta(parts.environment, folder) };
  }

  /** A write that fails leaves lmdb-js with a damaged heap: nothing more may run. */
  async #writeOrDie(write: () => Promise<void>): Promise<void> {
    try {
      await write();
    } catch (error) {
      this.#options.die(error);
      throw error;
    }
  }

  #parts(environment: Environment, folder: string, meta: Meta): Opened {
    const { disk, checkpoint: limits, die } = this.#options;
    const tables = new Tables(environment, meta);
    const checkpoints = new Checkpoints({ folder, environment, disk, limits, die }, placeOf(meta.head));
    return { environment, tables, checkpoints, meta };
  }
}

/**
 * Opens the store in a directory, or makes it. Throws `storeInUse` (naming who holds it), `invalidConfig` (the directory
 * cannot be made or kept private), `formatVersion` (written in another format) or `corrupt`.
 */
export async function openLmdbStore(options: LmdbStoreOptions): Promise<LocalStore> {
  const { path, die = endProcess, disk = realDisk, checkpoint = CHECKPOINT_LIMITS, ...others } = options;
  prepareDirectory(path);
  const free = claimHere(path);
  let release = async (): Promise<void> => free();
  let opened: Opened | undefined;
  try {
    const letGo = await claimDirectory(path);
    release = async () => {
      await letGo();
      free();
    };
    const folder = currentEnvironment(path);
    const held = new HeldDirectory({ path, die, disk, checkpoint }, release);
    const found = await held.open(folder);
    opened = found;
    // A program that knows no `holder.mdb` may have put another content in its place just before it ended.
    if (currentEnvironment(path) !== folder) throw fail('storeInUse', `the data directory ${path} was just restored`);
    dropOthers(path);
    const medium = held.adopt(found);
    checkTail(found.environment, found.meta);
    const store = new LocalStore(medium, { die, ...others });
    found.reader.done();
    return store;
  } catch (error) {
    await opened?.checkpoints.abandon();
    await opened?.environment.root.close();
    await release();
    throw error;
  }
}
