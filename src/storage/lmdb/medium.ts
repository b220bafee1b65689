import { allDone } from '../../lib/all-done.ts';
import { failpoint } from '../../lib/failpoint.ts';
import type { Chained, Medium, Place, View } from '../local/medium.ts';
import type { Replacement } from '../local/replacement.ts';
import type { Epoch } from '../store.ts';
import type { Environment } from './environment.ts';
import type { Checkpoints } from './journal/checkpoints.ts';
import { placeOf, type Meta } from './meta.ts';
import type { Tables } from './tables.ts';
import { LmdbView } from './view.ts';

/** What a medium asks of its directory. */
export interface LmdbDirectory {
  /** A first view has been opened: other processes know this one by it. */
  readonly opened?: () => void;
  readonly replacement: () => Replacement;
  readonly closed: () => Promise<void>;
}

export interface LmdbParts {
  readonly environment: Environment;
  readonly tables: Tables;
  readonly checkpoints: Checkpoints;
}

/** Data and log of one node in an LMDB environment. A commit is durable in the journal, LMDB's file from checkpoint to checkpoint. */
export class LmdbMedium implements Medium {
  readonly log: string;
  readonly epoch: Epoch;
  readonly head: Place;
  readonly oldest: Place;
  readonly #environment: Environment;
  readonly #tables: Tables;
  readonly #checkpoints: Checkpoints;
  readonly #directory: LmdbDirectory;
  #flushes = 0;

  constructor(parts: LmdbParts, meta: Omit<Meta, 'format'>, directory: LmdbDirectory) {
    this.#environment = parts.environment;
    this.#tables = parts.tables;
    this.#checkpoints = parts.checkpoints;
    this.#directory = directory;
    this.log = meta.identity.log;
    this.epoch = meta.identity.epoch;
    this.head = placeOf(meta.head);
    this.oldest = placeOf(meta.oldest);
  }

  get logBytes(): number {
    return this.#tables.logBytes;
  }

  /** LMDB transactions that were committed since it was opened. */
  get flushes(): number {
    return this.#flushes;
  }

  open(): View {
    const view = new LmdbView(this.#environment);
    this.#directory.opened?.();
    return view;
  }

  async replacement(): Promise<Replacement> {
    return this.#directory.replacement();
  }

  async commit(group: readonly Chained[]): Promise<void> {
    failpoint('storage.before-commit');
    const last = group.at(-1)?.batch;
    if (last === undefined) return;
    await this.#checkpoints.write(last, async (journal) => {
      const journaled = journal.append(group.map(({ record }) => record)).then(() => failpoint('storage.in-journal'));
      // Neither alone is a commit; and where one fails, the other is not left writing.
      await allDone([journaled, this.#tables.commit(group, last)]);
    });
    this.#flushes += 1;
    failpoint('storage.after-flush-before-publish');
  }

  /** Durable with the next checkpoint: going back to one before it, the log is as long as it was there. */
  async compact(upTo: Place): Promise<void> {
    await this.#checkpoints.write(undefined, () => this.#tables.compact(upTo));
    this.#flushes += 1;
  }

  async close(): Promise<void> {
    try {
      await this.#checkpoints.close();
    } finally {
      await this.#environment.root.close();
      await this.#directory.closed();
    }
  }
}
