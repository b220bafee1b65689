import { fail } from '../errors.ts';
import { sha256 } from '../lib/crypto/hash.ts';
import type { Batch, Position, Write } from './store.ts';

/** The layout below. A record of another version is refused by name. */
export const RECORD_VERSION = 1;

const HASH_BYTES = 32;
/** Previous hash, version, epoch, sequence, previous epoch, previous sequence, time, number of writes. */
const HEADER_BYTES = HASH_BYTES + 1 + 20 + 8 + 20 + 8 + 8 + 4;
const DELETED = 0;
const PUT = 1;

/** The hash before the first batch. */
export const NO_HASH: Uint8Array = new Uint8Array(HASH_BYTES);

/** One record of the log: a batch, and the hash of the record before it. */
export interface LogRecord {
  readonly batch: Batch;
  readonly previousHash: Uint8Array;
}

/** A batch before it is chained. */
export type Unchained = Omit<Batch, 'hash'>;

function writeEpoch(target: Buffer, epoch: string, at: number): number {
  const dot = epoch.indexOf('.');
  target.writeUInt32BE(Number(epoch.slice(0, dot)), at);
  return at + 4 + target.write(epoch.slice(dot + 1), at + 4, 16, 'hex');
}

/** In 8 bytes, without a BigInt for each. */
function writeNumber(target: Buffer, value: number, at: number): number {
  target.writeUInt32BE(Math.floor(value / 2 ** 32), at);
  return target.writeUInt32BE(value % 2 ** 32, at + 4);
}

function readEpoch(source: Buffer, at: number): string {
  return `${source.readUInt32BE(at)}.${source.toString('hex', at + 4, at + 20)}`;
}

function readNumber(source: Buffer, at: number): number {
  return Number(source.readBigUInt64BE(at));
}

/**
 * Chains a batch and encodes its record. Layout, big-endian: hash of the record before (32), version (1), epoch (number 4,
 * id 16), sequence (8), previous epoch (20), previous sequence (8), time in ms (8), number of writes (4); then for each
 * write its kind (1: 0 deletes, 1 puts), key length (2), key, and for a put value length (4), value; last the SHA-256 of
 * all that (32), which is the record's hash.
 */
export function encodeLogRecord(batch: Unchained, previousHash: Uint8Array): { record: Uint8Array; batch: Batch } {
  const keys = batch.writes.map(({ key }) => Buffer.from(key));
  const sizes = batch.writes.map(({ value }, at) => 3 + (keys[at]?.length ?? 0) + (value ? 4 + value.length : 0));
  const length = sizes.reduce((total, size) => total + size, HEADER_BYTES);
  const record = Buffer.allocUnsafe(length + HASH_BYTES);
  record.set(previousHash, 0);
  let at = record.writeUInt8(RECORD_VERSION, HASH_BYTES);
  at = writeEpoch(record, batch.position.epoch, at);
  at = writeNumber(record, batch.position.sequence, at);
  at = writeEpoch(record, batch.previous.epoch, at);
  at = writeNumber(record, batch.previous.sequence, at);
  at = writeNumber(record, batch.time, at);
  at = record.writeUInt32BE(batch.writes.length, at);
  batch.writes.forEach(({ value }, index) => {
    const key = keys[index] ?? Buffer.alloc(0);
    at = record.writeUInt8(value === undefined ? DELETED : PUT, at);
    at = record.writeUInt16BE(key.length, at);
    record.set(key, at);
    at += key.length;
    if (value === undefined) return;
    at = record.writeUInt32BE(value.length, at);
    record.set(value, at);
    at += value.length;
  });
  const hash = sha256(record.subarray(0, at));
  record.set(hash, at);
  return { record, batch: { ...batch, hash } };
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function readWrite(source: Buffer, at: number): { write: Write; end: number } {
  const kind = source.readUInt8(at);
  const keyStart = at + 3;
  const keyEnd = keyStart + source.readUInt16BE(at + 1);
  if (kind > PUT || keyEnd > source.length) throw new RangeError('bad write');
  const key = utf8.decode(source.subarray(keyStart, keyEnd));
  if (kind === DELETED) return { write: { key, value: undefined }, end: keyEnd };
  const end = keyEnd + 4 + source.readUInt32BE(keyEnd);
  if (end > source.length) throw new RangeError('value beyond the record');
  return { write: { key, value: source.subarray(keyEnd + 4, end) }, end };
}

function readBody(body: Buffer): Unchained {
  let at = HASH_BYTES + 1;
  const position: Position = { epoch: readEpoch(body, at), sequence: readNumber(body, at + 20) };
  const previous: Position = { epoch: readEpoch(body, at + 28), sequence: readNumber(body, at + 48) };
  const time = readNumber(body, at + 56);
  const count = body.readUInt32BE(at + 64);
  at = HEADER_BYTES;
  const writes: Write[] = [];
  for (let index = 0; index < count; index++) {
    const { write, end } = readWrite(body, at);
    writes.push(write);
    at = end;
  }
  if (at !== body.length) throw new RangeError('bytes behind the last write');
  return { position, previous, time, writes };
}

/**
 * Reads a record back. Throws `corrupt` when it is cut, its hash does not hold or its content is none; `formatVersion`
 * when it is whole but of another version. `name` stands in the error. The values share the given bytes.
 */
export function decodeLogRecord(bytes: Uint8Array, name: string): LogRecord {
  const record = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const body = record.subarray(0, -HASH_BYTES);
  const hash = record.subarray(-HASH_BYTES);
  if (record.length < HASH_BYTES + 1 + HASH_BYTES || !sha256(body).equals(hash)) {
    throw fail('corrupt', `${name} is damaged: its hash does not hold`);
  }
  const version = body.readUInt8(HASH_BYTES);
  if (version !== RECORD_VERSION) {
    throw fail('formatVersion', `${name} has record version ${version}: this program reads version ${RECORD_VERSION}`);
  }
  try {
    return { batch: { ...readBody(body), hash }, previousHash: record.subarray(0, HASH_BYTES) };
  } catch (error) {
    throw fail('corrupt', `${name} is damaged: it does not decode`, { cause: error });
  }
}
