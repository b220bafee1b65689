import { fail } from '../../errors.ts';
import { checkKey, compareKeys } from '../key.ts';
import { listChildren, listKeys, type Reader } from '../paging.ts';
import { SortedMap } from '../sorted-map.ts';
import type { Decoded, Page, Transaction, Write } from '../store.ts';

/** By key, in key order. */
type Sorted = SortedMap<Write>;

function withAll(sorted: Sorted, writes: ReadonlyMap<string, Write>): Sorted {
  let all = sorted;
  for (const [key, write] of writes) all = all.set(key, write);
  return all;
}

/** What the transactions of a group wrote, on top of a reader. It is put into order once one of them lists. */
export class Overlay {
  readonly #writes = new Map<string, Write>();
  /** What the group before it wrote, while that is not published. */
  #under: Overlay | undefined;
  #sorted: Sorted | undefined;

  constructor(under?: Overlay) {
    this.#under = under;
  }

  get isEmpty(): boolean {
    return this.#writes.size === 0 && (this.#under?.isEmpty ?? true);
  }

  get(key: string): Write | undefined {
    return this.#writes.get(key) ?? this.#under?.get(key);
  }

  get sorted(): Sorted {
    return (this.#sorted ??= withAll(this.#under?.sorted ?? new SortedMap(), this.#writes));
  }

  add(writes: readonly Write[]): void {
    for (const write of writes) {
      this.#writes.set(write.key, write);
      this.#sorted = this.#sorted?.set(write.key, write);
    }
  }

  /** The group before it is in the reader now. */
  published(): void {
    this.#under = undefined;
    this.#sorted = undefined;
  }
}

/** The keys of both, without those that the overlay deletes. */
function* mergedKeys(base: Iterable<string>, over: ReturnType<Sorted['from']>): Generator<string, undefined> {
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
  readonly #overlay: Overlay;
  readonly #writes = new Map<string, Write>();
  /** The overlay with the own writes, once it has listed. */
  #sorted: Sorted | undefined;
  #ended = false;

  constructor(base: Reader, overlay: Overlay) {
    this.#base = base;
    this.#overlay = overlay;
  }

  get(key: string): Uint8Array | undefined {
    const written = this.written(key);
    return written === undefined ? this.#base.get(key) : written.value;
  }

  written(key: string): Write | undefined {
    this.#check();
    return this.#writes.get(key) ?? this.#overlay.get(key);
  }

  has(key: string): boolean {
    const written = this.written(key);
    return written === undefined ? this.#base.has(key) : written.value !== undefined;
  }

  list(prefix: string, page: Page): readonly string[] {
    this.#check();
    return listKeys(this.#reader(), prefix, page);
  }

  children(prefix: string, page: Page): readonly string[] {
    this.#check();
    return listChildren(this.#reader(), prefix, page);
  }

  put(key: string, value: Uint8Array, decoded?: Decoded): void {
    // A copy: the flush comes later, and the caller may wipe or reuse its bytes by then. In memory of its own: slices of the
    // pool of Buffers outlive the young generation, and brought about seven times as many full collections.
    this.#write({ key, value: new Uint8Array(value), decoded });
  }

  delete(key: string): void {
    this.#write({ key, value: undefined, decoded: undefined });
  }

  /** Ends it, and gives one write for each key, the last one. */
  end(): readonly Write[] {
    this.#ended = true;
    return [...this.#writes.values()];
  }

  #write(write: Write): void {
    this.#check();
    checkKey(write.key);
    this.#writes.set(write.key, write);
    this.#sorted = this.#sorted?.set(write.key, write);
  }

  #reader(): Reader {
    if (this.#overlay.isEmpty && this.#writes.size === 0) return this.#base;
    const sorted = (this.#sorted ??= withAll(this.#overlay.sorted, this.#writes));
    return {
      get: (key) => this.get(key),
      has: (key) => this.has(key),
      keysFrom: (start, exclusive) => mergedKeys(this.#base.keysFrom(start, exclusive), sorted.from(start, exclusive)),
    };
  }

  #check(): void {
    if (this.#ended) throw fail('internal', 'a storage transaction was used after its work had returned');
  }
}
