/**
 * A store over the barrier's: values of namespaces with keys of their own are encrypted under these too, so that what the
 * barrier opens is still closed. Keys stay as they are. While such a namespace is sealed, reading or putting a value in it
 * throws `namespaceSealed`, in change batches nothing is put there, and lists and deletes go on: removals need no values.
 */
import { ROTATE_AFTER } from '../../seal/keyring.ts';
import type { Roots, SessionOptions } from '../../seal/session.ts';
import type {
  Batch,
  Committed,
  Decoded,
  Page,
  Position,
  Snapshot,
  Store,
  Transaction,
  Write,
} from '../../storage/store.ts';
import { LazyWrite } from '../../storage/lazy-write.ts';
import { StoreOver } from '../../storage/store-over.ts';
import { keys } from '../keys.ts';
import { DomainWriters, SealDomains, type Reads } from './seal-domains.ts';

class OpenedReads<R extends Reads> implements Reads {
  protected readonly inner: R;
  protected readonly domains: SealDomains;

  constructor(inner: R, domains: SealDomains) {
    this.inner = inner;
    this.domains = domains;
  }

  get(key: string): Uint8Array | undefined {
    const domain = this.domains.ofKey(key);
    return domain === undefined ? this.inner.get(key) : this.domains.decrypt(domain, key, this.inner.get(key));
  }

  has(key: string): boolean {
    return this.inner.has(key);
  }

  list(prefix: string, page: Page): readonly string[] {
    return this.inner.list(prefix, page);
  }

  children(prefix: string, page: Page): readonly string[] {
    return this.inner.children(prefix, page);
  }
}

class OpenedSnapshot extends OpenedReads<Snapshot> implements Snapshot {
  get position(): Position {
    return this.inner.position;
  }

  [Symbol.dispose](): void {
    this.inner[Symbol.dispose]();
  }
}

class OpenedTransaction extends OpenedReads<Transaction> implements Transaction {
  readonly #writers: DomainWriters;

  constructor(inner: Transaction, domains: SealDomains, writers: DomainWriters) {
    super(inner, domains);
    this.#writers = writers;
  }

  put(key: string, value: Uint8Array, decoded?: Decoded): void {
    const domain = this.domains.ofKey(key);
    this.inner.put(key, domain === undefined ? value : this.#writers.encrypt(domain, key, value), decoded);
  }

  written(key: string): Pick<Write, 'decoded'> | undefined {
    const domain = this.domains.ofKey(key);
    // Throws where it is sealed: what is decoded is what its keys protect.
    if (domain !== undefined) this.domains.session(domain);
    return this.inner.written(key);
  }

  delete(key: string): void {
    this.inner.delete(key);
  }
}

export class SealableStore extends StoreOver implements Store {
  readonly domains: SealDomains;
  readonly #observers = new Set<(batch: Batch) => void>();
  readonly #subscription: Disposable;

  /** `inner`: the barrier's, which stays the caller's to dispose. */
  constructor(inner: Store, options: Pick<SessionOptions, 'now'>) {
    super(inner);
    this.domains = new SealDomains(inner, { ...options, rotateAfter: ROTATE_AFTER });
    this.#subscription = inner.observe((batch) => {
      this.domains.follow(batch.writes);
      if (this.#observers.size > 0) this.#tell(this.#opened(batch));
    });
  }

  /** Takes the keys of a namespace up, if it is there, and tells whoever keeps something of it. Throws `corrupt`. */
  unseal(domain: string, roots: Roots): void {
    if (this.domains.standing(domain) !== 'sealed') return;
    this.domains.open(domain, roots);
    this.domains.settle(domain);
    this.reread(domain);
  }

  /** Drops the keys of a namespace: from then on no value of it is read, and nothing kept of it is used. */
  seal(domain: string): void {
    this.domains.close(domain);
    this.reread(domain);
  }

  reread(domain: string): void {
    const namespaces = this.domains.namespacesOf(domain);
    const { position, hash } = this.inner;
    const reread = namespaces.flatMap((id) => (['s', 'l', 'h'] as const).map((cls) => keys.all(cls, id)));
    this.#tell({ position, previous: position, hash, time: Date.now(), writes: [], reread });
  }

  get(key: string): Uint8Array | undefined {
    const domain = this.domains.ofKey(key);
    return domain === undefined ? this.inner.get(key) : this.domains.decrypt(domain, key, this.inner.get(key));
  }

  snapshot(): Snapshot {
    return new OpenedSnapshot(this.inner.snapshot(), this.domains);
  }

  async transact<T>(work: (tx: Transaction) => T): Promise<Committed<T>> {
    const writers = new DomainWriters(this.domains);
    try {
      return await this.inner.transact((tx) =>
        this.domains.none ? work(tx) : work(new OpenedTransaction(tx, this.domains, writers.begin(tx))),
      );
    } catch (error) {
      writers.rollBack();
      throw error;
    }
  }

  observe(apply: (batch: Batch) => void): Disposable {
    const own = (batch: Batch): void => {
      apply(batch);
    };
    this.#observers.add(own);
    return {
      [Symbol.dispose]: () => {
        this.#observers.delete(own);
      },
    };
  }

  async *changes(from: Position, signal: AbortSignal): AsyncIterable<Batch> {
    for await (const batch of this.inner.changes(from, signal)) yield this.#opened(batch);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.domains.closeAll();
    this.#observers.clear();
    this.#subscription[Symbol.dispose]();
    return Promise.resolve();
  }

  #tell(batch: Batch): void {
    for (const apply of [...this.#observers]) apply(batch);
  }

  #opened(batch: Batch): Batch {
    if (this.domains.none) return batch;
    const writes = batch.writes.flatMap((write) => {
      const domain = this.domains.ofKey(write.key);
      return domain === undefined ? [write] : this.#openedWrite(domain, write);
    });
    return { ...batch, writes };
  }

  #openedWrite(domain: string, write: Write): readonly Write[] {
    const { key, value, decoded } = write;
    if (value === undefined) return [write];
    if (this.domains.standing(domain) !== 'open') return [];
    return [new LazyWrite(key, () => this.domains.decrypt(domain, key, value), decoded)];
  }
}
