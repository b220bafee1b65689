import { existsSync, readSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fail } from '../../../errors.ts';
import { failpoint } from '../../../lib/failpoint.ts';
import type { Place } from '../../local/medium.ts';
import { DATA_FILE, syncDirectory } from '../data-directory.ts';
import type { Environment } from '../environment.ts';
import { fillLength } from '../file-length.ts';
import { LmdbView } from '../view.ts';
import { CHECKPOINT_FILE, CheckpointFile, type Checkpoint } from './checkpoint-file.ts';
import { closeFile, openToFlush, type Disk, type DiskFile } from './disk.ts';
import { Journal, JOURNAL_FILES } from './journal.ts';

/** When a checkpoint is made: at the first of these. */
export interface CheckpointLimits {
  /** In the journal since the last one. An opening may have twice that to replay: what came while one was being made, too. */
  readonly bytes: number;
  /** LMDB transactions since: until a checkpoint is made none of the pages that they replaced is used again. */
  readonly commits: number;
  /** After the first write since. */
  readonly milliseconds: number;
}

export const CHECKPOINT_LIMITS: CheckpointLimits = { bytes: 4 * 1024 * 1024, commits: 256, milliseconds: 5_000 };

export interface CheckpointOptions {
  /** Where LMDB's file lies. */
  readonly folder: string;
  readonly environment: Environment;
  readonly disk: Disk;
  readonly limits: CheckpointLimits;
  /** Called when a checkpoint fails; ends the process. */
  readonly die: (error: unknown) => void;
}

/** What stands behind a state that can be gone back to. */
export interface Base {
  /** LMDB's file. */
  readonly data: DiskFile;
  readonly file: CheckpointFile;
  readonly journal: Journal;
  /** A reader of that state, so that LMDB keeps its pages as they are. */
  readonly pin: LmdbView;
}

/**
 * All writes of a store's file, and the checkpoints between them. LMDB writes without flushing: after a lost machine its file
 * may hold any mixture of its pages. So each opening goes back to a checkpoint, whose pages were flushed and which no one
 * has written to since, and replays the journal on top of it.
 */
export class Checkpoints {
  readonly #options: CheckpointOptions;
  #state: Base | undefined;
  #head: Place;
  /** LMDB transactions that no checkpoint holds. */
  #commits = 0;
  #making: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #failed = false;

  constructor(options: CheckpointOptions, head: Place) {
    this.#options = options;
    this.#head = head;
  }

  /**
   * Runs one write when all before it have ended, and makes a checkpoint after it when one is due; the very first is made
   * before anything is written. `head`: where the store stands then, absent when it stays. What the write rejects with
   * is passed on; nothing is written any more then.
   */
  write(head: Place | undefined, work: (journal: Journal) => Promise<void>): Promise<void> {
    return this.#inTurn(async () => {
      const { journal } = (this.#state ??= await this.#begin());
      // Both segments are in use: what came meanwhile filled the second while the first is still needed.
      if (this.#isFull(journal)) await this.#making;
      this.#checkUsable();
      await work(journal);
      this.#head = head ?? this.#head;
      this.#commits += 1;
      if (this.#isFull(journal) || this.#commits >= this.#options.limits.commits) this.#start();
      // Also where one is due and another is being made: perhaps nothing comes after this write.
      if (this.#commits > 0) this.#timer ??= this.#later();
    });
  }

  /** Makes a checkpoint of the state `head`, to which the journal was replayed on top of `base`, which is this one's to close now. */
  resume(base: Base, head: Place): Promise<void> {
    this.#state = base;
    this.#head = head;
    return this.#inTurn(async () => {
      this.#start();
      await this.#making;
      this.#checkUsable();
    });
  }

  /** Leaves LMDB's file alone, whole and flushed; after a write that failed, all as it is, for the next opening. */
  close(): Promise<void> {
    return this.#inTurn(async () => {
      clearTimeout(this.#timer);
      await this.#making;
      const state = this.#state;
      if (state === undefined) return;
      this.#state = undefined;
      try {
        // Somebody may have removed the directory: nobody will open it.
        if (!this.#failed && existsSync(this.#options.folder)) await this.#settle(state);
      } catch (error) {
        this.#fail(error);
      } finally {
        state.pin.close();
        for (const file of [state.file, state.journal]) await file.close();
        await closeFile(state.data);
      }
    });
  }

  /** Lets go of what is open, and leaves all as it is for the next opening. */
  abandon(): Promise<void> {
    this.#failed = true;
    return this.close();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work).catch((error: unknown) => {
      this.#failed = true;
      throw error;
    });
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  #checkUsable(): void {
    if (this.#failed) throw fail('internal', 'the storage failed before: the process should have ended');
  }

  #isFull(journal: Journal): boolean {
    return journal.bytes >= this.#options.limits.bytes;
  }

  #later(): NodeJS.Timeout {
    return setTimeout(() => {
      this.#timer = undefined;
      const made = this.#inTurn(async () => {
        // Commits do not wait for one that is being made.
        if (this.#making !== undefined) this.#timer ??= this.#later();
        else if (this.#commits > 0) this.#start();
      });
      // It does no more than begin: what fails later dies by itself.
      made.catch(this.#options.die);
    }, this.#options.limits.milliseconds).unref();
  }

  /** The first checkpoint: before it the file is as the last one left it, whole; it is flushed all the same. */
  async #begin(): Promise<Base> {
    const { folder, environment, disk } = this.#options;
    this.#checkUsable();
    await using unused = new AsyncDisposableStack();
    const data = unused.adopt(await openToFlush(join(folder, DATA_FILE)), closeFile);
    await disk.flush(data);
    const pin = unused.adopt(new LmdbView(environment), (view) => view.close());
    const journal = unused.adopt(await Journal.open(folder, disk), (opened) => opened.close());
    // The names of both segments before that of the checkpoint: without them it would be taken for damage.
    syncDirectory(folder);
    const first = { number: 1, closed: false, place: this.#head, headers: this.#headers(data) };
    const file = await CheckpointFile.create(folder, disk, first);
    unused.move();
    return { data, pin, journal, file };
  }

  /** Between two writes, in one turn: what is written from here on is no part of it. */
  #start(): void {
    const state = this.#state;
    if (state === undefined || this.#making !== undefined || this.#failed) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#commits = 0;
    fillLength(this.#options.environment.root, state.data.path);
    const pin = new LmdbView(this.#options.environment);
    const next = { closed: false, place: this.#head, headers: this.#headers(state.data) };
    state.journal.turn();
    this.#making = this.#make(state, next, pin);
  }

  async #make(state: Base, next: Omit<Checkpoint, 'number'>, pin: LmdbView): Promise<void> {
    try {
      await this.#options.disk.flush(state.data);
      failpoint('storage.in-checkpoint');
      await state.file.write({ ...next, number: state.file.newest.number + 1 });
      failpoint('storage.after-checkpoint');
      // Only now may LMDB write over pages of the checkpoint before, and the journal over the records between the two.
      this.#state = { ...state, pin };
      state.pin.close();
    } catch (error) {
      pin.close();
      this.#fail(error);
    } finally {
      this.#making = undefined;
    }
  }

  #fail(cause: unknown): void {
    this.#failed = true;
    this.#options.die(fail('internal', `the storage in ${this.#options.folder} could not be made durable`, { cause }));
  }

  /** The last checkpoint, after which the journal is of no use. */
  async #settle({ data, file }: Base): Promise<void> {
    const { folder, environment, disk } = this.#options;
    fillLength(environment.root, data.path);
    await disk.flush(data);
    const number = file.newest.number + 1;
    await file.write({ number, closed: true, place: this.#head, headers: this.#headers(data) });
    removeJournal(folder);
  }

  #headers({ descriptor }: DiskFile): Buffer {
    const headers = Buffer.alloc(2 * this.#options.environment.pageSize);
    if (readSync(descriptor, headers, 0, headers.length, 0) !== headers.length) {
      throw fail('corrupt', `${join(this.#options.folder, DATA_FILE)} is cut: restore a snapshot`);
    }
    return headers;
  }
}

/** After a checkpoint that says `closed`: it goes last, since records without a checkpoint are taken for damage. */
export function removeJournal(folder: string): void {
  for (const name of JOURNAL_FILES) rmSync(join(folder, name), { force: true });
  syncDirectory(folder);
  rmSync(join(folder, CHECKPOINT_FILE), { force: true });
}
