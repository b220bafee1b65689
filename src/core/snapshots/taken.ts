/** A snapshot that this node took for itself, as long as it is used. */
import type { SnapshotMeta } from '../../lib/snapshot/meta.ts';

/** A snapshot in a file. */
export interface Taken {
  readonly meta: SnapshotMeta;
  /** The archive as clients get it, compressed. */
  readonly content: () => AsyncIterable<Uint8Array>;
  /** Reads it where it was put, to its end. Throws `snapshotDamaged` unless it is this very one. */
  readonly check: (arrived: AsyncIterable<Uint8Array>) => Promise<void>;
}

export interface Taking {
  /** Takes one for the time that `use` takes. It counts for none of those that are on their way. Throws `sealed`. */
  during<T>(signal: AbortSignal, use: (taken: Taken) => Promise<T>): Promise<T>;
}
