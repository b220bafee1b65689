import type { LogRecord } from '../log-record.ts';
import type { Reader } from '../paging.ts';
import type { Batch, Epoch, Position } from '../store.ts';

/** A place of the log with the chain hash there. */
export interface Place {
  readonly position: Position;
  readonly hash: Uint8Array;
}

/** A batch that is about to be committed, with the bytes of its log record. */
export interface Chained {
  readonly batch: Batch;
  readonly record: Uint8Array;
}

/** The newest committed state; it stays of its moment until `close`. */
export interface View extends Reader {
  close(): void;
}

/**
 * What holds the data and the log of one node. `LocalStore` makes a Store of it and is its only user: it commits one
 * group at a time, opens a view only between commits, and asks only for records that are committed and not compacted.
 */
export interface Medium {
  readonly log: string;
  readonly epoch: Epoch;
  /** As found at opening. */
  readonly head: Place;
  readonly oldest: Place;
  open(): View;
  /** Makes data and records durable, all or nothing. Resolves once they are flushed; a rejection means "unknown". */
  commit(group: readonly Chained[]): Promise<void>;
  /** The record of a sequence, as seen by `view`. Throws `corrupt` when it is missing or damaged. */
  record(sequence: number, view: View): LogRecord;
  /** Drops the records up to and including `upTo`, durably; interrupted, it has dropped an older part of them. */
  compact(upTo: Place): Promise<void>;
  close(): Promise<void>;
}
