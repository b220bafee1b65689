/**
 * A store's state at exactly one moment, while writes go on: its keys in pages, each read in a short transaction, then the
 * log from the first page's position to the last one's. Entries of the log hold full values, so a page that was read early
 * is made whole by them, and applying one that a page shows already changes nothing (design rules 3, 12 and 13).
 */
import { fail, isLockstepError } from '../errors.ts';
import { nextTurn } from '../lib/next-turn.ts';
import type { Origin } from '../lib/snapshot/meta.ts';
import type { SnapshotRecord } from '../lib/snapshot/records.ts';
import type { Position, Store } from './store.ts';

/** What a page may hold: it is read without a break, so that requests wait a millisecond or two. */
const PAGE_KEYS = 512;
const PAGE_BYTES = 512 * 1024;

export interface CopySink {
  readonly add: (record: SnapshotRecord) => void;
  /** Called between pages: writes out what is enough for a chunk. */
  readonly drain: () => Promise<void>;
}

/** Resolves with the moment that was copied. Throws `compacted` when the log is dropped faster than it is copied. */
export async function copyStore(store: Store, sink: CopySink, signal: AbortSignal): Promise<Origin> {
  const from = store.position;
  const start = Buffer.from(store.hash).toString('hex');
  let to = from;
  for (let after: string | undefined; ;) {
    signal.throwIfAborted();
    const page = readPage(store, after, sink);
    to = page.position;
    if (page.last === undefined) break;
    after = page.last;
    await sink.drain();
    await nextTurn();
  }
  const hash = to.sequence === from.sequence ? start : await copyLog(store, { from, to, sink, signal });
  await sink.drain();
  return { log: store.log, epoch: to.epoch, sequence: to.sequence, hash };
}

function readPage(
  store: Store,
  after: string | undefined,
  sink: CopySink,
): { readonly position: Position; readonly last: string | undefined } {
  using snapshot = store.snapshot();
  let bytes = 0;
  let last: string | undefined;
  for (const key of snapshot.list('', { limit: PAGE_KEYS, ...(after === undefined ? {} : { after }) })) {
    const value = snapshot.get(key);
    if (value === undefined) throw fail('corrupt', `the stored record ${key} is listed and not there`);
    sink.add({ key, value });
    last = key;
    bytes += value.length;
    if (bytes >= PAGE_BYTES) break;
  }
  return { position: snapshot.position, last };
}

interface LogPart {
  readonly from: Position;
  readonly to: Position;
  readonly sink: CopySink;
  readonly signal: AbortSignal;
}

/** Gives the chain hash at its end. */
async function copyLog(store: Store, { from, to, sink, signal }: LogPart): Promise<string> {
  try {
    for await (const batch of store.changes(from, signal)) {
      for (const { key, value } of batch.writes) sink.add({ key, value });
      if (batch.position.sequence >= to.sequence) return Buffer.from(batch.hash).toString('hex');
      await sink.drain();
    }
  } catch (error) {
    if (!isLockstepError(error, 'compacted')) throw error;
    throw fail(
      'compacted',
      'the log was dropped while the snapshot was made: raise `log_retention_bytes`, or try again',
    );
  }
  throw signal.aborted ? signal.reason : fail('storeClosed');
}
