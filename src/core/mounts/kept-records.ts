/**
 * Records of mounts that are read again and again and are no secrets, decoded: what versions a secret has, what a role
 * allows. A cache over the change batches like the others; a record is gone from it before a reader sees its change.
 */
import type { Store } from '../../storage/store.ts';

/** Entries, and bytes of the records that they were made of; beyond either it starts anew. */
const LIMITS = { entries: 4_096, bytes: 4 * 1024 * 1024 } as const;

export class KeptRecords implements Disposable {
  readonly #store: Store;
  readonly #kept = new Map<string, object>();
  readonly #observation: Disposable;
  #bytes = 0;

  constructor(store: Store) {
    this.#store = store;
    this.#observation = store.observe(({ writes, reread }) => {
      if (reread !== undefined) this.#kept.clear();
      for (const { key } of writes) this.#kept.delete(key);
    });
  }

  [Symbol.dispose](): void {
    this.#observation[Symbol.dispose]();
    this.#kept.clear();
  }

  /** What `decode` makes of the record at `key`; undefined when there is none. Nobody changes it. */
  get<T extends object>(key: string, decode: (bytes: Uint8Array, key: string) => T): T | undefined {
    const known = this.#kept.get(key);
    // Each key has one reader, which decodes it in one way.
    if (known !== undefined) return known as T;
    const bytes = this.#store.get(key);
    if (bytes === undefined) return undefined;
    const decoded = decode(bytes, key);
    this.#keep(key, decoded, bytes.length);
    return decoded;
  }

  #keep(key: string, decoded: object, bytes: number): void {
    if (this.#kept.size >= LIMITS.entries || this.#bytes + bytes > LIMITS.bytes) {
      this.#kept.clear();
      this.#bytes = 0;
    }
    // What was dropped for a change stays counted until then: the bound holds, and no size is kept for each.
    this.#bytes += bytes;
    this.#kept.set(key, decoded);
  }
}
