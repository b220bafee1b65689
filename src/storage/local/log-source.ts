import { fail } from '../../errors.ts';
import type { Batch, Position } from '../store.ts';
import type { Place, StoredRecord } from './medium.ts';

/** The log of one node, as its readers need it: what is committed, not compacted and shown. */
export interface LogSource {
  /** The newest place that is shown. */
  readonly head: () => Place;
  /** The oldest position that changes can start from. */
  readonly oldest: () => Place;
  readonly record: (sequence: number) => StoredRecord;
  /** Resolves when there is more, when the store is closed, or when `signal` aborts. */
  readonly next: (signal: AbortSignal) => Promise<void>;
  /** Throws `storeClosed`. */
  readonly checkOpen: () => void;
}

/** Whether a position is part of this history up to now. */
export function isPast({ head }: Pick<LogSource, 'head'>, { epoch, sequence }: Position): boolean {
  const newest = head().position;
  return epoch === newest.epoch && Number.isSafeInteger(sequence) && sequence >= 0 && sequence <= newest.sequence;
}

/** `Store.hashAt`. */
export function hashAt(source: LogSource, position: Position): Uint8Array | undefined {
  source.checkOpen();
  const [head, oldest] = [source.head(), source.oldest()];
  const { sequence } = position;
  if (!isPast(source, position) || sequence < oldest.position.sequence) return undefined;
  if (sequence === oldest.position.sequence) return oldest.hash;
  return sequence === head.position.sequence ? head.hash : source.record(sequence).batch.hash;
}

/** `Store.changes`. */
export async function* changes(source: LogSource, from: Position, signal: AbortSignal): AsyncGenerator<Batch, void> {
  source.checkOpen();
  if (!isPast(source, from)) throw fail('unknownPosition');
  let cursor = from.sequence;
  let hash = hashAt(source, from);
  while (!signal.aborted) {
    source.checkOpen();
    // Another content has taken its place.
    if (source.head().position.epoch !== from.epoch) throw fail('unknownPosition');
    if (cursor < source.oldest().position.sequence) throw fail('compacted');
    if (cursor === source.head().position.sequence) {
      await source.next(signal);
      continue;
    }
    const { batch, previousHash } = source.record(cursor + 1);
    if (hash === undefined || !Buffer.from(previousHash).equals(hash)) {
      throw fail(
        'corrupt',
        `the log is damaged between records ${cursor} and ${cursor + 1}: their hashes do not chain`,
      );
    }
    hash = batch.hash;
    cursor += 1;
    yield batch;
  }
}
