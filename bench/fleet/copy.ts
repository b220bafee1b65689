/**
 * The least that a region's copy can lie in: a map. Fifty regions share this process, and each write comes to each of
 * them; with a log of its own for each, the benchmark would measure those.
 */
import { fail } from '../../src/errors.ts';
import type { Batch, Committed, Page, Position, Snapshot, Store, Transaction, Write } from '../../src/storage/store.ts';

const NO_HASH = new Uint8Array(32);

class Overlay implements Transaction {
  readonly writes = new Map<string, Uint8Array | undefined>();
  readonly #data: ReadonlyMap<string, Uint8Array>;

  constructor(data: ReadonlyMap<string, Uint8Array>) {
    this.#data = data;
  }

  get(key: string): Uint8Array | undefined {
    return this.writes.has(key) ? this.writes.get(key) : this.#data.get(key);
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  list(prefix: string, { after = '', limit }: Page): readonly string[] {
    const keys = new Set([...this.#data.keys(), ...this.writes.keys()]);
    const found = [...keys].filter((key) => key.startsWith(prefix) && key > after && this.get(key) !== undefined);
    return found.sort().slice(0, limit);
  }

  children(): never {
    throw fail('internal', 'nothing of a region asks for it');
  }

  put(key: string, value: Uint8Array): void {
    this.writes.set(key, value);
  }

  written(): object {
    return {};
  }

  delete(key: string): void {
    this.writes.set(key, undefined);
  }
}

export class CopyInMemory implements Store {
  readonly log = 'bench';
  readonly epoch = { number: 1, id: 'bench', forkedAt: 0 };
  readonly hash = NO_HASH;
  readonly #data = new Map<string, Uint8Array>();
  readonly #observers = new Set<(batch: Batch) => void>();
  position: Position = { epoch: '1.bench', sequence: 0 };

  get oldest(): Position {
    return this.position;
  }

  get(key: string): Uint8Array | undefined {
    return this.#data.get(key);
  }

  has(key: string): boolean {
    return this.#data.has(key);
  }

  snapshot(): Snapshot {
    const { position } = this;
    const reads = new Overlay(this.#data);
    return {
      position,
      get: (key) => reads.get(key),
      has: (key) => reads.has(key),
      list: (prefix, page) => reads.list(prefix, page),
      children: () => reads.children(),
      [Symbol.dispose]: () => undefined,
    };
  }

  /** One after the other, as callers come; what is written is shown before the caller goes on, not within its call. */
  async transact<T>(work: (tx: Transaction) => T): Promise<Committed<T>> {
    await Promise.resolve();
    const tx = new Overlay(this.#data);
    const value = work(tx);
    if (tx.writes.size > 0) this.#commit([...tx.writes].map(([key, written]) => ({ key, value: written })));
    return { value, position: this.position };
  }

  #commit(writes: readonly Write[]): void {
    const previous = this.position;
    const position = { ...previous, sequence: previous.sequence + 1 };
    const batch: Batch = { position, previous, writes, hash: NO_HASH, time: Date.now() };
    for (const apply of this.#observers) apply(batch);
    for (const { key, value } of writes) {
      if (value === undefined) this.#data.delete(key);
      else this.#data.set(key, value);
    }
    this.position = position;
  }

  observe(apply: (batch: Batch) => void): Disposable {
    this.#observers.add(apply);
    return { [Symbol.dispose]: () => void this.#observers.delete(apply) };
  }

  changes(): never {
    throw fail('internal', 'a copy in memory keeps no log');
  }

  hashAt(): undefined {
    return undefined;
  }

  async compact(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}
}
