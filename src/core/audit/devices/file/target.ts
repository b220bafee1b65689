/** Opens the file of an audit log, once it is sure that nobody else can swap or widen it. */
import { constants, type Stats } from 'node:fs';
import { open, stat, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fail } from '../../../../errors.ts';

export interface Target {
  readonly handle: FileHandle;
  /** The file ended in the middle of a line: a crash, or a full disk, cut it. */
  readonly torn: boolean;
}

const flags = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Throws `badRequest` naming the path and the remedy. */
export async function openTarget(path: string, mode: number | undefined): Promise<Target> {
  const folder = dirname(path);
  await checkFolder(folder);
  const handle = await open(path, flags, mode ?? 0o600).catch((error: unknown) => {
    throw fail('badRequest', `cannot open the audit log ${path}: ${reasonOf(error)}`, { cause: error });
  });
  try {
    const stats = await handle.stat();
    checkKind(path, stats);
    if (!stats.isFile()) return { handle, torn: false };
    if (mode !== undefined && (stats.mode & 0o7777) !== mode) await handle.chmod(mode);
    return { handle, torn: await endsTorn(handle, stats.size) };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function checkFolder(folder: string): Promise<void> {
  const stats = await stat(folder).catch((error: unknown) => {
    throw fail('badRequest', `the directory of the audit log, ${folder}, cannot be used: ${reasonOf(error)}`, {
      cause: error,
    });
  });
  if (!stats.isDirectory()) throw fail('badRequest', `${folder}, where the audit log would be, is no directory`);
  const sticky = (stats.mode & 0o1000) !== 0;
  if ((stats.mode & 0o002) !== 0 && !sticky) {
    throw fail('badRequest', `everybody can write to ${folder}, so anybody could replace the audit log: chmod o-w it`);
  }
}

function checkKind(path: string, stats: Stats): void {
  if (stats.isFile() || stats.isCharacterDevice()) return;
  throw fail('badRequest', `the audit log ${path} is no file`);
}

async function endsTorn(handle: FileHandle, size: number): Promise<boolean> {
  if (size === 0) return false;
  const last = Buffer.alloc(1);
  const { bytesRead } = await handle.read(last, 0, 1, size - 1);
  return bytesRead === 1 && last[0] !== 0x0a;
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
  if (code === 'ELOOP') return 'it is a symbolic link: name the file itself';
  return code === 'ENOENT' ? 'ENOENT: make it, or choose another' : code;
}
