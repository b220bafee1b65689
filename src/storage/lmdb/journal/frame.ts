/**
 * Frames of the journal: one holds the log records of a group, whole or not at all. Each begins at a multiple of a page, so
 * that writing one never touches a page with what was acknowledged before.
 *
 * Layout, big-endian: magic (4), length of the body (4), CRC-32 of both lengths and the body (4), number of records (4), then
 * the body: for each record its length (4) and the record. Zeros up to the next page.
 */
import { crc32 } from 'node:zlib';

export const PAGE = 4_096;

/** No UTF-8 text holds the first of its bytes: nothing that lies in clear in a record, a key, looks like a frame. */
const MAGIC = 0xff4c_534a;
const HEADER_BYTES = 16;

export interface Frame {
  readonly records: readonly Uint8Array[];
  /** Up to where the next one begins. */
  readonly bytes: number;
}

/** Bytes that a frame of these records takes: a multiple of a page. */
export function frameBytes(records: readonly Uint8Array[]): number {
  const body = records.reduce((sum, record) => sum + 4 + record.length, HEADER_BYTES);
  return Math.ceil(body / PAGE) * PAGE;
}

function sumOf(frame: Buffer, length: number): number {
  const body = frame.subarray(HEADER_BYTES, HEADER_BYTES + length);
  return crc32(body, crc32(frame.subarray(12, HEADER_BYTES), crc32(frame.subarray(4, 8))));
}

/** Writes the frame at the start of `target`, whose first `frameBytes` are its; what is behind them stays. */
export function writeFrame(target: Buffer, records: readonly Uint8Array[]): void {
  let at = HEADER_BYTES;
  for (const record of records) {
    at = target.writeUInt32BE(record.length, at);
    target.set(record, at);
    at += record.length;
  }
  target.fill(0, at, frameBytes(records));
  const length = at - HEADER_BYTES;
  target.writeUInt32BE(MAGIC, 0);
  target.writeUInt32BE(length, 4);
  target.writeUInt32BE(records.length, 12);
  target.writeUInt32BE(sumOf(target, length), 8);
}

/** The frame that begins at `at`; undefined when none does, or when it is cut or damaged. The records share the bytes. */
export function readFrame(bytes: Buffer, at: number): Frame | undefined {
  const frame = bytes.subarray(at);
  if (frame.length < HEADER_BYTES || frame.readUInt32BE(0) !== MAGIC) return undefined;
  const length = frame.readUInt32BE(4);
  if (HEADER_BYTES + length > frame.length || sumOf(frame, length) !== frame.readUInt32BE(8)) return undefined;
  const records: Uint8Array[] = [];
  let next = HEADER_BYTES;
  for (let left = frame.readUInt32BE(12); left > 0; left--) {
    const end = next + 4 + frame.readUInt32BE(next);
    records.push(frame.subarray(next + 4, end));
    next = end;
  }
  return next === HEADER_BYTES + length ? { records, bytes: frameBytes(records) } : undefined;
}
