import { setTimeout } from 'node:timers/promises';
import { failpoint } from '../../lib/failpoint.ts';
import { fail } from '../../errors.ts';
import { compareKeys, fits } from '../key.ts';
import type { Chained, Medium, Place, StoredRecord, View } from '../local/medium.ts';
import type { Replacement } from '../local/replacement.ts';
import { decodeLogRecord } from '../log-record.ts';
import { MAX_KEY_BYTES, type Epoch, type Position } from '../store.ts';
import { discard, lengthOf, load, partsId, store, type Parts, type PartsId } from './chunked.ts';
import type { Environment } from './environment.ts';
import type { ReadTransaction } from './holder.ts';
import { encodeMeta, placeOf, placeRecord, type Meta } from './meta.ts';

const CAUSE_MILLISECONDS = 1_000;

export function logKey(sequence: number): Buffer {
  const key = Buffer.alloc(8);
  key.writeBigUInt64BE(BigInt(sequence));
  return key;
}

/** Whether there can be a value at it. */
function isKey(key: string): boolean {
  return key !== '' && fits(key) && key.isWellFormed();
}

/** The longest beginning of a text that is no longer than a key can be. */
function cut(text: string): string {
  if (fits(text)) return text;
  let end = MAX_KEY_BYTES;
  while (!fits(text.slice(0, end)) || !text.slice(0, end).isWellFormed()) end -= 1;
  return text.slice(0, end);
}

/**
 * `getBinary` takes a transaction like `get`, which the declarations leave out. Inside of a write transaction lmdb-js
 * reads from that one, whatever it is given: nothing here reads by a view while a write callback runs.
 */
interface Gets<K> {
  /** As `getBinary`, in memory that is lent until the next read. */
  getBinaryFast(key: K, options: { readonly transaction: ReadTransaction }): Buffer | undefined;
  getBinary(key: K, options: { readonly transaction: ReadTransaction }): Buffer | undefined;
}

/** One put or removal of a table: all that it needs was made and checked before. */
type Change = () => void;

/** One read transaction: what was committed when it was made. */
export class LmdbView implements View {
  readonly #environment: Environment;
  readonly transaction: ReadTransaction;
  readonly #options: { readonly transaction: ReadTransaction };
  readonly #data: Gets<string>;
  readonly #log: Gets<Uint8Array>;
  readonly #parts: Pick<Parts, 'get'>;

  constructor(environment: Environment) {
    const { root, data, log, chunks } = environment;
    // lmdb-js lends one transaction to all reads of a turn. The resets around make this one new, and ours alone.
    root.resetReadTxn();
    const transaction = root.useReadTransaction();
    root.resetReadTxn();
    const options = { transaction };
    const parts: Gets<Uint8Array> = chunks;
    this.#environment = environment;
    this.transaction = transaction;
    this.#options = options;
    this.#data = data;
    this.#log = log;
    this.#parts = { get: (key) => parts.getBinary(key, options) };
  }

  get(key: string): Uint8Array | undefined {
    if (!isKey(key)) return undefined;
    const stored = this.#data.getBinary(key, this.#options);
    return stored === undefined ? undefined : load(stored, this.#parts, 'a stored value');
  }

  /** Neither copies the value nor looks for its parts. */
  has(key: string): boolean {
    return isKey(key) && this.#data.getBinaryFast(key, this.#options) !== undefined;
  }

  *keysFrom(start: string, exclusive: boolean): Generator<string, undefined> {
    const from = cut(start);
    const options = { start: from, exclusiveStart: exclusive || from !== start, transaction: this.transaction };
    for (const key of this.#environment.data.getKeys(options)) {
      if (from === start || compareKeys(key, start) > 0) yield key;
    }
  }

  record(sequence: number): StoredRecord {
    const stored = this.#log.getBinary(logKey(sequence), this.#options);
    if (stored === undefined) throw fail('corrupt', `log record ${sequence} is missing`);
    const bytes = load(stored, this.#parts, `log record ${sequence}`);
    const record = decodeLogRecord(bytes, `log record ${sequence}`);
    if (record.batch.position.sequence !== sequence) {
      throw fail('corrupt', `log record ${sequence} is damaged: it says that it is ${record.batch.position.sequence}`);
    }
    return { ...record, bytes: bytes.length };
  }

  close(): void {
    this.transaction.done();
  }
}

/** lmdb-js rejects with a promise of the cause, which must not be left alone; it comes at once, or else is not waited for. */
export async function causeOf(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !('commitError' in error)) return error;
  const cause = Promise.resolve(error.commitError).then(
    () => error,
    (found: unknown) => found,
  );
  return Promise.race([cause, setTimeout(CAUSE_MILLISECONDS, error, { ref: false })]);
}

/** What a medium asks of its directory. */
export interface LmdbDirectory {
  /** A first view has been opened: other processes know this one by it. */
  readonly opened?: () => void;
  readonly replacement: () => Replacement;
  readonly closed: () => void;
}

/** Data and log of one node in an LMDB environment: each commit one durable LMDB transaction. */
export class LmdbMedium implements Medium {
  readonly log: string;
  readonly epoch: Epoch;
  readonly head: Place;
  readonly oldest: Place;
  readonly #environment: Environment;
  readonly #directory: LmdbDirectory;
  #appended: number;
  #dropped: number;
  #oldest: Position;
  #flushes = 0;
  /** Whether any value or record may lie in parts: most stores have none, and then no write looks for what it replaces. */
  #parted: boolean;

  constructor(environment: Environment, meta: Omit<Meta, 'format'>, directory: LmdbDirectory) {
    this.#environment = environment;
    this.#directory = directory;
    this.log = meta.identity.log;
    this.epoch = meta.identity.epoch;
    this.head = placeOf(meta.head);
    this.oldest = placeOf(meta.oldest);
    this.#oldest = meta.oldest.position;
    const [part] = environment.chunks.getKeys({ limit: 1, start: Buffer.alloc(1) });
    this.#parted = part !== undefined;
    this.#appended = meta.head.bytes;
    this.#dropped = meta.oldest.bytes;
  }

  get logBytes(): number {
    return this.#appended - this.#dropped;
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
    const appended = group.reduce((bytes, { record }) => bytes + record.length, this.#appended);
    const changes: Change[] = [];
    this.#putData(group, changes);
    for (const { batch, record } of group) this.#putRecord(batch.position.sequence, record, changes);
    this.#putMeta('head', placeRecord(last, appended), changes);
    await this.#write(changes, 'storage.in-commit');
    this.#appended = appended;
    failpoint('storage.after-flush-before-publish');
  }

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

  async close(): Promise<void> {
    try {
      await this.#environment.root.close();
    } finally {
      this.#directory.closed();
    }
  }

  /**
   * One block, which lmdb-js's own thread writes and flushes in one LMDB transaction, all or nothing. A callback within
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
    this.#flushes += 1;
  }

  #parts(changes: Change[]): Pick<Parts, 'put' | 'remove'> {
    const { chunks } = this.#environment;
    return {
      put: (key, part) => {
        const bytes = Buffer.from(part.buffer, part.byteOffset, part.length);
        this.#parted = true;
        changes.push(() => void chunks.put(key, bytes));
      },
      remove: (key) => {
        changes.push(() => void chunks.remove(key));
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
      // Lent until the next read: only whether it has parts is looked at, which is seldom.
      if (this.#parted) discard(data.getBinaryFast(key), parts);
      if (value === undefined) {
        changes.push(() => void data.remove(key));
        continue;
      }
      const stored = store(value, id, parts);
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
