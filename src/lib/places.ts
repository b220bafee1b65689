/**
 * What is under way, each in a place of its own until it ends, when another may have the place. A Map would do the same at a
 * price: of the tables that it has outgrown V8 has each point to the next, for iterators. Once one of these is old, all that
 * followed it live on with what they held, until the next full collection.
 */
export class Places<T> {
  readonly #taken: (T | undefined)[] = [];
  readonly #free: number[] = [];

  /** Gives its place: a number from 0 on. */
  take(value: T): number {
    const place = this.#free.pop() ?? this.#taken.length;
    this.#taken[place] = value;
    return place;
  }

  /** undefined when the place is free. */
  at(place: number): T | undefined {
    return this.#taken[place];
  }

  /** Gives what was there; undefined when the place is free. */
  leave(place: number): T | undefined {
    const value = this.#taken[place];
    if (value === undefined) return undefined;
    this.#taken[place] = undefined;
    this.#free.push(place);
    return value;
  }

  /** In no order. */
  values(): readonly T[] {
    return this.#taken.filter((value) => value !== undefined);
  }
}
