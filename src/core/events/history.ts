/**
 * The newest part of the log as subscribers see it, kept in memory for all of them: one reader of the log, a cursor for
 * each subscriber. Reaches further back on demand, by reading the log once for everybody who asks.
 */
import { fail, isLockstepError } from '../../errors.ts';
import { nextTurn } from '../../lib/next-turn.ts';
import type { Batch, Position, Store } from '../../storage/store.ts';
import type { Index } from '../freshness.ts';
import type { MountTable } from '../mounts/mount-table.ts';
import { entryOf, type Context, type Entry, type Leaves } from './entry.ts';

export interface HistoryOptions {
  readonly store: Store;
  readonly mounts: MountTable;
  /** The index that reads show when it starts. */
  readonly tip: Index;
  /** Changes that are kept at most; a later resume reads the log or starts anew. */
  readonly most: number;
  /** Batches of the log that are read for a resume at most. */
  readonly reach: number;
}

const mayHaveLeft: Leaves = (_uuid, now) => now?.lastChange !== 'enable' && now?.lastChange !== 'tune';

/** So many batches are read in one turn of the event loop. */
const TURN = 200;

export class History {
  readonly #options: HistoryOptions;
  /** With changes or a barrier, in order. */
  #entries: Entry[] = [];
  #changes = 0;
  /** Every change after this is among the entries. */
  #start: Position;
  #tip: { readonly position: Position; readonly index: Index };
  #reaching: Promise<unknown> = Promise.resolve();

  constructor(options: HistoryOptions) {
    this.#options = options;
    const { position } = options.store;
    this.#start = position;
    this.#tip = { position, index: options.tip };
  }

  get tip(): { readonly position: Position; readonly index: Index } {
    return this.#tip;
  }

  /** `heard`: somebody listens. Otherwise nothing is decrypted and kept: who resumes here later reads the log. */
  append(batch: Batch, paths: Pick<Context, 'leaves' | 'before' | 'known'>, heard: boolean): Entry {
    const { store, mounts, most } = this.#options;
    const entry = entryOf(batch, this.#tip.index, { log: store.log, mounts: heard ? mounts : undefined, ...paths });
    this.#tip = entry;
    if (!heard) {
      this.#entries = [];
      this.#changes = 0;
      this.#start = entry.position;
      return entry;
    }
    if (entry.changes.length === 0 && !entry.barrier) return entry;
    this.#entries.push(entry);
    this.#changes += entry.changes.length;
    if (this.#changes > most) this.#forget(most / 2);
    return entry;
  }

  /**
   * The entries after `from`, with about `changes` changes; none at the tip. undefined when one is not here any more, or a
   * barrier lies among them.
   */
  since(from: Position, changes: number): readonly Entry[] | undefined {
    if (!this.#holds(from)) return undefined;
    const found: Entry[] = [];
    let left = changes;
    for (let at = this.#after(from); at < this.#entries.length && left > 0; at += 1) {
      const entry = this.#entries[at];
      if (entry === undefined || entry.barrier) return undefined;
      found.push(entry);
      left -= entry.changes.length;
    }
    return found;
  }

  /** Makes `since(from)` answer, where the log reaches back and not too much lies between. */
  async reach(from: Position, signal: AbortSignal): Promise<boolean> {
    const { store } = this.#options;
    const { position } = store;
    if (from.epoch !== position.epoch || from.sequence > position.sequence || from.sequence < 0) return false;
    const turn = this.#reaching.then(() => this.#holds(from) || this.#seek(from, signal));
    this.#reaching = turn.catch(() => undefined);
    return turn;
  }

  #holds(from: Position): boolean {
    return (
      from.epoch === this.#tip.position.epoch &&
      from.sequence >= this.#start.sequence &&
      from.sequence <= this.#tip.position.sequence
    );
  }

  /** The place of the first entry after `from`. */
  #after(from: Position): number {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#entries[middle]?.position.sequence ?? Infinity) > from.sequence) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  async #seek(from: Position, signal: AbortSignal): Promise<boolean> {
    if (from.sequence < this.#start.sequence) return this.#readBack(from, signal);
    // It is shown already, and will be appended when the loop turns.
    await nextTurn();
    return this.#holds(from);
  }

  async #readBack(from: Position, signal: AbortSignal): Promise<boolean> {
    const found: Entry[] = [];
    let changes = 0;
    try {
      for await (const entry of this.#between(from, signal)) {
        changes += entry.changes.length;
        if (changes + this.#changes > this.#options.most) return false;
        if (entry.changes.length > 0 || entry.barrier) found.push(entry);
      }
    } catch (error) {
      // Compacted, of another history, damaged, sealed: from there nobody resumes.
      if (isLockstepError(error)) return false;
      throw error;
    }
    if (signal.aborted) return false;
    this.#entries.unshift(...found);
    this.#changes += changes;
    this.#start = from;
    return true;
  }

  /** From the log, what lies before the entries that are here; those may be forgotten meanwhile. */
  async *#between(from: Position, signal: AbortSignal): AsyncGenerator<Entry> {
    const { store, mounts, reach } = this.#options;
    if (this.#start.sequence - from.sequence > reach) throw fail('compacted');
    // The log does not keep where a mount was before, but whether it moved.
    const context = { log: store.log, mounts, leaves: mayHaveLeft, before: () => undefined };
    let index: Index = {};
    let read = 0;
    for await (const batch of store.changes(from, signal)) {
      const entry = entryOf(batch, index, context);
      ({ index } = entry);
      yield entry;
      if (batch.position.sequence >= this.#start.sequence) return;
      read += 1;
      if (read % TURN === 0) await nextTurn();
    }
  }

  #forget(down: number): void {
    let dropped = 0;
    while (this.#changes > down && dropped < this.#entries.length - 1) {
      const entry = this.#entries[dropped];
      if (entry === undefined) break;
      this.#changes -= entry.changes.length;
      this.#start = entry.position;
      dropped += 1;
    }
    this.#entries = this.#entries.slice(dropped);
  }
}
