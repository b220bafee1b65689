import { fail } from '../../errors.ts';
import { listChildren, listKeys, type Reader } from '../paging.ts';
import type { Page, Position, Snapshot } from '../store.ts';
import type { View } from './medium.ts';

/** How long a snapshot may be held once it is superseded: it ends when it is beyond both. */
export interface SnapshotLimit {
  /** Commits since. Pages that a commit frees are not used again while an older reader stands. */
  readonly commits: number;
  readonly milliseconds: number;
}

/** A held snapshot keeps freed pages from being used again: about 90 KB for each small commit on LMDB. */
export const SNAPSHOT_LIMIT: SnapshotLimit = { commits: 2_000, milliseconds: 5_000 };

/** A view that is shared by all snapshots of one position; the last one to let go closes it. */
export class SharedView {
  readonly position: Position;
  readonly #view: View;
  #users = 1;
  #ended: 'storeClosed' | 'snapshotExpired' | undefined;

  constructor(view: View, position: Position) {
    this.#view = view;
    this.position = position;
  }

  get isOpen(): boolean {
    return this.#users > 0;
  }

  /** Whether snapshots use it, beside who opened it. */
  get isHeld(): boolean {
    return this.#users > 1;
  }

  /** The reader, or the reason why there is none any more. */
  get reader(): View {
    if (this.#ended !== undefined) throw fail(this.#ended);
    return this.#view;
  }

  use(): void {
    this.#users += 1;
  }

  release(): void {
    this.#users -= 1;
    if (this.#users === 0 && this.#ended === undefined) this.#view.close();
  }

  /** Closes it under its users: each later read says why. */
  end(reason: 'storeClosed' | 'snapshotExpired'): void {
    if (this.#ended === undefined && this.#users > 0) this.#view.close();
    this.#ended ??= reason;
  }
}

class SharedSnapshot implements Snapshot {
  readonly #shared: SharedView;
  #disposed = false;

  constructor(shared: SharedView) {
    shared.use();
    this.#shared = shared;
  }

  get position(): Position {
    return this.#shared.position;
  }

  get(key: string): Uint8Array | undefined {
    return this.#reader().get(key);
  }

  has(key: string): boolean {
    return this.#reader().has(key);
  }

  list(prefix: string, page: Page): readonly string[] {
    return listKeys(this.#reader(), prefix, page);
  }

  children(prefix: string, page: Page): readonly string[] {
    return listChildren(this.#reader(), prefix, page);
  }

  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#shared.release();
  }

  #reader(): Reader {
    if (this.#disposed) throw fail('internal', 'a storage snapshot was read after its disposal');
    return this.#shared.reader;
  }
}

/** Positions that may be held at once, however young: each takes a slot of the medium's reader table. */
export const HELD_POSITIONS = 1_000;

interface Superseded {
  readonly shared: SharedView;
  readonly commit: number;
  readonly at: number;
}

/** The current view, and the older ones that snapshots still hold. */
export class Views {
  readonly #limit: SnapshotLimit;
  #current: SharedView;
  #held: readonly Superseded[] = [];
  #commits = 0;
  #isResting = false;

  constructor(first: View, position: Position, limit: SnapshotLimit) {
    this.#current = new SharedView(first, position);
    this.#limit = limit;
  }

  get current(): SharedView {
    return this.#current;
  }

  snapshot(): Snapshot {
    return new SharedSnapshot(this.#current);
  }

  /** Whether the current view is let go of. */
  get isResting(): boolean {
    return this.#isResting;
  }

  /** Whether there is a snapshot: only what advances ends those that are held beyond the limit. */
  get areHeld(): boolean {
    return this.#current.isHeld || this.#held.some(({ shared }) => shared.isOpen);
  }

  /** Lets go of the current view: nothing is to be read until the next one is there. */
  rest(): void {
    if (this.#isResting) return;
    this.#isResting = true;
    this.#current.release();
  }

  /** Makes `view` the current one; ends what has been held beyond the limit. */
  advance(view: View, position: Position): void {
    const now = performance.now();
    const old = this.#current;
    this.#current = new SharedView(view, position);
    this.#commits += 1;
    if (!this.#isResting) old.release();
    this.#isResting = false;
    if (this.#held.length === 0 && !old.isOpen) return;
    const held = [...this.#held, { shared: old, commit: this.#commits, at: now }];
    for (const { shared } of held.slice(0, -HELD_POSITIONS)) shared.end('snapshotExpired');
    this.#held = held.slice(-HELD_POSITIONS).filter((entry) => this.#keeps(entry, now));
  }

  close(): void {
    for (const { shared } of this.#held) shared.end('storeClosed');
    this.#current.end('storeClosed');
    this.#held = [];
  }

  #keeps({ shared, commit, at }: Superseded, now: number): boolean {
    if (!shared.isOpen) return false;
    const limit = this.#limit;
    if (this.#commits - commit < limit.commits || now - at < limit.milliseconds) return true;
    shared.end('snapshotExpired');
    return false;
  }
}
