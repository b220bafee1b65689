/**
 * The Store: a node's durable, ordered copy of the state.
 *
 * Values are opaque here: the barrier (`seal/barrier.ts`) encrypts them. Keys lie on disk in clear, so nothing secret
 * may stand in one. Keys compare by their UTF-8 bytes.
 */

/** The longest key a store takes, in UTF-8 bytes. A longer one is refused with `keyTooLong`. */
export const MAX_KEY_BYTES = 1_900;

/** A place in one log. Two positions are comparable only within one epoch. */
export interface Position {
  /** Identity of the history: `<number>.<random id>`. */
  readonly epoch: string;
  /** 0 before the first batch; each batch adds one (on etcd the sequence is the revision, which skips). */
  readonly sequence: number;
}

/** A history is identified, not just numbered: restore, promotion and import of an older state open a new epoch. */
export interface Epoch {
  readonly number: number;
  /** 128 random bits, hex. */
  readonly id: string;
  /** `<number>.<id>` of the epoch this one forked from; absent for the first. */
  readonly parent?: string;
  /** The sequence at which it forked. */
  readonly forkedAt: number;
}

/** What a value decodes to, for whoever reads it next and need not decrypt and decode it then. Nobody changes it. */
export interface Decoded {
  readonly record: object;
  /** Of the value. */
  readonly bytes: number;
}

export interface Write {
  readonly key: string;
  /** The full value, never a delta; undefined deletes the key. */
  readonly value: Uint8Array | undefined;
  /** As `Transaction.put` was given it. In memory alone: what comes from a log, or from another node, may have none. */
  readonly decoded?: Decoded | undefined;
}

/** What one transaction wrote: data and log record commit together. */
export interface Batch {
  readonly position: Position;
  /** The predecessor. Gapless means that `previous` equals the position of the batch before. */
  readonly previous: Position;
  /** SHA-256 over the predecessor's hash and this record's bytes: two logs that forked differ from there on. */
  readonly hash: Uint8Array;
  /** Wall-clock milliseconds at the commit; for retention, never for ordering. */
  readonly time: number;
  readonly writes: readonly Write[];
  /**
   * Beginnings of keys of which every value has become readable, or no longer is: whatever was read there counts no more.
   * Such a batch is in no log, writes nothing, and has the position that is shown already. Absent in all others.
   */
  readonly reread?: readonly string[];
}

export interface Page {
  /** The key (for `list`) or the child (for `children`) after which the page starts, exclusive. */
  readonly after?: string;
  readonly limit: number;
}

/**
 * Reads of one moment; no I/O wait. Dispose it soon: one that is held over many commits (2,000 and 5 s on a local store)
 * ends, and its reads throw `snapshotExpired`, since an old reader makes the file grow. Disposed, its reads throw.
 */
export interface Snapshot extends Disposable {
  /** The batch whose effects this snapshot shows. */
  readonly position: Position;
  /** Absent is undefined, never a throw. The bytes may be shared: do not change them. */
  get(key: string): Uint8Array | undefined;
  /** Whether the key has a value. Behind the barrier this costs no decryption, so a damaged value counts as one. */
  has(key: string): boolean;
  /** Full keys that begin with `prefix` (`prefix` itself too), in key order. A limit of 0 or less gives none. */
  list(prefix: string, page: Page): readonly string[];
  /**
   * The distinct next path segments below `prefix`, in key order: `a` for the key `<prefix>a`, `a/` for any key below
   * `<prefix>a/`. The key `prefix` itself is no child. Skips over subtrees, so the cost follows what is returned.
   */
  children(prefix: string, page: Page): readonly string[];
}

/** Reads see the snapshot with this transaction's own writes on top. */
export interface Transaction extends Omit<Snapshot, keyof Disposable | 'position'> {
  put(key: string, value: Uint8Array, decoded?: Decoded): void;
  /**
   * What was written at `key` and no reader of the store sees yet, by this transaction or by one before it. undefined:
   * nothing, so what is read here is what `Store.get` gives at this moment. Counts as reading the key.
   */
  written(key: string): Pick<Write, 'decoded'> | undefined;
  delete(key: string): void;
}

export interface Committed<T> {
  readonly value: T;
  /** Where the batch stands in the log; the position before it when nothing was written. */
  readonly position: Position;
}

export interface Store extends AsyncDisposable {
  /** The name of this log, made once with the store: 128 random bits, hex. */
  readonly log: string;
  readonly epoch: Epoch;
  /** The newest position whose effects this node's reads show. Only flushed batches are shown. */
  readonly position: Position;
  /** The chain hash at `position`; 32 zero bytes before the first batch. */
  readonly hash: Uint8Array;
  /** Reads one key now, as a snapshot of this moment would: for who needs no second read of the same moment. */
  get(key: string): Uint8Array | undefined;
  has(key: string): boolean;
  snapshot(): Snapshot;
  /**
   * Runs `work` on a snapshot and commits its writes at once; runs it again on a conflict, so it does no outside I/O and
   * may run more than once. Resolves when the batch is durable and shown. What `work` throws rejects and writes nothing.
   * A transaction without writes makes no batch. Concurrent transactions share a flush. A key that is empty or no Unicode
   * text is refused with `badRequest`. Closing the store brings transactions that were taken to their end.
   */
  transact<T>(work: (tx: Transaction) => T): Promise<Committed<T>>;
  /**
   * Calls `apply` with each batch, in order, without a gap, synchronously, after the batch is durable and before any
   * reader sees its position: the one invalidation path of every cache. `apply` must not throw (that ends the process: a cache
   * would be wrong) and can neither write nor register another observer.
   */
  observe(apply: (batch: Batch) => void): Disposable;
  /**
   * Batches after `from`, in order, without a gap, then each new one until `signal` aborts (it then ends, without a
   * throw). Throws `compacted` when the log no longer reaches back to `from`, `unknownPosition` when `from` is not in
   * this history (another epoch, or a sequence ahead of the log), `storeClosed` when the store is closed meanwhile,
   * `corrupt` when a record is damaged.
   */
  changes(from: Position, signal: AbortSignal): AsyncIterable<Batch>;
  /** The chain hash at a position of this history; undefined when it is compacted away or was never part of it. */
  hashAt(position: Position): Uint8Array | undefined;
  /** The oldest position that `changes` can start from. */
  readonly oldest: Position;
  /** Drops log records up to and including `upTo`; data stays. Never beyond `position`. */
  compact(upTo: Position): Promise<void>;
}
