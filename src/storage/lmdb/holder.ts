import {
  closeSync,
  existsSync,
  fdatasyncSync,
  linkSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { open, type RootDatabase } from 'lmdb';
import { fail } from '../../errors.ts';
import { randomBytes } from '../../lib/crypto/random.ts';
import { errorCode } from '../../lib/error-code.ts';
import { FILE_MODE, syncDirectory } from './data-directory.ts';
import type { ReadTransaction } from './environment.ts';
import { checkHeader } from './header.ts';

const FILE = 'holder.json';
/** An LMDB environment of its own, with nothing in it. */
const LOCK = 'holder.mdb';

/** Directories that this process holds: LMDB's own lock tells processes apart, not stores of one process. */
const held = new Set<string>();

function described(path: string, pid: number): string {
  try {
    const holder: unknown = JSON.parse(readFileSync(join(path, FILE), 'utf8'));
    if (typeof holder === 'object' && holder !== null && 'pid' in holder && holder.pid === pid) {
      const host = 'host' in holder ? ` on ${String(holder.host)}` : '';
      const since = 'since' in holder ? `, since ${String(holder.since)}` : '';
      return `process ${pid}${host}${since}`;
    }
  } catch {
    // Only a better name is missing.
  }
  return `process ${pid}`;
}

/** Process ids in LMDB's reader table, from its text: a headline, then `pid thread transaction` lines. */
function readers(root: RootDatabase<Buffer, string>): number[] {
  return root
    .readerList()
    .split('\n')
    .map((line) => Number(/^\s*(\d+) /.exec(line)?.[1] ?? Number.NaN))
    .filter((pid) => !Number.isNaN(pid));
}

/** Refuses a second store of this process on the same directory. The result gives it free. */
export function claimHere(path: string): () => void {
  const real = realpathSync(path);
  if (held.has(real)) throw fail('storeInUse', `the data directory ${path} is in use by this very process`);
  held.add(real);
  return () => void held.delete(real);
}

function inUse(path: string, pid: number): Error {
  return fail(
    'storeInUse',
    `the data directory ${path} is in use by ${described(path, pid)}: end it, or choose another`,
  );
}

/**
 * Makes this process the only one on an environment, until it ends, however it ends. Each process with an LMDB environment
 * open holds a kernel lock on its entry in the reader table, so entries of dead processes are told apart; who opens it
 * alone finds the table empty. Of two that come at once each sees the other's reader, so never both stay. Returns the
 * reader that marks this process, to be kept until another one does. Throws `storeInUse`, naming the holder. Covers
 * processes of one kernel, in different containers too, as LMDB does: never put it on a network disk.
 */
export function claim(root: RootDatabase<Buffer, string>, path: string): ReadTransaction {
  root.readerCheck();
  const [before] = readers(root);
  // It can have this process's id, in another container or in another thread.
  if (before !== undefined) throw inUse(path, before);
  let reader: ReadTransaction;
  try {
    reader = root.useReadTransaction();
  } catch (error) {
    // lmdb-js tries for 10 s: a process of the same id in another container, that came at the same moment, has the lock.
    throw fail('storeInUse', `the data directory ${path} is in use by a process of another container`, {
      cause: error,
    });
  }
  const other = readers(root).find((pid) => pid !== process.pid);
  if (other !== undefined) {
    reader.done();
    throw inUse(path, other);
  }
  return reader;
}

function openLock(path: string): RootDatabase<Buffer, string> {
  // As in `environment.ts`: the mode is not declared.
  const options = { path, noSubdir: true, noSync: true, overlappingSync: false, permissionsMode: FILE_MODE };
  return open<Buffer, string>(options);
}

/** Whole and durable before it has its name, and never replaced where there are hard links: who holds another file holds nothing. */
async function makeLock(path: string): Promise<void> {
  const fresh = join(path, `${LOCK}.${randomBytes(8).toString('hex')}`);
  try {
    await openLock(fresh).close();
    const descriptor = openSync(fresh, 'r+');
    fdatasyncSync(descriptor);
    closeSync(descriptor);
    name(fresh, join(path, LOCK));
    syncDirectory(path);
  } finally {
    for (const file of [fresh, `${fresh}-lock`]) rmSync(file, { force: true });
  }
}

/** As a link, which never takes the place of what another process has made meanwhile; where there are none, by its name alone. */
function name(fresh: string, lock: string): void {
  try {
    linkSync(fresh, lock);
  } catch (error) {
    const code = errorCode(error);
    if (code === 'EEXIST') return;
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'ENOSYS') throw error;
    if (!existsSync(lock)) renameSync(fresh, lock);
  }
}

/**
 * Makes this process the only one on the directory, whatever state the store in it is in: a lock apart, since to look into
 * LMDB's file before it has been brought back to a checkpoint could end the process. Gives what ends it. Throws as `claim`;
 * `corrupt` when the lock's own file is damaged.
 */
export async function claimDirectory(path: string): Promise<() => Promise<void>> {
  const file = join(path, LOCK);
  if (!existsSync(file)) await makeLock(path);
  try {
    checkHeader(file);
  } catch (error) {
    const remedy = `nothing is in it: end whatever uses the directory, then remove it and ${file}-lock`;
    throw fail('corrupt', `${file} cannot be used; ${remedy}`, { cause: error });
  }
  await using unused = new AsyncDisposableStack();
  const root = unused.adopt(openLock(file), (lock) => lock.close());
  unused.adopt(claim(root, path), (reader) => reader.done());
  unused.defer(() => rmSync(join(path, FILE), { force: true }));
  const holder = { pid: process.pid, host: hostname(), since: new Date().toISOString() };
  writeFileSync(join(path, FILE), `${JSON.stringify(holder)}\n`, { mode: FILE_MODE });
  const held = unused.move();
  return () => held.disposeAsync();
}
