/**
 * Which of several environments in a data directory is the store. Usually there is one, in the directory itself. A
 * restore makes another one in a folder beside it and then names that one in the file `current`, by an atomic rename: the
 * store is the old one or the new one, whole, whenever the process ends.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { fail } from '../../errors.ts';
import { failpoint } from '../../lib/failpoint.ts';
import { DATA_FILE, FILE_MODE, LOCK_FILE, syncDirectory } from './data-directory.ts';
import { CHECKPOINT_FILES } from './journal/checkpoint-file.ts';
import { JOURNAL_FILES } from './journal/journal.ts';

const POINTER = 'current';
/** Of the environment that a data directory begins with. */
const STORE_FILES = [DATA_FILE, LOCK_FILE, ...JOURNAL_FILES, ...CHECKPOINT_FILES];
const NAME = /^generation-([1-9]\d{0,8})$/;

/** The directory of the environment that counts. Throws `corrupt` when the pointer names none. */
export function currentEnvironment(path: string): string {
  const pointer = join(path, POINTER);
  if (!existsSync(pointer)) return path;
  const name = readFileSync(pointer, 'utf8').trim();
  if (!NAME.test(name) || !existsSync(join(path, name, DATA_FILE))) {
    throw fail('corrupt', `${pointer} names no environment of this directory: restore a snapshot`);
  }
  return join(path, name);
}

/** A folder for the next environment; it is not there yet. */
export function nextEnvironment(path: string): string {
  const numbers = generationsOf(path).map((name) => Number(NAME.exec(name)?.[1]));
  return join(path, `generation-${String(Math.max(0, ...numbers) + 1)}`);
}

/** From here on `environment`, which is flushed, is the store. */
export function makeCurrent(path: string, environment: string): void {
  const fresh = join(path, `${POINTER}.new`);
  const descriptor = openSync(fresh, 'w', FILE_MODE);
  try {
    writeSync(descriptor, `${environment.slice(path.length + 1)}\n`);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  failpoint('snapshot.before-switch');
  renameSync(fresh, join(path, POINTER));
  syncDirectory(path);
  failpoint('snapshot.after-switch');
}

/** Drops what a restore has replaced or a crash has left half made. For the store's holder alone. */
export function dropOthers(path: string): void {
  const current = currentEnvironment(path);
  for (const name of generationsOf(path)) {
    if (join(path, name) !== current) rmSync(join(path, name), { recursive: true, force: true });
  }
  rmSync(join(path, `${POINTER}.new`), { force: true });
  if (current === path) return;
  for (const file of STORE_FILES) rmSync(join(path, file), { force: true });
}

function generationsOf(path: string): readonly string[] {
  return readdirSync(path).filter((name) => NAME.test(name));
}
