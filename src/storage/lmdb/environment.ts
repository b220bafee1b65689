import { join } from 'node:path';
import { open, type Database, type RootDatabase } from 'lmdb';
import { fail, isLockstepError } from '../../errors.ts';
import { HELD_POSITIONS } from '../local/views.ts';
import { DATA_FILE, FILE_MODE } from './data-directory.ts';
import { checkLength, pagesOf } from './file-length.ts';
import { checkHeader } from './header.ts';

const MAX_DBS = 8;

export interface Environment {
  readonly root: RootDatabase<Buffer, string>;
  /** Values by key. */
  readonly data: Database<Buffer, string>;
  /** Log records by sequence, 8 bytes big-endian. */
  readonly log: Database<Buffer, Uint8Array>;
  /** Parts of large values and records. */
  readonly parts: Database<Buffer, Uint8Array>;
  /** Format, identity, head and oldest place. */
  readonly meta: Database<Buffer, string>;
  /** Bytes of a page of its file. */
  readonly pageSize: number;
}

/** Keys as their UTF-8 bytes, nothing else: they compare by byte, and prefixes are prefixes. */
const utf8Keys = {
  writeKey: (key: string, target: Buffer, start: number): number => start + target.write(key, start, 'utf8'),
  readKey: (source: Buffer, start: number, end: number): string => source.toString('utf8', start, end),
};

function reason(error: unknown, path: string): Error {
  const text = error instanceof Error ? error.message : String(error);
  if (/MDB_(INVALID|CORRUPTED|PAGE_NOTFOUND|PANIC|BAD_CHECKSUM)/.test(text)) {
    return fail('corrupt', `${join(path, DATA_FILE)} is damaged: restore a snapshot`, { cause: error });
  }
  return fail('internal', `${join(path, DATA_FILE)} cannot be opened: ${text}`, { cause: error });
}

interface OpenOptions {
  readonly flushing?: boolean;
  /** When the file may be shorter than its pages: see `file-length.ts`. */
  readonly betweenCheckpoints?: boolean;
}

/**
 * Opens the LMDB environment in a directory. `flushing`: each transaction is durable by itself, as only one that is being made
 * has to be; else nothing is before `Checkpoints` says so. `overlappingSync` is off: on, lmdb-js flushes in a way of its own. No
 * write map: a stray pointer could write through it. Freed memory is zeroed before it reaches a page (`noMemInit` stays
 * off). The map grows by itself.
 *
 * The list of free pages is read anew by each commit that needs it (`maxFreeSpaceToRetain`), as LMDB itself does; only one that
 * is used up is kept. lmdb-js keeps it between commits and writes the changed parts: after the first look for older free pages it takes parts for
 * written that are not, and ends the process by an assertion or the commit by MDB_BAD_TXN (3.5.6, `mdb_freelist_save`).
 */
export function openEnvironment(
  path: string,
  { flushing = false, betweenCheckpoints = false }: OpenOptions = {},
): Environment {
  // `permissionsMode` and `maxFreeSpaceToRetain` are read by lmdb-js's native part, not declared in its types.
  const options = {
    path,
    noSubdir: false,
    noSync: !flushing,
    overlappingSync: false,
    maxDbs: MAX_DBS,
    maxReaders: HELD_POSITIONS + 100,
    permissionsMode: FILE_MODE,
    maxFreeSpaceToRetain: 0,
    eventTurnBatching: false,
    encoding: 'binary' as const,
    keyEncoder: utf8Keys,
  };
  checkHeader(join(path, DATA_FILE));
  let root: RootDatabase<Buffer, string> | undefined;
  try {
    root = open<Buffer, string>(options);
    if (!betweenCheckpoints) checkLength(root, join(path, DATA_FILE));
    const binary = { encoding: 'binary', keyEncoder: utf8Keys } as const;
    return {
      root,
      pageSize: pagesOf(root).pageSize,
      data: root.openDB<Buffer, string>('data', binary),
      log: root.openDB<Buffer, Uint8Array>('log', { encoding: 'binary', keyEncoding: 'binary' }),
      // The name of the table since the first format.
      parts: root.openDB<Buffer, Uint8Array>('chunks', { encoding: 'binary', keyEncoding: 'binary' }),
      meta: root.openDB<Buffer, string>('meta', binary),
    };
  } catch (error) {
    void root?.close();
    throw isLockstepError(error) ? error : reason(error, path);
  }
}

export type ReadTransaction = ReturnType<RootDatabase<Buffer, string>['useReadTransaction']>;

/** What is committed now. lmdb-js lends one transaction to all reads of a turn: the resets around make this one new, and ours alone. */
export function freshReader(root: RootDatabase<Buffer, string>): ReadTransaction {
  root.resetReadTxn();
  const transaction = root.useReadTransaction();
  root.resetReadTxn();
  return transaction;
}
