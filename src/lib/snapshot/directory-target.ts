/** Snapshots in a directory: written under a name that does not count, flushed, read back, then renamed. */
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fail, isLockstepError } from '../../errors.ts';
import { roomIn } from '../disk-room.ts';
import { errorCode } from '../error-code.ts';
import { failpoint } from '../failpoint.ts';
import type { Kept, Putting, SnapshotTarget } from './target.ts';

export interface DirectoryTargetOptions {
  /** An absolute path; made, for this user alone, when it is not there. */
  readonly folder: string;
  /** Bytes that its snapshots may take together, whoever wrote them; 0 is any. */
  readonly maxSpace: number;
  /** As `roomIn`. */
  readonly room?: (folder: string) => Promise<number>;
}

const PARTIAL = '.partial';
/** So often it is looked whether there is room for more. */
const LOOK_BYTES = 8 * 1024 * 1024;

/** What the file system said, by its code alone. */
function explained(error: unknown, folder: string): unknown {
  if (isLockstepError(error) || !(error instanceof Error && 'syscall' in error)) return error;
  return fail(
    'internal',
    `the directory ${folder} cannot be used (${errorCode(error)}): check that it is there and ours`,
    {
      cause: error,
    },
  );
}

export function directoryTarget(options: DirectoryTargetOptions): SnapshotTarget {
  const { folder } = options;
  const named = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw explained(error, folder);
    }
  };
  return {
    urlOf: (name) => `file://${join(folder, name)}`,
    list: (prefix) => named(() => listed(folder, prefix)),
    put: (putting, prefix, signal) => named(() => put(options, putting, { prefix, signal })),
    read: (name) =>
      named(async () => {
        const path = join(folder, name);
        if (!(await exists(path))) throw fail('notFound', `there is no snapshot ${name} in ${folder}`);
        return createReadStream(path);
      }),
    remove: (name) =>
      named(async () => {
        await rm(join(folder, name), { force: true });
        await syncFolder(folder);
      }),
  };
}

async function exists(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

async function listed(folder: string, prefix: string): Promise<readonly Kept[]> {
  const kept: Kept[] = [];
  for (const name of await namesIn(folder)) {
    if (!name.startsWith(prefix) || name.endsWith(PARTIAL)) continue;
    const found = await stat(join(folder, name)).catch(() => undefined);
    if (found?.isFile() === true) kept.push({ name, bytes: found.size });
  }
  return kept;
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

async function put(
  { folder, maxSpace, room = roomIn }: DirectoryTargetOptions,
  { name, content, check }: Putting,
  { prefix, signal }: { readonly prefix: string; readonly signal: AbortSignal },
): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const left of await namesIn(folder)) {
    if (left.startsWith(`.${prefix}`) && left.endsWith(PARTIAL)) await rm(join(folder, left), { force: true });
  }
  const used = (await listed(folder, '')).reduce((sum, { bytes }) => sum + bytes, 0);
  const limit = maxSpace === 0 ? Number.POSITIVE_INFINITY : maxSpace - used;
  const partial = join(folder, `.${name}${PARTIAL}`);
  try {
    await write(partial, bounded(content(), { folder, limit, room, signal }));
    failpoint('scheduled.written');
    await check(createReadStream(partial, { signal }));
    failpoint('scheduled.checked');
    if (await exists(join(folder, name))) throw fail('conflict', `${join(folder, name)} is there already`);
    await rename(partial, join(folder, name));
    await syncFolder(folder);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

interface Bounds {
  readonly folder: string;
  readonly limit: number;
  readonly room: (folder: string) => Promise<number>;
  readonly signal: AbortSignal;
}

/** Passes on what there is room for: the store may lie on the same disk. */
async function* bounded(
  content: AsyncIterable<Uint8Array>,
  { folder, limit, room, signal }: Bounds,
): AsyncGenerator<Uint8Array> {
  let left = 0;
  let total = 0;
  for await (const chunk of content) {
    signal.throwIfAborted();
    left -= chunk.length;
    total += chunk.length;
    if (total > limit) {
      throw fail(
        'internal',
        `the snapshots in ${folder} would take more than local_max_space: raise it, or keep fewer`,
      );
    }
    if (left < 0) {
      if ((await room(folder)) < LOOK_BYTES) {
        throw fail('internal', `the disk has no room for the snapshot in ${folder}: free it, or keep fewer`);
      }
      left = LOOK_BYTES;
    }
    yield chunk;
  }
}

async function write(path: string, content: AsyncIterable<Uint8Array>): Promise<void> {
  await using file = await open(path, 'wx', 0o600);
  for await (const chunk of content) {
    // A write can take a part of it.
    for (let done = 0; done < chunk.length;) {
      done += (await file.write(chunk, done, chunk.length - done)).bytesWritten;
    }
    failpoint('scheduled.writing');
  }
  await file.sync();
}

/** A name is durable once its folder is. */
async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, 'r');
  await folder.sync();
}
