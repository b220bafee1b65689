/** The folder that a store lies in: its names, whose it is, and what makes its entries durable. */
import { chmodSync, closeSync, fsyncSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fail } from '../../errors.ts';
import { errorCode } from '../../lib/error-code.ts';

export const DATA_FILE = 'data.mdb';
export const LOCK_FILE = 'lock.mdb';

/** Permission bits of every file in it: this user's alone. */
export const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;

export function syncDirectory(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Makes the directory, or narrows the one that is there: only this user may enter it. Throws `invalidConfig`. */
export function prepareDirectory(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: DIRECTORY_MODE });
    if ((statSync(path).mode & 0o777) !== DIRECTORY_MODE) chmodSync(path, DIRECTORY_MODE);
  } catch (error) {
    const what = `the data directory ${path} cannot be made or kept to this user alone (mode 0700)`;
    throw fail('invalidConfig', `${what} (${errorCode(error)}): check the path and whose it is`, { cause: error });
  }
  for (const file of [DATA_FILE, LOCK_FILE]) {
    try {
      chmodSync(join(path, file), FILE_MODE);
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
    }
  }
}

/** Makes the names of new files durable: LMDB flushes their content alone. */
export function syncNames(path: string): void {
  syncDirectory(path);
  syncDirectory(dirname(path));
}
