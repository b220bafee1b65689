import { fail } from '../../errors.ts';
import { endProcess } from '../local/end-process.ts';
import { LocalStore } from '../local/local-store.ts';
import type { SnapshotLimit } from '../local/views.ts';
import { prepareDirectory } from './data-directory.ts';
import { currentEnvironment, dropOthers } from './generation.ts';
import { HeldDirectory, type Opened } from './held-directory.ts';
import { claimDirectory, claimHere } from './holder.ts';
import { CHECKPOINT_LIMITS, type CheckpointLimits } from './journal/checkpoints.ts';
import { realDisk, type Disk } from './journal/disk.ts';
import { checkTail } from './tail.ts';

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
