import { fail } from '../../errors.ts';
import { failpoint } from '../../lib/failpoint.ts';
import type { Chained, Place } from '../local/medium.ts';
import type { Position } from '../store.ts';
import { causeOf } from './cause.ts';
import { discard, isParted, lengthOf, partsId, store, VALUE_PARTS, type Parts, type PartsId } from './parts.ts';
import type { Environment } from './environment.ts';
import { encodeMeta, placeRecord, type Meta } from './meta.ts';
import { logKey } from './view.ts';

/** A write into the kernel's memory that takes longer waited for the disk. */
const SLOW_MILLISECONDS = 20;
/** The most puts and removals, parts among them, that the calling thread writes itself: a change of a secret, or a login, that is alone. */
const MOST_CHANGES_NOW = 8;

/** One put or removal of a table: all that it needs was made and checked before. */
type Change = () => void;

/** Where a store stands: what of it the meta table tells. */
type Standing = Pick<Meta, 'head' | 'oldest'>;

/**
 * What a commit, a compaction and a replay change in LMDB: each one LMDB transaction, all or nothing for a process that is
 * killed. Nothing here is durable by itself. One call at a time.
 */
export class Tables {
  readonly #environment: Environment;
  #appended: number;
  #dropped: number;
  #oldest: Position;
  /** Whether any value may lie in parts: while none does, no write looks for what it replaces. */
  #parted: boolean;
  /** The last commit waited for the disk. */
  #slow = false;

  constructor(environment: Environment, { head, oldest }: Standing) {
    this.#environment = environment;
    this.#oldest = oldest.position;
    const [part] = environment.parts.getKeys({ limit: 1, ...VALUE_PARTS });
    this.#parted = part !== undefined;
    this.#appended = head.bytes;
    this.#dropped = oldest.bytes;
  }

  /** Bytes of all records in the log. */
  get logBytes(): number {
    return this.#appended - this.#dropped;
  }

  /** Puts data and records of a group that is not empty; rejects with `internal`, and then nobody knows what was written. `within`: a failpoint. */
  async commit(group: readonly Chained[], last: Place, within = 'storage.in-commit'): Promise<void> {
    const appended = group.reduce((bytes, { record }) => bytes + record.length, this.#appended);
    const changes: Change[] = [];
    this.#putData(group, changes);
    for (const { batch, record } of group) this.#putRecord(batch.position.sequence, record, changes);
    this.#putMeta('head', placeRecord(last, appended), changes);
    const begun = performance.now();
    if (changes.length <= MOST_CHANGES_NOW && !this.#slow) this.#writeNow(changes, within);
    else await this.#write(changes, within);
    this.#slow = performance.now() - begun > SLOW_MILLISECONDS;
    this.#appended = appended;
  }

  /** Drops the records up to and including `upTo`. */
  async compact(upTo: Place): Promise<void> {
    const last = upTo.position.sequence;
    const { log } = this.#environment;
    const changes: Change[] = [];
    const parts = this.#parts(changes);
    let dropped = this.#dropped;
    for (let sequence = this.#oldest.sequence + 1; sequence <= last; sequence++) {
      const key = logKey(sequence);
      const stored = log.getBinary(key);
      if (stored === undefined) continue;
      dropped += lengthOf(stored);
      discard(stored, parts);
      changes.push(() => void log.remove(key));
    }
    this.#putMeta('oldest', placeRecord(upTo, dropped), changes);
    await this.#write(changes, 'storage.in-compact');
    this.#oldest = upTo.position;
    this.#dropped = dropped;
  }

  /**
   * On this thread: LMDB writes into the kernel's memory, which for a small commit takes less than to hand it to lmdb-js's
   * thread and to be told. Not while the disk is slow: reads would wait for it.
   */
  #writeNow(changes: readonly Change[], within: string): void {
    try {
      this.#environment.root.transactionSync(() => {
        for (const change of changes) change();
        failpoint(within);
      });
    } catch (error) {
      throw fail('internal', 'the storage could not be written', { cause: error });
    }
  }

  /**
   * One block, which lmdb-js's own thread writes in one LMDB transaction, all or nothing. A callback within
   * the transaction would make that thread wait for this one and this one for it, and both for each put.
   */
  async #write(changes: readonly Change[], within: string): Promise<void> {
    try {
      await this.#environment.root.batch(() => {
        try {
          for (const change of changes) change();
        } catch {
          // Of a block that is not whole lmdb-js would commit the beginning. Not reached: keys were checked, bytes made.
          process.abort();
        }
        failpoint(within);
      });
    } catch (error) {
      throw fail('internal', 'the storage could not be written', { cause: await causeOf(error) });
    }
  }

  #parts(changes: Change[]): Pick<Parts, 'put' | 'remove'> {
    const { parts } = this.#environment;
    return {
      put: (key, part) => {
        const bytes = Buffer.from(part.buffer, part.byteOffset, part.length);
        changes.push(() => void parts.put(key, bytes));
      },
      remove: (key) => {
        changes.push(() => void parts.remove(key));
      },
    };
  }

  /** Of each key the last value alone. What it replaces is what is published: nobody else writes. */
  #putData(group: readonly Chained[], changes: Change[]): void {
    const { data } = this.#environment;
    const parts = this.#parts(changes);
    const written = new Map<string, { value: Uint8Array | undefined; id: () => PartsId }>();
    for (const { batch } of group) {
      const { sequence } = batch.position;
      batch.writes.forEach(({ key, value }, index) => {
        written.set(key, { value, id: () => partsId('data', sequence, index) });
      });
    }
    for (const [key, { value, id }] of written) {
      // Lent until the next read: the keys of its parts are made before.
      if (this.#parted) discard(data.getBinaryFast(key), parts);
      if (value === undefined) {
        changes.push(() => void data.remove(key));
        continue;
      }
      const stored = store(value, id, parts);
      this.#parted ||= isParted(stored);
      changes.push(() => void data.put(key, stored));
    }
  }

  #putRecord(sequence: number, record: Uint8Array, changes: Change[]): void {
    const { log } = this.#environment;
    const stored = store(record, () => partsId('log', sequence, 0), this.#parts(changes));
    changes.push(() => void log.put(logKey(sequence), stored));
  }

  #putMeta<K extends keyof Meta>(name: K, value: Meta[K], changes: Change[]): void {
    const stored = encodeMeta(value);
    changes.push(() => void this.#environment.meta.put(name, stored));
  }
}
