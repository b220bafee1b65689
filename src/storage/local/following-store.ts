/** The store of a thread that only reads: it follows, through the disk's own pages, what the node's writer commits. */
import { fail } from '../../errors.ts';
import type { Board } from '../../lib/threads/board.ts';
import { Feed } from './feed.ts';
import { changes, hashAt, type LogSource } from './log-source.ts';
import type { Place, View } from './medium.ts';
import { SNAPSHOT_LIMIT, Views } from './views.ts';
import type { Batch, Committed, Epoch, Position, Snapshot, Store } from '../store.ts';

/** A view, and the place that it shows. */
export interface Standing {
  readonly view: View;
  readonly head: Place;
  readonly oldest: Place;
}

/** What a follower reads from: another thread of this process writes it. */
export interface FollowedMedium {
  readonly log: string;
  readonly epoch: Epoch;
  /** The newest committed state. It can be ahead of what the writer has published. */
  open(): Standing;
}

/**
 * Reads never go ahead of what the writer has published, and never stay behind it: `catchUp` comes before each request. As
 * the contract says otherwise, but a transaction is refused: a request that writes is handed to the writer, whole.
 */
export class FollowingStore implements Store {
  readonly log: string;
  readonly epoch: Epoch;
  readonly #medium: FollowedMedium;
  readonly #board: Board;
  readonly #feed = new Feed();
  readonly #views: Views;
  #head: Place;
  #oldest: Place;
  /** What was published when the view was opened. */
  #published: number;
  /** What it shows was not published yet when it was looked at last. */
  #ahead = false;
  #closed = false;
  readonly #source: LogSource = {
    head: () => this.#head,
    oldest: () => this.#oldest,
    record: (sequence) => this.#views.current.reader.record(sequence),
    next: (signal) => this.#feed.next(signal),
    checkOpen: () => this.#checkOpen(),
  };

  constructor(medium: FollowedMedium, board: Board) {
    this.#medium = medium;
    this.#board = board;
    this.log = medium.log;
    this.epoch = medium.epoch;
    // Before the view: what is published in between is looked at again.
    this.#published = board.published;
    const { view, head, oldest } = medium.open();
    this.#head = head;
    this.#oldest = oldest;
    this.#views = new Views(view, head.position, SNAPSHOT_LIMIT);
    this.#ahead = this.#isAhead();
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

  /**
   * Shows all that was published when it was called. Nothing when that is so at once; a promise while the newest state on
   * disk is not published yet. Throws `compacted` when the log no longer reaches back to where this store stands: its
   * caches are then to be made anew, over a new store.
   */
  catchUp(): undefined | Promise<void> {
    const { published } = this.#board;
    if (published === this.#published && !this.#ahead) return undefined;
    this.#checkOpen();
    if (published !== this.#published) this.#follow(published);
    this.#ahead = this.#isAhead();
    return this.#ahead ? this.#untilPublished() : undefined;
  }

  #follow(published: number): void {
    const { view, head, oldest } = this.#medium.open();
    const from = this.#head.position.sequence;
    const to = head.position.sequence;
    const batches: Batch[] = [];
    try {
      if (oldest.position.sequence > from) throw fail('compacted');
      for (let sequence = from + 1; sequence <= to; sequence++) batches.push(view.record(sequence).batch);
    } catch (error) {
      view.close();
      throw error;
    }
    this.#feed.publish(batches);
    this.#head = head;
    this.#oldest = oldest;
    this.#views.advance(view, head.position);
    this.#published = published;
    this.#feed.wake();
  }

  /** A commit is on disk a moment before the writer shows it. */
  #isAhead(): boolean {
    return this.#board.isAhead(this.#head.position.sequence);
  }

  async #untilPublished(): Promise<void> {
    for (;;) {
      const { published } = this.#board;
      if (!this.#isAhead()) return;
      await this.#board.next(published);
    }
  }

  transact<T>(): Promise<Committed<T>> {
    return Promise.reject(fail('internal', 'a thread that reads was given something to write'));
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

  compact(): Promise<void> {
    return Promise.reject(fail('internal', 'the log is compacted by the thread that writes'));
  }

  [Symbol.asyncDispose](): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#views.close();
    }
    return Promise.resolve();
  }

  #checkOpen(): void {
    if (this.#closed) throw fail('storeClosed');
  }
}
