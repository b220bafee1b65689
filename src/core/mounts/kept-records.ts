/**
 * Records of mounts that are read again and again and are no secrets, decoded: what versions a secret has, what a role
 * allows. A cache over the change batches like the others; a record is gone from it before a reader sees its change, or is
 * there as it is now, where its writer said what it decodes to.
 */
import type { Decoded, Snapshot, Store, Transaction } from '../../storage/store.ts';

/** Entries, and bytes of the records that they were made of, which are some two to three times as much here; beyond either it starts anew. */
const LIMITS = { entries: 4_096, bytes: 2 * 1024 * 1024 } as const;

type Decode<T extends object> = (bytes: Uint8Array, key: string) => T;

export class KeptRecords implements Disposable {
  readonly #store: Store;
  readonly #kept = new Map<string, Decoded>();
  readonly #observation: Disposable;
  #bytes = 0;

  constructor(store: Store) {
    this.#store = store;
    this.#observation = store.observe(({ writes, reread }) => {
      if (reread !== undefined) this.#clear();
      for (const { key, decoded } of writes) {
        // What is written and never read must not push out what is.
        if (!this.#kept.has(key)) continue;
        if (decoded === undefined) this.#drop(key);
        else this.#keep(key, decoded);
      }
    });
  }

  [Symbol.dispose](): void {
    this.#observation[Symbol.dispose]();
    this.#clear();
  }

  /** Whether there is a record that it keeps; false says nothing. */
  has(key: string): boolean {
    return this.#kept.has(key);
  }

  /**
   * What `decode` makes of the record at `key`; undefined when there is none. Nobody changes it. `from`: what is read when it
   * is not kept; it gives what the store does.
   */
  get<T extends object>(key: string, decode: Decode<T>, from: Pick<Snapshot, 'get'> = this.#store): T | undefined {
    const known = this.#kept.get(key);
    // Each key has one reader, which decodes it in one way.
    if (known !== undefined) return known.record as T;
    const bytes = from.get(key);
    if (bytes === undefined) return undefined;
    const record = decode(bytes, key);
    this.#keep(key, { record, bytes: bytes.length });
    return record;
  }

  /** The same as a transaction sees it: what it has written, else what is kept of what it sees. */
  within<T extends object>(tx: Transaction, key: string, decode: Decode<T>): T | undefined {
    const written = tx.written(key);
    if (written === undefined) return this.get(key, decode, tx);
    // As with what is kept: each key has one reader.
    if (written.decoded !== undefined) return written.decoded.record as T;
    const bytes = tx.get(key);
    return bytes === undefined ? undefined : decode(bytes, key);
  }

  /** In the place of what is kept at that key, if anything is: the Map goes on with its own entry and its own key. */
  #keep(key: string, decoded: Decoded): void {
    const before = this.#kept.get(key)?.bytes;
    let bytes = this.#bytes - (before ?? 0) + decoded.bytes;
    if ((before === undefined && this.#kept.size >= LIMITS.entries) || bytes > LIMITS.bytes) {
      this.#clear();
      bytes = decoded.bytes;
    }
    this.#bytes = bytes;
    this.#kept.set(key, decoded);
  }

  #drop(key: string): void {
    this.#bytes -= this.#kept.get(key)?.bytes ?? 0;
    this.#kept.delete(key);
  }

  #clear(): void {
    this.#kept.clear();
    this.#bytes = 0;
  }
}
