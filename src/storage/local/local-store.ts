import { fail } from '../../errors.ts';
import { encodeLogRecord } from '../log-record.ts';
import type { LogStats, RecordStat } from '../retention.ts';
import type { Batch, Committed, Epoch, Position, Snapshot, Store, Transaction, Write } from '../store.ts';
import { Feed } from './feed.ts';
import { changes, hashAt, isPast, type LogSource } from './log-source.ts';
import type { Chained, Medium, Place, StoredRecord } from './medium.ts';
import type { Replacement } from './replacement.ts';
import { LocalTransaction, Overlay } from './transaction.ts';
import { SNAPSHOT_LIMIT, Views, type SnapshotLimit } from './views.ts';

export interface LocalStoreOptions {
  /** Called when a commit failed or an observer threw: what is on disk or in a cache is then unknown. It ends the process. */
  readonly die: (error: unknown) => void;
  /** Asked after each run of work: true runs it again, behind the transactions that wait. Never, if absent. */
  readonly conflict?: () => boolean;
  readonly snapshotLimit?: SnapshotLimit;
}

/** What a group may hold before it is flushed; the rest shares the flush after it. */
const GROUP_TRANSACTIONS = 1_000;
const GROUP_BYTES = 16 * 1024 * 1024;
/** Records that one compaction step drops, so that a long one does not hold up commits. */
const COMPACT_STEP = 1_000;

interface Waiting {
  readonly work: (tx: Transaction) => unknown;
  readonly resolve: (committed: Committed<unknown>) => void;
  readonly reject: (error: unknown) => void;
}

/** Transactions that ran on one overlay, one after the other, and share a flush. */
class Group {
  readonly batches: Chained[] = [];
  /** What is told once the flush is done: also a throw can rest on writes that were not yet durable. */
  readonly settle: (() => void)[] = [];
  readonly callers: Waiting[] = [];
  readonly overlay: Overlay;
  bytes = 0;
  head: Place;

  /** `under`: the writes of the group before it, while they are not published. */
  constructor(head: Place, under?: Overlay) {
    this.head = head;
    this.overlay = new Overlay(under);
  }

  /** What comes after it, and sees what it wrote. */
  next(): Group {
    return new Group(this.head, this.overlay);
  }

  get isFull(): boolean {
    return this.callers.length >= GROUP_TRANSACTIONS || this.bytes >= GROUP_BYTES;
  }

  append(writes: readonly Write[]): void {
    const previous = this.head.position;
    const position: Position = { epoch: previous.epoch, sequence: previous.sequence + 1 };
    const { batch, record } = encodeLogRecord({ position, previous, time: Date.now(), writes }, this.head.hash);
    this.batches.push({ batch, record });
    this.bytes += record.length;
    this.overlay.add(writes);
    this.head = { position, hash: batch.hash };
  }
}

function isThenable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

/** A Store over a log of this node alone: one writer, in this process, so that work is run once and in turn. */
export class LocalStore implements Store, LogStats {
  readonly #options: LocalStoreOptions;
  readonly #feed = new Feed();
  #medium: Medium;
  #views: Views;
  #head: Place;
  #oldest: Place;
  #queue: Waiting[] = [];
  /** Takes what comes; it is flushed when the group before it is published. */
  #filling: Group;
  #isToFill = false;
  #committing: Promise<void> | undefined;
  #compacting: Promise<void> = Promise.resolve();
  #closed: Promise<void> | undefined;
  #dead = false;
  #replacing = false;
  readonly #source: LogSource = {
    head: () => this.#head,
    oldest: () => this.#oldest,
    record: (sequence) => this.#record(sequence),
    next: (signal) => this.#feed.next(signal),
    checkOpen: () => this.#checkOpen(),
  };

  constructor(medium: Medium, options: LocalStoreOptions) {
    this.#medium = medium;
    this.#options = options;
    this.#head = medium.head;
    this.#oldest = medium.oldest;
    this.#views = this.#viewsOf(medium);
    this.#filling = new Group(this.#head);
  }

  get log(): string {
    return this.#medium.log;
  }

  get epoch(): Epoch {
    return this.#medium.epoch;
  }

  get position(): Position {
    return this.#head.position;
  }

  get hash(): Uint8Array {
    return this.#head.hash;
  }

  get oldest(): Position {
    return this.#oldest.position;
  }

  get(key: string): Uint8Array | undefined {
    this.#checkOpen();
    return this.#views.current.reader.get(key);
  }

  has(key: string): boolean {
    this.#checkOpen();
    return this.#views.current.reader.has(key);
  }

  snapshot(): Snapshot {
    this.#checkOpen();
    return this.#views.snapshot();
  }

  async transact<T>(work: (tx: Transaction) => T): Promise<Committed<T>> {
    this.#checkOpen();
    if (this.#feed.publishing) throw fail('internal', 'an observer of the store cannot write to it');
    return new Promise<Committed<T>>((resolve, reject) => {
      // `value` is what this very work returned: the queue only forgets its type.
      this.#queue.push({ work, resolve: resolve as Waiting['resolve'], reject });
      this.#fillSoon();
      this.#committing ??= this.#commitAll();
    });
  }

  observe(apply: (batch: Batch) => void): Disposable {
    return this.#feed.observe(apply);
  }

  changes(from: Position, signal: AbortSignal): AsyncGenerator<Batch, void> {
    return changes(this.#source, from, signal);
  }

  hashAt(position: Position): Uint8Array | undefined {
    return hashAt(this.#source, position);
  }

  async compact(upTo: Position): Promise<void> {
    this.#checkOpen();
    if (!isPast(this.#source, upTo)) throw fail('unknownPosition');
    const step = this.#compacting.then(() => this.#compactTo(upTo));
    this.#compacting = step.catch(() => undefined);
    return step;
  }

  /** A content that can take the place of this store's; nothing changes before `replace`. */
  replacement(): Promise<Replacement> {
    this.#checkOpen();
    return this.#medium.replacement();
  }

  /**
   * Puts a completed content into the place of the present one. Nobody may write meanwhile: that is refused with
   * `storeClosed`. Snapshots end, and change streams too. Observers stay, and are told nothing: their owner knows.
   */
  async replace(replacement: Replacement): Promise<void> {
    this.#checkOpen();
    this.#replacing = true;
    try {
      await this.#committing;
      await this.#compacting;
      const old = this.#medium;
      const medium = await replacement.install();
      this.#views.close();
      this.#medium = medium;
      this.#head = medium.head;
      this.#oldest = medium.oldest;
      this.#views = this.#viewsOf(medium);
      this.#filling = new Group(this.#head);
      await old.close();
    } finally {
      this.#replacing = false;
      this.#feed.wake();
    }
  }

  /** Groups and compactions that were committed since it was opened; 0 in memory. */
  get flushes(): number {
    return this.#medium.flushes;
  }

  get logBytes(): number {
    return this.#medium.logBytes;
  }

  *records(): Generator<RecordStat, void> {
    for (let sequence = this.#oldest.position.sequence + 1; sequence <= this.#head.position.sequence; sequence++) {
      this.#checkOpen();
      const { batch, bytes } = this.#record(sequence);
      yield { position: batch.position, time: batch.time, bytes };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  #checkOpen(): void {
    if (this.#closed !== undefined || this.#dead || this.#replacing) throw fail('storeClosed');
  }

  #viewsOf(medium: Medium): Views {
    return new Views(medium.open(), medium.head.position, this.#options.snapshotLimit ?? SNAPSHOT_LIMIT);
  }

  #record(sequence: number): StoredRecord {
    return this.#views.current.reader.record(sequence);
  }

  async #commitAll(): Promise<void> {
    // One turn of the microtask queue: transactions of the same tick share the first flush too.
    await Promise.resolve();
    this.#fill();
    while (this.#filling.callers.length + this.#queue.length > 0 && !this.#dead) {
      await this.#commitGroup();
      this.#fill();
    }
    this.#committing = undefined;
  }

  /** While it is flushed, what comes runs on top of it already: the flush waits for the disk, not for this thread. */
  async #commitGroup(): Promise<void> {
    const group = this.#filling;
    this.#filling = group.next();
    if (group.batches.length > 0) {
      try {
        await this.#medium.commit(group.batches);
        this.#publish(group);
      } catch (error) {
        this.#fail(error, group);
        return;
      }
    }
    this.#filling.overlay.published();
    for (const settle of group.settle) settle();
  }

  /** Never within work that runs: it would come between that and its writes. */
  #fillSoon(): void {
    if (this.#isToFill) return;
    this.#isToFill = true;
    queueMicrotask(() => {
      this.#isToFill = false;
      this.#fill();
    });
  }

  #fill(): void {
    const group = this.#filling;
    if (this.#dead || group.isFull) return;
    const queue = this.#queue;
    this.#queue = [];
    let taken = 0;
    for (const waiting of queue) {
      if (group.isFull) break;
      taken += 1;
      this.#run(waiting, group);
    }
    // Order is kept: what was not taken, then what conflicted or came meanwhile.
    this.#queue = [...queue.slice(taken), ...this.#queue];
  }

  #run(waiting: Waiting, group: Group): void {
    const tx = new LocalTransaction(this.#views.current.reader, group.overlay);
    group.callers.push(waiting);
    try {
      const value = waiting.work(tx);
      const writes = tx.end();
      if (isThenable(value)) throw fail('internal', 'storage work must be synchronous: it returned a promise');
      if (this.#options.conflict?.() === true) {
        group.callers.pop();
        this.#queue.push(waiting);
        return;
      }
      if (writes.length > 0) group.append(writes);
      const { position } = group.head;
      group.settle.push(() => waiting.resolve({ value, position }));
    } catch (error) {
      tx.end();
      group.settle.push(() => waiting.reject(error));
    }
  }

  /** Observers first, then the position and the view that readers take: all in one turn. */
  #publish(group: Group): void {
    const view = this.#medium.open();
    this.#feed.publish(group.batches.map(({ batch }) => batch));
    this.#head = group.head;
    this.#views.advance(view, group.head.position);
    this.#feed.wake();
  }

  #fail(error: unknown, group?: Group): void {
    this.#dead = true;
    this.#options.die(error);
    // Reached in tests alone: whether the group is durable is unknown, and the rest rests on it or never ran.
    const callers = [...(group?.callers ?? []), ...this.#filling.callers, ...this.#queue];
    this.#queue = [];
    for (const { reject } of callers) reject(fail('storeClosed', undefined, { cause: error }));
    this.#feed.wake();
  }

  async #compactTo(upTo: Position): Promise<void> {
    while (this.#oldest.position.sequence < upTo.sequence && !this.#dead) {
      const sequence = Math.min(this.#oldest.position.sequence + COMPACT_STEP, upTo.sequence);
      const position: Position = { epoch: upTo.epoch, sequence };
      const hash = sequence === this.#head.position.sequence ? this.#head.hash : this.#record(sequence).batch.hash;
      this.#oldest = { position, hash };
      this.#feed.wake();
      try {
        await this.#medium.compact(this.#oldest);
      } catch (error) {
        this.#fail(error);
        throw error;
      }
    }
  }

  /** Transactions that were taken are brought to their end; readers of the log are told. */
  async #close(): Promise<void> {
    // Callers that see `#closed` are refused; those in the queue run.
    await Promise.resolve();
    this.#feed.wake();
    await this.#committing;
    await this.#compacting;
    this.#views.close();
    await this.#medium.close();
  }
}
