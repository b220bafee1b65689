/** Reads a snapshot as it streams in, and checks everything on the way: nothing of a chunk is given before its sum fits. */
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { fail } from '../../errors.ts';
import { sha256, sha256Digest, type Digest } from '../crypto/hash.ts';
import {
  CHUNK_KEY,
  decodeMeta,
  META,
  SEALED_SUMS,
  STATE,
  SUMS,
  sumsText,
  type ChunkHead,
  type SnapshotMeta,
} from './meta.ts';
import { RecordCursor, type SnapshotRecord } from './records.ts';
import { ByteSource } from './source.ts';
import { BLOCK, paddingOf, readTarHeader, tarHeader } from './tar.ts';

/** Larger files are none of ours: they are not read into memory. */
const SMALL = 64 * 1024;
const LARGEST_CHUNK = 512 * 1024 * 1024;
/** Of a file that nobody is known to have written: what it may make this program hold in memory. */
export const UNPROVEN_CHUNK = 64 * 1024 * 1024;

export interface SnapshotReading {
  /** Told first, with nothing but `meta.json` checked. */
  readonly meta?: (meta: SnapshotMeta) => void;
  /** A chunk's records, in order: a later record of a key replaces an earlier one. Absent: no chunk is held in memory. */
  readonly chunk?: (records: readonly SnapshotRecord[], head: ChunkHead) => void | Promise<void>;
  /** Bytes of a chunk beyond which the file is refused, where chunks are held. */
  readonly largest?: number;
}

export interface ReadSnapshot {
  readonly meta: SnapshotMeta;
  /** `SHA256SUMS` as it stands, which is what the seal proves, and `SHA256SUMS.sealed`. */
  readonly sums: string;
  readonly sealed: Buffer;
}

const damaged = (what: string): Error => fail('snapshotDamaged', `the snapshot is damaged: ${what}`);

/**
 * Reads the gzip stream of a snapshot to its end. Throws `snapshotDamaged`, which names the part that is damaged or in
 * which it ends, or `snapshotVersion`. All that `chunk` was given counts only once this resolves.
 */
export async function readSnapshot(stream: AsyncIterable<Uint8Array>, reading: SnapshotReading): Promise<ReadSnapshot> {
  const unzipped = createGunzip();
  // Its errors reach the archive's reader through `unzipped`.
  const fed = pipeline(stream, unzipped).catch(() => undefined);
  try {
    return await readArchive(new ByteSource(unzipped), reading);
  } finally {
    unzipped.destroy();
    await fed;
  }
}

async function readArchive(source: ByteSource, reading: SnapshotReading): Promise<ReadSnapshot> {
  // Another format may leave other room: its version is what is told.
  const text = await small(source, META);
  const meta = decodeMeta(text);
  reading.meta?.(meta);
  await header(source, STATE, meta.bytes);
  const digest = sha256Digest();
  await readState(source, { meta, digest, reading });
  await padding(source, meta.bytes, STATE);
  const expected = sumsText(sha256(text).toString('hex'), digest.hex());
  const sums = (await small(source, SUMS)).toString('utf8');
  if (sums !== expected) throw damaged(`${SUMS} does not match ${META} and ${STATE}`);
  const sealed = await small(source, SEALED_SUMS);
  const end = await source.take(2 * BLOCK, 'the end of the archive');
  const rest = await source.isAtEnd('the end of the archive');
  if (!rest || end.some((byte) => byte !== 0)) throw damaged('more follows the end of the archive');
  return { meta, sums, sealed };
}

interface StateReading {
  readonly meta: SnapshotMeta;
  readonly digest: Digest;
  readonly reading: SnapshotReading;
}

async function readState(source: ByteSource, { meta, digest, reading }: StateReading): Promise<void> {
  let left = meta.bytes;
  let records = 0;
  const take: Take = async (length, where) => {
    if (length > left) throw damaged(`${where} is longer than what is left of ${STATE}`);
    left -= length;
    const bytes = await source.take(length, where);
    digest.update(bytes);
    return bytes;
  };
  for (let number = 1; number <= meta.chunks; number += 1) {
    const where = `chunk ${String(number)} of ${STATE}`;
    const head = await chunkHead(take, number, where);
    records += head.records;
    if (reading.chunk === undefined) {
      await skipChunk(take, head, where);
      continue;
    }
    if (head.bytes > (reading.largest ?? LARGEST_CHUNK)) throw damaged(`${where} is larger than it can be`);
    const body = await take(head.bytes, where);
    if (sha256(body).toString('hex') !== head.sha256) throw mismatch(where);
    await reading.chunk(recordsOf(body, head, where), head);
  }
  if (left > 0 || records !== meta.records) throw damaged(`${STATE} does not hold what ${META} says`);
}

type Take = (length: number, where: string) => Promise<Buffer>;
const mismatch = (where: string): Error => damaged(`${where} does not match its sum`);

/** Checks a chunk in pieces, so that one of any length costs no memory. */
async function skipChunk(take: Take, head: ChunkHead, where: string): Promise<void> {
  const digest = sha256Digest();
  for (let left = head.bytes; left > 0;) {
    const piece = await take(Math.min(left, SMALL), where);
    digest.update(piece);
    left -= piece.length;
  }
  if (digest.hex() !== head.sha256) throw mismatch(where);
}

async function chunkHead(take: Take, number: number, where: string): Promise<ChunkHead> {
  const heading = `the heading of ${where}`;
  // A heading is below 256 bytes: its length takes one byte or two.
  const first = await take(1, heading);
  const low = first[0] ?? 0;
  const second = low < 0x80 ? undefined : await take(1, heading);
  const length = second === undefined ? low : (low & 0x7f) + (second[0] ?? 0) * 0x80;
  const body = await take(length, heading);
  const record = parsed(() =>
    new RecordCursor(Buffer.concat([first, second ?? Buffer.alloc(0), body]), heading).next(),
  );
  const head = parsed(() => JSON.parse(Buffer.from(record?.value ?? []).toString('utf8')) as unknown);
  if (record?.key !== CHUNK_KEY || !isChunkHead(head) || head.number !== number) throw damaged(`${heading} is none`);
  return head;
}

function isChunkHead(found: unknown): found is ChunkHead {
  const { number, bytes, records, sha256: sum } = (found ?? {}) as Readonly<Partial<ChunkHead>>;
  const counts = [number, bytes, records].every((count) => Number.isSafeInteger(count) && Number(count) >= 0);
  return counts && typeof sum === 'string' && Number(bytes) <= LARGEST_CHUNK;
}

function parsed<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch {
    return undefined;
  }
}

function recordsOf(body: Buffer, head: ChunkHead, where: string): readonly SnapshotRecord[] {
  const cursor = new RecordCursor(body, where);
  const records: SnapshotRecord[] = [];
  while (!cursor.isAtEnd) records.push(cursor.next());
  if (records.length !== head.records) throw damaged(`${where} does not hold the records that it states`);
  return records;
}

async function header(source: ByteSource, name: string, size?: number): Promise<number> {
  const where = `the header of ${name}`;
  const bytes = await source.take(BLOCK, where);
  const entry = readTarHeader(bytes, where);
  if (entry === undefined) throw fail('snapshotDamaged', `the snapshot is cut short: it has no ${name}`);
  if (entry.name !== name || (size !== undefined && entry.size !== size)) {
    throw damaged(`where ${name} should stand is "${printable(entry.name)}" of ${String(entry.size)} bytes`);
  }
  // Other programs fill in times and owners: what they wrote is told from `meta.json`, which comes first.
  if (name !== META && !tarHeader(entry).equals(bytes)) throw damaged(`${where} is not as it was written`);
  return entry.size;
}

const printable = (name: string): string => name.replaceAll(/[^\x20-\x7e]/g, '?');

async function small(source: ByteSource, name: string): Promise<Buffer> {
  const size = await header(source, name);
  if (size > SMALL) throw damaged(`${name} is larger than it can be`);
  const content = Buffer.from(await source.take(size, name));
  await padding(source, size, name);
  return content;
}

async function padding(source: ByteSource, size: number, name: string): Promise<void> {
  const bytes = await source.take(paddingOf(size), name);
  if (bytes.some((byte) => byte !== 0)) throw damaged(`what stands behind ${name} is not blank`);
}
