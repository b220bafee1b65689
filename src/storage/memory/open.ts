import { fail } from '../../errors.ts';
import { randomBytes } from '../../lib/crypto/random.ts';
import { checkKey } from '../key.ts';
import { endProcess } from '../local/end-process.ts';
import { LocalStore } from '../local/local-store.ts';
import type { Chained, Medium, Place, StoredRecord, View } from '../local/medium.ts';
import type { NewHistory, Replacement } from '../local/replacement.ts';
import type { SnapshotLimit } from '../local/views.ts';
import { NO_HASH } from '../log-record.ts';
import { SortedMap } from '../sorted-map.ts';
import type { Epoch, Write } from '../store.ts';

export interface MemoryStoreOptions {
  /** Called when an observer throws. Ends the process, unless given. */
  readonly die?: (error: unknown) => void;
  /** Asked after each run of a transaction's work: true makes it run again, behind those that wait. */
  readonly conflict?: () => boolean;
  readonly snapshotLimit?: SnapshotLimit;
}

function firstHistory(): NewHistory {
  const epoch: Epoch = { number: 1, id: randomBytes(16).toString('hex'), forkedAt: 0 };
  const head = { position: { epoch: `${epoch.number}.${epoch.id}`, sequence: 0 }, hash: NO_HASH };
  return { log: randomBytes(16).toString('hex'), epoch, head };
}

export class MemoryMedium implements Medium {
  readonly log: string;
  readonly epoch: Epoch;
  readonly head: Place;
  readonly oldest: Place;
  readonly flushes = 0;
  readonly #records = new Map<number, StoredRecord>();
  #data: SortedMap<Uint8Array>;
  #hash: Uint8Array;
  #compacted: number;
  #logBytes = 0;

  constructor({ log, epoch, head }: NewHistory = firstHistory(), data: SortedMap<Uint8Array> = new SortedMap()) {
    this.log = log;
    this.epoch = epoch;
    this.head = head;
    this.oldest = head;
    this.#data = data;
    this.#hash = head.hash;
    this.#compacted = head.position.sequence;
  }

  get logBytes(): number {
    return this.#logBytes;
  }

  open(): View {
    const data = this.#data;
    return {
      get: (key) => data.get(key),
      has: (key) => data.get(key) !== undefined,
      *keysFrom(start, exclusive) {
        for (const [key] of data.from(start, exclusive)) yield key;
      },
      record: (sequence) => this.#record(sequence),
      close: () => undefined,
    };
  }

  async commit(group: readonly Chained[]): Promise<void> {
    for (const { batch, record } of group) {
      for (const { key, value } of batch.writes) {
        this.#data = value === undefined ? this.#data.delete(key) : this.#data.set(key, value);
      }
      this.#records.set(batch.position.sequence, { batch, previousHash: this.#hash, bytes: record.length });
      this.#hash = batch.hash;
      this.#logBytes += record.length;
    }
  }

  async compact(upTo: Place): Promise<void> {
    while (this.#compacted < upTo.position.sequence) {
      this.#compacted += 1;
      this.#logBytes -= this.#record(this.#compacted).bytes;
      this.#records.delete(this.#compacted);
    }
  }

  async replacement(): Promise<Replacement> {
    return new MemoryReplacement();
  }

  async close(): Promise<void> {
    this.#records.clear();
  }

  #record(sequence: number): StoredRecord {
    const record = this.#records.get(sequence);
    if (record === undefined) throw fail('corrupt', `log record ${sequence} is missing`);
    return record;
  }
}

class MemoryReplacement implements Replacement {
  #data = new SortedMap<Uint8Array>();
  #history: NewHistory | undefined;

  get(key: string): Uint8Array | undefined {
    return this.#data.get(key);
  }

  async write(writes: readonly Write[]): Promise<void> {
    for (const { key } of writes) checkKey(key);
    for (const { key, value } of writes) {
      // A copy: what is read from a snapshot lies in a buffer that holds much more.
      this.#data = value === undefined ? this.#data.delete(key) : this.#data.set(key, Uint8Array.from(value));
    }
  }

  async complete(history: NewHistory): Promise<void> {
    this.#history = history;
  }

  async install(): Promise<Medium> {
    if (this.#history === undefined) throw fail('internal', 'a replacement was installed before it was complete');
    return new MemoryMedium(this.#history, this.#data);
  }

  async discard(): Promise<void> {
    this.#data = new SortedMap();
  }
}

/** A store that lives and dies with this process: for tests, `-dev` and `inmem`. */
export function openMemoryStore(options: MemoryStoreOptions = {}): LocalStore {
  return new LocalStore(new MemoryMedium(), { die: endProcess, ...options });
}
