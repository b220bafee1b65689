/** Puts bytes into a file at once: who reads it sees the old content or the new one, never a part, never a wrong mode. */
import { constants, type Stats } from 'node:fs';
import {
  link,
  lstat,
  mkdir,
  open,
  readdir,
  realpath,
  rename,
  stat,
  statfs,
  unlink,
  type FileHandle,
} from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fail } from '../errors.ts';
import { randomBytes } from '../lib/crypto/random.ts';
import { failpoint } from '../lib/failpoint.ts';
import { groupId, userId } from '../lib/system-account.ts';
import { errorCode } from '../lib/error-code.ts';

export interface Placement {
  /** Absolute. */
  readonly path: string;
  /** Absent: as the file that is there has it, and 0644 where there is none. */
  readonly mode: number | undefined;
  /** Whether the old content is kept as `PATH.bak`. */
  readonly backup?: boolean;
  /** Whether a missing directory is made (default). */
  readonly createsDirectories?: boolean;
  /** Absent: as the process. */
  readonly user?: string | number | undefined;
  readonly group?: string | number | undefined;
}

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_WRONLY } = constants;
const worldWritable = 0o002;
const sticky = 0o1000;
/** Magic numbers of `statfs(2)`: tmpfs and ramfs. */
const inMemory = new Set([0x01021994, 0x858458f6]);

/** Whether what is written to the directory stays in memory. */
export async function isMemoryBacked(directory: string): Promise<boolean> {
  return inMemory.has((await statfs(directory)).type);
}

/**
 * Makes the directory where it is missing, with a mode that lets others through but shows them no names. Throws
 * `unsafeDirectory` where somebody else could swap it, or a directory above it.
 */
export async function prepareDirectory(directory: string, makes = true): Promise<void> {
  if (makes) await mkdir(directory, { recursive: true, mode: 0o711 });
  let path = await realpath(directory);
  for (;;) {
    const { mode } = await stat(path);
    if ((mode & worldWritable) !== 0 && (mode & sticky) === 0) {
      throw fail(
        'unsafeDirectory',
        `everybody can write to ${path}: take that right away (chmod o-w) or choose another`,
      );
    }
    const above = dirname(path);
    if (above === path) return;
    path = above;
  }
}

interface Ownership {
  readonly mode: number;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
}

const standardMode = 0o644;

async function ownership({ path, mode, user, group }: Placement): Promise<Ownership> {
  const found = mode === undefined ? await lstat(path).catch(() => undefined) : undefined;
  return {
    mode: mode ?? (found?.isFile() === true ? found.mode & 0o777 : standardMode),
    uid: user === undefined ? undefined : userId(user),
    gid: group === undefined ? undefined : groupId(group),
  };
}

async function isInPlace(bytes: Uint8Array, { path }: Placement, { mode, uid, gid }: Ownership): Promise<boolean> {
  const matches = (stats: Stats): boolean =>
    stats.isFile() &&
    stats.size === bytes.length &&
    (stats.mode & 0o7777) === mode &&
    // Somebody else's file is never taken for ours.
    stats.uid === (uid ?? process.geteuid?.() ?? stats.uid) &&
    (gid === undefined || stats.gid === gid);
  // Looked at before it is opened: to open a pipe would wait for its writer.
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined || !matches(found)) return false;
  const file = await open(path, O_RDONLY | O_NOFOLLOW).catch(() => undefined);
  if (file === undefined) return false;
  try {
    return matches(await file.stat()) && Buffer.compare(await file.readFile(), bytes) === 0;
  } finally {
    await file.close();
  }
}

async function fill(file: FileHandle, bytes: Uint8Array, { mode, uid, gid }: Ownership): Promise<void> {
  await file.writeFile(bytes);
  if (uid !== undefined || gid !== undefined) await file.chown(uid ?? -1, gid ?? -1);
  await file.chmod(mode);
  await file.sync();
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, O_RDONLY | O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const suffixBytes = 8;
const temporaryName = (name: string): string => `.${name}.${randomBytes(suffixBytes).toString('hex')}.lockstep`;

/**
 * Replaces the file, durably; `unchanged` when bytes, mode and owner are as they should be already. The new content lies
 * beside it until then, readable by this process's user alone. Rejects with errors of the file system, `unsafeDirectory`,
 * or `invalidConfig` for an account that does not exist.
 */
export async function place(bytes: Uint8Array, placement: Placement): Promise<'written' | 'unchanged'> {
  const directory = dirname(placement.path);
  await prepareDirectory(directory, placement.createsDirectories);
  const owner = await ownership(placement);
  if (await isInPlace(bytes, placement, owner)) return 'unchanged';
  const temporary = join(directory, temporaryName(basename(placement.path)));
  const file = await open(temporary, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0o600);
  try {
    try {
      await fill(file, bytes, owner);
    } finally {
      await file.close();
    }
    if (placement.backup === true) await keepOld(placement.path);
    failpoint('agent.before-rename');
    await rename(temporary, placement.path);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
  await syncDirectory(directory);
  return 'written';
}

/** The old content, with its mode and owner, under the name with `.bak`: never a part of it. */
async function keepOld(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found?.isFile() !== true) return;
  const temporary = join(dirname(path), temporaryName(basename(path)));
  await link(path, temporary);
  await rename(temporary, `${path}.bak`);
}

/** Removes the file, durably. Gives whether there was one. */
export async function removeFile(path: string): Promise<boolean> {
  try {
    await unlink(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
  await syncDirectory(dirname(path));
  return true;
}

/** Removes what a killed process left beside the file. Gives how many. */
export async function removeLeftovers(path: string): Promise<number> {
  const directory = dirname(path);
  const prefix = `.${basename(path)}.`;
  const names = await readdir(directory).catch(() => []);
  const left = names.filter(
    (name) => name.startsWith(prefix) && /^[0-9a-f]{16}\.lockstep$/.test(name.slice(prefix.length)),
  );
  for (const name of left) await unlink(join(directory, name));
  return left.length;
}
