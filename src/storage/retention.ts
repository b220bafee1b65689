import type { Position, Store } from './store.ts';

/** One log record, as far as retention looks at it. */
export interface RecordStat {
  readonly position: Position;
  /** Wall-clock milliseconds at its commit. */
  readonly time: number;
  readonly bytes: number;
}

/** What a store tells of its log. */
export interface LogStats {
  /** Bytes of all records. */
  readonly logBytes: number;
  /** Records from the oldest on, read as they are asked for. */
  records(): Iterable<RecordStat>;
}

/** A record stays while it is younger than the age and the log smaller than the bytes. */
export interface RetentionLimits {
  readonly milliseconds: number;
  readonly bytes: number;
}

export const RETENTION: RetentionLimits = { milliseconds: 7 * 24 * 60 * 60 * 1_000, bytes: 1024 ** 3 };

/** Records that are looked at in one go, so that a long backlog does not hold up requests: a few milliseconds. */
const AT_ONCE = 500;
/** And bytes: large ones lie in many parts. */
const BYTES_AT_ONCE = 16 * 1024 * 1024;
/** And in one call: more than are written between two, and no more than a part of a core while a backlog is worked off. */
const STEPS = 20;

/**
 * Up to which record the log can be compacted at wall-clock time `now`: all that lie beyond either limit, oldest first.
 * `pinned` is the oldest position that a reader still starts from; nothing behind it is dropped. Undefined: nothing to
 * drop. It looks at 500 records at most, or 16 MiB: ask again after compacting.
 */
export function compactableTo(
  stats: LogStats,
  limits: RetentionLimits,
  now: number,
  pinned?: Position,
): Position | undefined {
  let found: Position | undefined;
  let bytes = stats.logBytes;
  let seen = 0;
  for (const record of stats.records()) {
    const isBeyond = now - record.time > limits.milliseconds || bytes > limits.bytes;
    if (!isBeyond || (pinned !== undefined && record.position.sequence > pinned.sequence)) break;
    found = record.position;
    bytes -= record.bytes;
    seen += 1;
    if (seen === AT_ONCE || stats.logBytes - bytes >= BYTES_AT_ONCE) break;
  }
  return found;
}

/**
 * Compacts what lies beyond the limits now, of a backlog the first 10,000 records: the next call goes on. Resolves to the
 * new oldest position, undefined when nothing was dropped.
 */
export async function retain(
  store: Store & LogStats,
  limits: RetentionLimits = RETENTION,
  pinned?: Position,
): Promise<Position | undefined> {
  let oldest: Position | undefined;
  for (let step = 0; step < STEPS; step += 1) {
    const upTo = compactableTo(store, limits, Date.now(), pinned);
    if (upTo === undefined) break;
    await store.compact(upTo);
    oldest = upTo;
  }
  return oldest;
}
