/**
 * The folder of a spool: pieces `000000000001.log`, `…2.log`, and `cursor`, which says up to where they are delivered. A
 * cursor that is lost or too old costs duplicates, never an entry.
 */
import { chmod, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fail } from '../../../errors.ts';
import { errorCode } from '../../../lib/error-code.ts';

/** The place behind an entry. */
export interface Place {
  readonly piece: number;
  readonly offset: number;
}

export interface Piece {
  readonly piece: number;
  readonly bytes: number;
}

const DIGITS = 12;

export const pieceFile = (folder: string, piece: number): string =>
  join(folder, `${String(piece).padStart(DIGITS, '0')}.log`);

/** In order. Makes the folder where there is none. Throws `badRequest` that names it. */
export async function openFolder(folder: string): Promise<readonly Piece[]> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await chmod(folder, 0o700);
    const names = (await readdir(folder)).filter((name) => /^\d{12}\.log$/.test(name)).toSorted();
    return await Promise.all(
      names.map(async (name) => ({ piece: Number.parseInt(name, 10), bytes: (await stat(join(folder, name))).size })),
    );
  } catch (error) {
    throw fail('badRequest', `the audit spool ${folder} cannot be used: ${errorCode(error)}`, { cause: error });
  }
}

/** undefined when there is none that can be read. */
export async function readCursor(folder: string): Promise<Place | undefined> {
  const text = await readFile(join(folder, 'cursor'), 'utf8').catch(() => '');
  const [, piece, offset] = /^(\d{1,10}) (\d{1,15})\n$/.exec(text) ?? [];
  return piece === undefined ? undefined : { piece: Number(piece), offset: Number(offset) };
}

/** There as a whole or not at all. */
export async function writeCursor(folder: string, { piece, offset }: Place): Promise<void> {
  const made = join(folder, 'cursor.new');
  const handle = await open(made, 'w', 0o600);
  try {
    await handle.write(`${String(piece)} ${String(offset)}\n`);
  } finally {
    await handle.close();
  }
  await rename(made, join(folder, 'cursor'));
}

/** Pieces before this one are delivered. */
export async function dropBefore(folder: string, piece: number): Promise<void> {
  const names = await readdir(folder);
  const old = names.filter((name) => /^\d{12}\.log$/.test(name) && Number.parseInt(name, 10) < piece);
  await Promise.all(old.map((name) => rm(join(folder, name), { force: true })));
}
