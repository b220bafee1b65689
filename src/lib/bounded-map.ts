/**
 * A cache: what is in it can be found or made again, and all of it goes when it is full and another key comes. Never for what must
 * be remembered. To drop the oldest entry alone would cost more with each put, and keep nothing either of what is asked for in turn
 * and does not fit.
 */
export class BoundedMap<K, V> extends Map<K, V> {
  readonly #most: number;

  constructor(most: number) {
    super();
    this.#most = most;
  }

  override set(key: K, value: V): this {
    if (this.size >= this.#most && !this.has(key)) this.clear();
    return super.set(key, value);
  }
}
