import { fail } from '../../errors.ts';
import { openEnvironment, type Environment, type ReadTransaction } from './environment.ts';
import { dropOthers } from './generation.ts';
import { claim } from './holder.ts';
import { Checkpoints, type CheckpointLimits } from './journal/checkpoints.ts';
import type { Disk } from './journal/disk.ts';
import { baseOf, goBack, leftBehind, replay, type LeftBehind } from './journal/recover.ts';
import { isBlank, isToBeMade, make, upgrade } from './make.ts';
import { LmdbMedium, type LmdbParts } from './medium.ts';
import { placeOf, readMeta, type Meta } from './meta.ts';
import { LmdbReplacement } from './replacement.ts';
import { Tables } from './tables.ts';
import { LmdbView } from './view.ts';

interface Claimed {
  readonly environment: Environment;
  readonly reader: ReadTransaction;
}

export interface Opened extends LmdbParts {
  readonly meta: Meta;
}

interface HeldOptions {
  readonly path: string;
  readonly die: (error: unknown) => void;
  readonly disk: Disk;
  readonly checkpoint: CheckpointLimits;
}

/** A data directory that this process holds, whichever environment in it is the store. */
export class HeldDirectory {
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
