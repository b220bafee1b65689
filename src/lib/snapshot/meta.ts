/** What a snapshot says of itself: `meta.json`, and the heading of each chunk of `state.bin`. */
import { fail } from '../../errors.ts';
import { sha256 } from '../crypto/hash.ts';

/** The format of the archive and of what lies in it. Another one is refused by name. */
export const SNAPSHOT_FORMAT = 1;
/** `meta.json` stands before `state.bin` and is known after it: room is left, and filled with blanks. */
export const META_BYTES = 2_048;

export const META = 'meta.json';
export const STATE = 'state.bin';
export const SUMS = 'SHA256SUMS';
export const SEALED_SUMS = 'SHA256SUMS.sealed';

/** The history that the snapshot is a moment of. */
export interface Origin {
  /** Name of the log: 32 hexadecimal digits. */
  readonly log: string;
  /** `<number>.<random id>`. */
  readonly epoch: string;
  /** Every batch up to here is in it, and none behind it. */
  readonly sequence: number;
  /** The chain hash there, hex. */
  readonly hash: string;
}

export interface SnapshotMeta extends Origin {
  readonly format: number;
  /** Wall-clock milliseconds. */
  readonly time: number;
  /** Records in `state.bin`, deletions included. */
  readonly records: number;
  readonly chunks: number;
  /** Of `state.bin`. */
  readonly bytes: number;
}

const sumOf = (meta: SnapshotMeta): string => sha256(JSON.stringify(meta)).toString('hex');

const inOrder = (meta: SnapshotMeta): SnapshotMeta => ({
  format: meta.format,
  log: meta.log,
  epoch: meta.epoch,
  sequence: meta.sequence,
  hash: meta.hash,
  time: meta.time,
  records: meta.records,
  chunks: meta.chunks,
  bytes: meta.bytes,
});

/** The names of Vault's `meta.json` first, which its tools show; then our own. */
export function encodeMeta(given: SnapshotMeta): Buffer {
  const meta = inOrder(given);
  const text = JSON.stringify({
    Version: 1,
    ID: `lockstep-${meta.epoch}-${String(meta.sequence)}`,
    Index: meta.sequence,
    Term: Number(meta.epoch.split('.', 1)[0]),
    Configuration: { Servers: [] },
    ConfigurationIndex: 0,
    Size: meta.bytes,
    Lockstep: { ...meta, sum: sumOf(meta) },
  });
  return Buffer.from(text.padEnd(META_BYTES, ' '));
}

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
/** A store goes on from there, by numbers above these. */
const isHistory = ({ log, epoch, hash, sequence }: Origin): boolean =>
  /^[0-9a-f]{32}$/.test(log) &&
  /^\d{1,12}\.[0-9a-f]{32}$/.test(epoch) &&
  /^[0-9a-f]{64}$/.test(hash) &&
  sequence < 2 ** 52;
const damaged = (what: string): Error => fail('snapshotDamaged', `the snapshot is damaged: ${META} ${what}`);

/** Throws `snapshotVersion` for another format, `snapshotDamaged` for what this program did not write. */
export function decodeMeta(bytes: Buffer): SnapshotMeta {
  let found: unknown;
  try {
    found = JSON.parse(bytes.toString('utf8'));
  } catch {
    throw damaged('is no JSON');
  }
  const own = (found as { readonly Lockstep?: Readonly<Record<string, unknown>> } | null)?.Lockstep;
  if (own === undefined) {
    throw fail(
      'snapshotVersion',
      `${META} names no Lockstep format: snapshots of Vault and OpenBao cannot be restored`,
    );
  }
  const { sum, ...rest } = own;
  const meta = rest as unknown as SnapshotMeta;
  if (sum !== sha256(JSON.stringify(rest)).toString('hex')) throw damaged('does not match its own sum');
  if (meta.format !== SNAPSHOT_FORMAT) {
    throw fail(
      'snapshotVersion',
      `the snapshot has format version ${String(meta.format)}, this release reads ${String(SNAPSHOT_FORMAT)}: use the release that wrote it`,
    );
  }
  const counts = [meta.sequence, meta.time, meta.records, meta.chunks, meta.bytes];
  const texts = [meta.log, meta.epoch, meta.hash];
  if (!counts.every(isCount) || !texts.every((text) => typeof text === 'string')) throw damaged('is incomplete');
  if (!isHistory(meta)) throw damaged('names no history');
  return meta;
}

/** Heads each chunk of `state.bin`, as a record like all others. */
export interface ChunkHead {
  /** From 1. */
  readonly number: number;
  readonly records: number;
  readonly bytes: number;
  /** Of the chunk's bytes, hex. */
  readonly sha256: string;
}

/** No store key begins so: they begin with their class, or with `seal/`. */
export const CHUNK_KEY = 'snapshot/chunk';

export function sumsText(meta: string, state: string): string {
  return `${meta}  ${META}\n${state}  ${STATE}\n`;
}
