import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { randomBytes } from '../../lib/crypto/random.ts';
import type { Place } from '../local/medium.ts';
import { NO_HASH } from '../log-record.ts';
import type { Epoch } from '../store.ts';
import { DATA_FILE, syncNames } from './data-directory.ts';
import { openEnvironment, type Environment } from './environment.ts';
import { flushWhole } from './file-length.ts';
import { realDisk } from './journal/disk.ts';
import { decodeMeta, encodeMeta, OLDER_FORMATS, placeRecord, putMeta, STORE_FORMAT, type Meta } from './meta.ts';

function firstMeta(): Meta {
  const epoch: Epoch = { number: 1, id: randomBytes(16).toString('hex'), forkedAt: 0 };
  const start: Place = { position: { epoch: `${epoch.number}.${epoch.id}`, sequence: 0 }, hash: NO_HASH };
  return {
    format: STORE_FORMAT,
    identity: { log: randomBytes(16).toString('hex'), epoch },
    head: placeRecord(start, 0),
    oldest: placeRecord(start, 0),
  };
}

/** Whether a store was never made to its end: nothing is in it. */
function isUnmade({ data, log, meta }: Pick<Environment, 'data' | 'log' | 'meta'>): boolean {
  return [
    data.getKeys({ start: '', limit: 1 }),
    meta.getKeys({ start: '', limit: 1 }),
    log.getKeys({ start: Buffer.alloc(1), limit: 1 }),
  ].every((keys) => [...keys].length === 0);
}

function isOlder({ meta }: Pick<Environment, 'meta'>): boolean {
  const format = meta.getBinary('format');
  return format !== undefined && OLDER_FORMATS.includes(decodeMeta('format', format));
}

/** Gives a store the newest format, if it has an older one; durable as any other transaction of the environment. */
export function upgrade({ root, meta }: Pick<Environment, 'root' | 'meta'>): void {
  if (isOlder({ meta })) root.transactionSync(() => void meta.put('format', encodeMeta(STORE_FORMAT)));
}

/** Whether `make` has something to do, before anything else is written. Throws `corrupt`. */
export function isToBeMade(environment: Environment): boolean {
  return isUnmade(environment) || isOlder(environment);
}

/**
 * Makes a store of what is none yet, or gives one of an older format the newest, by LMDB's own flushes: there is no checkpoint to go
 * back to before there is a state.
 */
export async function make(path: string): Promise<void> {
  const { root, meta, ...tables } = openEnvironment(path, { flushing: true });
  try {
    upgrade({ root, meta });
    // Synchronous, and flushed on return: there is nobody to wait yet.
    if (isUnmade({ ...tables, meta })) root.transactionSync(() => putMeta({ meta }, firstMeta()));
    await flushWhole(root, join(path, DATA_FILE), realDisk);
    syncNames(path);
  } finally {
    await root.close();
  }
}

/** Whether a folder has no file of LMDB with anything in it. */
export function isBlank(folder: string): boolean {
  const file = join(folder, DATA_FILE);
  return !existsSync(file) || statSync(file).size === 0;
}
