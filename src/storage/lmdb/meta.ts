import { fail } from '../../errors.ts';
import { sha256 } from '../../lib/crypto/hash.ts';
import type { Place } from '../local/medium.ts';
import type { Epoch, Position } from '../store.ts';
import type { Environment } from './environment.ts';

/** The layout of the tables and of what lies in them. One that is neither this nor one of the older ones is refused by name. */
export const STORE_FORMAT = 'lockstep-lmdb/3';

/**
 * Read as they are. Opening gives the store the newest format, so that a program of before refuses it: one without a journal
 * (`/1`) would write to a file that a checkpoint goes back on, one that knows parts of 16 pages alone (`/2`) would take parts of a
 * page for damage.
 */
export const OLDER_FORMATS: readonly string[] = ['lockstep-lmdb/1', 'lockstep-lmdb/2'];

const SUM_BYTES = 32;

/** Records of the meta table, under these keys. */
export interface Meta {
  readonly format: string;
  readonly identity: { readonly log: string; readonly epoch: Epoch };
  /** The newest batch; `bytes` of all records that were ever appended. */
  readonly head: PlaceRecord;
  /** The oldest position that changes can start from; `bytes` of all records that were ever dropped. */
  readonly oldest: PlaceRecord;
}

export interface PlaceRecord {
  readonly position: Position;
  /** Hex. */
  readonly hash: string;
  readonly bytes: number;
}

export function placeRecord(place: Place, bytes: number): PlaceRecord {
  return { position: place.position, hash: Buffer.from(place.hash).toString('hex'), bytes };
}

export function placeOf(record: PlaceRecord): Place {
  return { position: record.position, hash: Buffer.from(record.hash, 'hex') };
}

/** JSON behind its SHA-256: nothing else would tell a flipped bit in a place or an identity. */
export function encodeMeta(value: Meta[keyof Meta]): Buffer {
  const json = Buffer.from(JSON.stringify(value));
  return Buffer.concat([sha256(json), json]);
}

/** Throws `corrupt` when the record is missing or its sum does not hold: what it holds is then what was written. */
export function decodeMeta<K extends keyof Meta>(name: K, bytes: Uint8Array | undefined): Meta[K] {
  const json = bytes?.subarray(SUM_BYTES);
  if (bytes === undefined || json === undefined || !sha256(json).equals(bytes.subarray(0, SUM_BYTES))) {
    throw fail('corrupt', `the store's ${name} record is ${bytes === undefined ? 'missing' : 'damaged'}`);
  }
  return JSON.parse(Buffer.from(json).toString('utf8')) as Meta[K];
}

/** What the meta table of the store in `path` says. Throws `formatVersion`. */
export function readMeta({ meta }: Environment, path: string): Meta {
  const format = decodeMeta('format', meta.getBinary('format'));
  if (format !== STORE_FORMAT && !OLDER_FORMATS.includes(format)) {
    throw fail(
      'formatVersion',
      `the store in ${path} has the format ${JSON.stringify(format)}: this program reads ${STORE_FORMAT}`,
    );
  }
  return {
    format,
    identity: decodeMeta('identity', meta.getBinary('identity')),
    head: decodeMeta('head', meta.getBinary('head')),
    oldest: decodeMeta('oldest', meta.getBinary('oldest')),
  };
}

/** Writes all records of a new store, within a write transaction. */
export function putMeta({ meta }: Pick<Environment, 'meta'>, made: Meta): void {
  for (const name of ['format', 'identity', 'head', 'oldest'] as const) void meta.put(name, encodeMeta(made[name]));
}
