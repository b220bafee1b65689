import { fail } from '../../errors.ts';
import { checkKey, compareKeys } from '../key.ts';
import { listChildren, listKeys, type Reader } from '../paging.ts';
import type { SortedMap } from '../sorted-map.ts';
import type { Page, Transaction, Write } from '../store.ts';

/** What lies on top of a reader: values, and deletions as `value: undefined`. */
export type Overlay = SortedMap<{ readonly value: Uint8Array | undefined }>;

/** The keys of both, without those that the overlay deletes. */
function* mergedKeys(base: Iterable<string>, over: ReturnType<Overlay['from']>): Generator<string, undefined> {
  let top = over.next();
  for (const key of base) {
    while (!top.done && compareKeys(top.value[0], key) < 0) {
      if (top.value[1].value !== undefined) yield top.value[0];
      top = over.next();
    }
    if (top.done || top.value[0] !== key) yield key;
  }
  for (; !top.done; top = over.next()) {
    if (top.value[1].value !== undefined) yield top.value[0];
  }
}

/** A transaction that runs: reads of `base` with the overlay and its own writes on top. It ends with its work. */
export class LocalTransaction implements Transaction {
  readonly #base: Reader;
  readonly #writes = new Map<string, Uint8Array | undefined>();
  #overlay: Overlay;
  #ended = false;

  constructor(base: Reader, overlay: Overlay) {
    this.#base = base;
    this.#overlay = overlay;
  }

  get(key: string): Uint8Array | undefined {
    this.#check();
    const written = this.#overlay.get(key);
    return written === undefined ? this.#base.get(key) : written.value;
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  list(prefix: string, page: Page): readonly string[] {
    this.#check();
    return listKeys(this.#reader(), prefix, page);
  }

  children(prefix: string, page: Page): readonly string[] {
    this.#check();
    return listChildren(this.#reader(), prefix, page);
  }

  put(key: string, value: Uint8Array): void {
    // A copy: the flush comes later, and the caller may wipe or reuse its bytes by then.
    this.#write(key, new Uint8Array(value));
  }

  delete(key: string): void {
    this.#write(key, undefined);
  }

  /** Ends it: one write for each key, the last one, and the overlay for who comes next. */
  end(): { readonly writes: readonly Write[]; readonly overlay: Overlay } {
    this.#ended = true;
    return { writes: [...this.#writes].map(([key, value]) => ({ key, value })), overlay: this.#overlay };
  }

  #write(key: string, value: Uint8Array | undefined): void {
    this.#check();
    checkKey(key);
    this.#writes.set(key, value);
    this.#overlay = this.#overlay.set(key, { value });
  }

  #reader(): Reader {
    if (this.#overlay.isEmpty) return this.#base;
    return {
      get: (key) => this.get(key),
      keysFrom: (start, exclusive) =>
        mergedKeys(this.#base.keysFrom(start, exclusive), this.#overlay.from(start, exclusive)),
    };
  }

  #check(): void {
    if (this.#ended) throw fail('internal', 'a storage transaction was used after its work had returned');
  }
}
