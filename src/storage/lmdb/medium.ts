import { setTimeout } from 'node:timers/promises';
import { failpoint } from '../../lib/failpoint.ts';
import { fail } from '../../errors.ts';
import { compareKeys, fits } from '../key.ts';
import type { Chained, Medium, Place, StoredRecord, View } from '../local/medium.ts';
import type { Replacement } from '../local/replacement.ts';
import { decodeLogRecord } from '../log-record.ts';
import { MAX_KEY_BYTES, type Epoch, type Position, type Write } from '../store.ts';
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
  getBinary(key: K, options: { readonly transaction: ReadTransaction }): Buffer | undefined;
}

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
    if (key === '' || !fits(key) || !key.isWellFormed()) return undefined;
    const stored = this.#data.getBinary(key, this.#options);
    return stored === undefined ? undefined : load(stored, this.#parts, 'a stored value');
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

/** Only used inside of write transactions, where it reads what they wrote. */
export function partsOf({ chunks }: Environment): Parts {
  return {
    get: (key) => chunks.getBinary(key),
    put: (key, part) => void chunks.put(key, Buffer.from(part.buffer, part.byteOffset, part.length)),
    remove: (key) => void chunks.remove(key),
  };
}

/** One write of a batch, within a write transaction; `id` names the parts of a large value. */
export function putValue({ data }: Environment, parts: Parts, { key, value }: Write, id: () => PartsId): void {
  discard(data.getBinary(key), parts);
  if (value === undefined) void data.remove(key);
  else void data.put(key, store(value, id, parts));
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
  readonly #parts: Parts;
  readonly #directory: LmdbDirectory;
  #appended: number;
  #dropped: number;
  #oldest: Position;
  #flushes = 0;

  constructor(environment: Environment, meta: Omit<Meta, 'format'>, directory: LmdbDirectory) {
    this.#environment = environment;
    this.#directory = directory;
    this.#parts = partsOf(environment);
    this.log = meta.identity.log;
    this.epoch = meta.identity.epoch;
    this.head = placeOf(meta.head);
    this.oldest = placeOf(meta.oldest);
    this.#oldest = meta.oldest.position;
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
    const appended = group.reduce((bytes, { record }) => bytes + record.length, this.#appended);
    await this.#write(() => {
      for (const chained of group) this.#append(chained);
      const last = group.at(-1)?.batch;
      if (last !== undefined) this.#putMeta('head', placeRecord(last, appended));
      failpoint('storage.in-commit');
    });
    this.#appended = appended;
    failpoint('storage.after-flush-before-publish');
  }

  async compact(upTo: Place): Promise<void> {
    const last = upTo.position.sequence;
    const { log } = this.#environment;
    let dropped = this.#dropped;
    await this.#write(() => {
      for (let sequence = this.#oldest.sequence + 1; sequence <= last; sequence++) {
        const key = logKey(sequence);
        const stored = log.getBinary(key);
        if (stored === undefined) continue;
        dropped += lengthOf(stored);
        discard(stored, this.#parts);
        void log.remove(key);
      }
      this.#putMeta('oldest', placeRecord(upTo, dropped));
      failpoint('storage.in-compact');
    });
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

  /** One child transaction: a throw in `write` undoes all its puts, which a plain one of lmdb-js would commit. */
  async #write(write: () => void): Promise<void> {
    try {
      await this.#environment.root.childTransaction(write);
    } catch (error) {
      throw fail('internal', 'the storage could not be written', { cause: await causeOf(error) });
    }
    this.#flushes += 1;
  }

  #append({ batch, record }: Chained): void {
    const { log } = this.#environment;
    const { sequence } = batch.position;
    batch.writes.forEach((write, index) => {
      putValue(this.#environment, this.#parts, write, () => partsId('data', sequence, index));
    });
    void log.put(
      logKey(sequence),
      store(record, () => partsId('log', sequence, 0), this.#parts),
    );
  }

  #putMeta<K extends keyof Meta>(name: K, value: Meta[K]): void {
    void this.#environment.meta.put(name, encodeMeta(value));
  }
}
