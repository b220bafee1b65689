/** A store that measures what is asked of it. */
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
import { StoreOver } from '../../storage/store-over.ts';
import type { BarrierMeter } from './node-metrics.ts';

type Reads = Pick<Snapshot, 'get' | 'has' | 'list' | 'children'>;

class MeteredReads<R extends Reads> implements Reads {
  protected readonly inner: R;
  protected readonly meter: BarrierMeter;

  constructor(inner: R, meter: BarrierMeter) {
    this.inner = inner;
    this.meter = meter;
  }

  get(key: string): Uint8Array | undefined {
    const start = performance.now();
    const value = this.inner.get(key);
    this.meter.get.record(start, performance.now());
    return value;
  }

  has(key: string): boolean {
    return this.inner.has(key);
  }

  list(prefix: string, page: Page): readonly string[] {
    const start = performance.now();
    const found = this.inner.list(prefix, page);
    this.meter.list.record(start, performance.now());
    return found;
  }

  children(prefix: string, page: Page): readonly string[] {
    const start = performance.now();
    const found = this.inner.children(prefix, page);
    this.meter.list.record(start, performance.now());
    return found;
  }
}

class MeteredSnapshot extends MeteredReads<Snapshot> implements Snapshot {
  get position(): Position {
    return this.inner.position;
  }

  [Symbol.dispose](): void {
    this.inner[Symbol.dispose]();
  }
}

class MeteredTransaction extends MeteredReads<Transaction> implements Transaction {
  put(key: string, value: Uint8Array, decoded?: Decoded): void {
    const start = performance.now();
    this.inner.put(key, value, decoded);
    this.meter.put.record(start, performance.now());
  }

  written(key: string): Pick<Write, 'decoded'> | undefined {
    return this.inner.written(key);
  }

  delete(key: string): void {
    const start = performance.now();
    this.inner.delete(key);
    this.meter.delete.record(start, performance.now());
  }
}

export class MeteredStore extends StoreOver implements Store {
  readonly #meter: BarrierMeter;

  constructor(inner: Store, meter: BarrierMeter) {
    super(inner);
    this.#meter = meter;
  }

  get(key: string): Uint8Array | undefined {
    const start = performance.now();
    const value = this.inner.get(key);
    this.#meter.get.record(start, performance.now());
    return value;
  }

  snapshot(): Snapshot {
    return new MeteredSnapshot(this.inner.snapshot(), this.#meter);
  }

  async transact<T>(work: (tx: Transaction) => T): Promise<Committed<T>> {
    const start = performance.now();
    const committed = await this.inner.transact((tx) => work(new MeteredTransaction(tx, this.#meter)));
    this.#meter.commit.record(start, performance.now());
    return committed;
  }

  observe(apply: (batch: Batch) => void): Disposable {
    return this.inner.observe(apply);
  }

  changes(from: Position, signal: AbortSignal): AsyncIterable<Batch> {
    return this.inner.changes(from, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.inner[Symbol.asyncDispose]();
  }
}
