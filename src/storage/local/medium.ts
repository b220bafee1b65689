import type { LogRecord } from '../log-record.ts';
import type { Reader } from '../paging.ts';
import type { Replacement } from './replacement.ts';
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

/** A log record, and what it takes in the log. */
export interface StoredRecord extends LogRecord {
  readonly bytes: number;
}

/** The newest committed state, data and log; it stays of its moment until `close`. */
export interface View extends Reader {
  /** The record of a sequence that is committed and not compacted. Throws `corrupt` when it is missing or damaged. */
  record(sequence: number): StoredRecord;
  close(): void;
}

/**
 * What holds the data and the log of one node. `LocalStore` makes a Store of it and is its only user: it commits one
 * group at a time and opens a view only between commits.
 */
export interface Medium {
  readonly log: string;
  readonly epoch: Epoch;
  /** As found at opening. */
  readonly head: Place;
  readonly oldest: Place;
  /** Bytes of all records in the log, now. */
  readonly logBytes: number;
  /** Groups and compactions that were committed since it was opened, each durable by one flush or one write to a journal; 0 where nothing is. */
  readonly flushes: number;
  open(): View;
  /** Makes data and records durable, all or nothing. Resolves once they are flushed; a rejection means "unknown". */
  commit(group: readonly Chained[]): Promise<void>;
  /** Drops the records up to and including `upTo`; interrupted, or after a crash soon after, an older part of them is dropped. */
  compact(upTo: Place): Promise<void>;
  /** Another content, empty, beside this one. */
  replacement(): Promise<Replacement>;
  close(): Promise<void>;
}
