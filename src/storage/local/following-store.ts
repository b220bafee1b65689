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

/** A newer state, and what has come since the one that is shown. */
interface Pending extends Standing {
  readonly batches: readonly Batch[];
}

/** What a follower reads from: another thread of this process writes it. */
export interface FollowedMedium {
  readonly log: string;
  readonly epoch: Epoch;
  /** The newest committed state. It can be ahead of what the writer has published, and need not be durable then. */
  open(): Standing;
}

/**
 * Batches that it follows when it wakes, in about 10 ms; from more its caches are better made anew, while the writer serves what
 * is asked. One that is awake serves requests by them, and so follows whatever comes.
 */
const FOLLOWED_AT_WAKING = 1_024;

/**
 * Reads never go ahead of what the writer has published, and never stay behind it: `catchUp` comes before each request.
 * Otherwise it keeps the contract, but a transaction is refused: a request that writes is handed to the writer, whole.
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
  /** As the board tells it, of what is shown. */
  #published: number;
  /** Opened, and not shown as long as it is not published. */
  #pending: Pending | undefined;
  /** What it began with was not published yet: there is nothing before that to show. */
  #early: boolean;
  /** Who waits in `catchUp`: at rest, what they wait for would not be shown. */
  #waiters = 0;
  #closed = false;
  readonly #source: LogSource = {
    head: () => this.#head,
    oldest: () => this.#oldest,
    record: (sequence) => this.#reader().record(sequence),
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
    this.#early = board.isAhead(head.position.sequence);
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
    return this.#reader().get(key);
  }

  has(key: string): boolean {
    return this.#reader().has(key);
  }

  snapshot(): Snapshot {
    this.#wake();
    return this.#views.snapshot();
  }

  /**
   * Shows all that was published when it was called. Nothing when that is so at once; a promise while the newest state on
   * disk is not published yet: that alone can be opened, and until then the one before it is shown. Throws `compacted`
   * when the log no longer reaches back to where this store stands, or too much has come while it rested: its caches are then to be
   * made anew, over a new store.
   */
  catchUp(): undefined | Promise<void> {
    const { published } = this.#board;
    const shown = published === this.#published && !this.#views.isResting;
    if (shown && this.#pending === undefined && !this.#early) return undefined;
    this.#checkOpen();
    this.#showPublished();
    if (this.#pending === undefined && (published !== this.#published || this.#views.isResting)) {
      this.#pending = this.#opened();
      this.#showPublished();
    }
    return this.#isBehind(published) ? this.#untilShown(published) : undefined;
  }

  /**
   * Lets go of what it shows, until something is read: an old view keeps the pages that commits free from being used again, and
   * a new one for each few commits costs the writer as much as the thread that nobody asks anything. While snapshots are held it
   * catches up, so that they end at their limit.
   */
  rest(): void {
    if (this.#closed) return;
    this.#showPublished();
    if (this.#early || this.#pending !== undefined || this.#waiters > 0) return;
    if (this.#views.areHeld) this.catchUp()?.catch(() => undefined);
    else this.#views.rest();
  }

  #opened(): Pending {
    const standing = this.#medium.open();
    const { view, head, oldest } = standing;
    const from = this.#head.position.sequence;
    const batches: Batch[] = [];
    try {
      const most = this.#views.isResting ? FOLLOWED_AT_WAKING : Infinity;
      if (oldest.position.sequence > from || head.position.sequence - from > most) throw fail('compacted');
      for (let next = from + 1; next <= head.position.sequence; next++) batches.push(view.record(next).batch);
    } catch (error) {
      view.close();
      throw error;
    }
    return { ...standing, batches };
  }

  /** A commit is on disk a moment before the writer shows it. */
  #showPublished(): void {
    const board = this.#board;
    this.#early &&= board.isAhead(this.#head.position.sequence);
    const pending = this.#pending;
    if (pending === undefined || board.isAhead(pending.head.position.sequence)) return;
    this.#pending = undefined;
    const { view, head, oldest, batches } = pending;
    // What observers read is the state before; where that was let go of, it is this one.
    const { isResting } = this.#views;
    if (isResting) this.#views.advance(view, head.position);
    this.#feed.publish(batches);
    this.#head = head;
    this.#oldest = oldest;
    if (!isResting) this.#views.advance(view, head.position);
    this.#published = head.position.sequence | 0;
    this.#feed.wake();
  }

  /** Whether it does not show what was published yet, or shows more. `published`: as the board has it. */
  #isBehind(published: number): boolean {
    return this.#early || this.#views.isResting || ((published - this.#head.position.sequence) | 0) > 0;
  }

  async #untilShown(published: number): Promise<void> {
    this.#waiters += 1;
    try {
      for (;;) {
        const { published: now } = this.#board;
        // Closed: there is another in its place, or none, which who waited will find.
        if (this.#closed) return;
        this.#showPublished();
        if (!this.#isBehind(published)) return;
        await this.#board.next(now);
      }
    } finally {
      this.#waiters -= 1;
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
      this.#pending?.view.close();
      this.#views.close();
    }
    return Promise.resolve();
  }

  #reader(): View {
    this.#wake();
    return this.#views.current.reader;
  }

  /** What it has let go of is taken up again, by whatever reads first. Throws `snapshotExpired` while that cannot be shown yet. */
  #wake(): void {
    this.#checkOpen();
    if (!this.#views.isResting) return;
    this.catchUp()?.catch(() => undefined);
    if (this.#views.isResting) throw fail('snapshotExpired');
  }

  #checkOpen(): void {
    if (this.#closed) throw fail('storeClosed');
  }
}
