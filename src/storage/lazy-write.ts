import type { Decoded, Write } from './store.ts';

/**
 * A write whose value is made when it is first asked for. `value` is its own property, so that a copy by spread has it too: a
 * write without one is a deletion. One accessor serves all of them. An object literal with a getter has a new one each time,
 * which V8 keeps among its old objects, with all that it refers to, until a full collection.
 */
export class LazyWrite implements Write {
  static readonly #accessor: PropertyDescriptor & ThisType<LazyWrite> = {
    get() {
      this.#value ??= this.#make();
      return this.#value;
    },
    enumerable: true,
  };

  readonly key: string;
  readonly decoded: Decoded | undefined;
  declare readonly value: Uint8Array | undefined;
  readonly #make: () => Uint8Array | undefined;
  #value: Uint8Array | undefined;

  /** `make` may throw; it is then asked again the next time. */
  constructor(key: string, make: () => Uint8Array | undefined, decoded?: Decoded) {
    this.key = key;
    this.decoded = decoded;
    this.#make = make;
    Object.defineProperty(this, 'value', LazyWrite.#accessor);
  }
}
