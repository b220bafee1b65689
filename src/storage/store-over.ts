/** What a store over another hands on as it is: where it stands, and which keys there are. Values are its own to answer for. */
import type { Epoch, Position, Store } from './store.ts';

export class StoreOver {
  protected readonly inner: Store;

  constructor(inner: Store) {
    this.inner = inner;
  }

  get log(): string {
    return this.inner.log;
  }

  get epoch(): Epoch {
    return this.inner.epoch;
  }

  get position(): Position {
    return this.inner.position;
  }

  get hash(): Uint8Array {
    return this.inner.hash;
  }

  get oldest(): Position {
    return this.inner.oldest;
  }

  hashAt(position: Position): Uint8Array | undefined {
    return this.inner.hashAt(position);
  }

  has(key: string): boolean {
    return this.inner.has(key);
  }

  compact(upTo: Position): Promise<void> {
    return this.inner.compact(upTo);
  }
}
