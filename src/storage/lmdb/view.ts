import { fail } from '../../errors.ts';
import { compareKeys, fits } from '../key.ts';
import type { StoredRecord, View } from '../local/medium.ts';
import { decodeLogRecord } from '../log-record.ts';
import { MAX_KEY_BYTES } from '../store.ts';
import { load, type Parts } from './parts.ts';
import { freshReader, type Environment, type ReadTransaction } from './environment.ts';

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

/** One read transaction: what was committed when it was made. */
export class LmdbView implements View {
  readonly #environment: Environment;
  readonly transaction: ReadTransaction;
  readonly #options: { readonly transaction: ReadTransaction };
  readonly #data: Gets<string>;
  readonly #log: Gets<Uint8Array>;
  readonly #parts: Pick<Parts, 'get'>;

  constructor(environment: Environment) {
    const { root, data, log } = environment;
    const transaction = freshReader(root);
    const options = { transaction };
    const parts: Gets<Uint8Array> = environment.parts;
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
    return stored === undefined ? undefined : load(stored, this.#parts, 'the stored value of', key);
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
    const bytes = load(stored, this.#parts, 'log record', sequence);
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
