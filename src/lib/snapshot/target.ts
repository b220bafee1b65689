/** Where snapshots are kept by name: a directory, a bucket. */

/** One that is kept there. */
export interface Kept {
  readonly name: string;
  readonly bytes: number;
}

export interface Putting {
  readonly name: string;
  /** The archive, compressed, from its beginning; may be asked for again. */
  readonly content: () => AsyncIterable<Uint8Array>;
  /** Reads what arrived to its end. Rejects when it is not what was sent. */
  readonly check: (arrived: AsyncIterable<Uint8Array>) => Promise<void>;
}

/**
 * Names hold no slash. Each call rejects with an error of the catalogue that names the place and the remedy, or with the
 * signal's reason.
 */
export interface SnapshotTarget {
  /** Where a snapshot of that name lies, for people. */
  readonly urlOf: (name: string) => string;
  /** Snapshots whose name begins with `prefix`; what is not there as a whole is none. */
  readonly list: (prefix: string, signal: AbortSignal) => Promise<readonly Kept[]>;
  /**
   * Resolves once it is durable, was read back and checked. Until then it is not there under its name; after a rejection
   * nothing of it is left. What an earlier call that was cut off has left under names of the same `prefix` goes first.
   */
  readonly put: (putting: Putting, prefix: string, signal: AbortSignal) => Promise<void>;
  /** Throws `notFound`. */
  readonly read: (name: string, signal: AbortSignal) => Promise<AsyncIterable<Uint8Array>>;
  /** What is not there is no error. */
  readonly remove: (name: string, signal: AbortSignal) => Promise<void>;
}
