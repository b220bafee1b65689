/**
 * A bounded place for what waits in memory, shared so that nobody pushes out the others: longest queue drop (Suter and others,
 * "Design Considerations for Supporting TCP with Per-flow Queueing", 1998). Whoever is at their own bound loses their oldest.
 * When the whole is full, the oldest is lost of whoever has the most, in the group that has the most.
 */

/** Whose it is: one of a group, such as an entity of a namespace. */
export interface Owner {
  readonly group: string;
  readonly one: string;
}

export interface FairBufferOptions<V> {
  readonly most: number;
  readonly mostOfOne: number;
  readonly ownerOf: (value: V) => Owner;
}

/** What belongs to an entity. By ids. */
export const byEntity = ({ namespace, entity }: { readonly namespace: string; readonly entity: string }): Owner => ({
  group: namespace,
  one: entity,
});

/** Keys of one group, by whose they are, each in the order of their coming. */
interface Queues {
  count: number;
  readonly byOne: Map<string, Set<string>>;
}

export class FairBuffer<V> implements Disposable {
  readonly #options: FairBufferOptions<V>;
  readonly #kept = new Map<string, V>();
  readonly #queues = new Map<string, Queues>();

  constructor(options: FairBufferOptions<V>) {
    this.#options = options;
  }

  [Symbol.dispose](): void {
    this.#kept.clear();
    this.#queues.clear();
  }

  get size(): number {
    return this.#kept.size;
  }

  get(key: string): V | undefined {
    return this.#kept.get(key);
  }

  /** In the order of their coming. */
  entries(): Iterable<readonly [key: string, value: V]> {
    return this.#kept.entries();
  }

  /** The key is a new one. */
  add(key: string, value: V): void {
    const { most, mostOfOne, ownerOf } = this.#options;
    const { group, one } = ownerOf(value);
    const own = this.#queues.get(group)?.byOne.get(one);
    if (own !== undefined && own.size >= mostOfOne) this.#dropOldest(own);
    else if (this.#kept.size >= most) this.#dropOldest(this.#longest());
    const queues = this.#queues.get(group) ?? { count: 0, byOne: new Map<string, Set<string>>() };
    const queue = queues.byOne.get(one) ?? new Set();
    queues.count += 1;
    this.#queues.set(group, queues);
    queues.byOne.set(one, queue.add(key));
    this.#kept.set(key, value);
  }

  /** Whether it was still there. */
  delete(key: string): boolean {
    const value = this.#kept.get(key);
    if (value === undefined) return false;
    this.#kept.delete(key);
    const { group, one } = this.#options.ownerOf(value);
    const queues = this.#queues.get(group);
    const queue = queues?.byOne.get(one);
    if (queues === undefined || queue === undefined) return true;
    queue.delete(key);
    queues.count -= 1;
    if (queue.size === 0) queues.byOne.delete(one);
    if (queues.count === 0) this.#queues.delete(group);
    return true;
  }

  deleteGroup(group: string): void {
    for (const queue of this.#queues.get(group)?.byOne.values() ?? []) for (const key of queue) this.#kept.delete(key);
    this.#queues.delete(group);
  }

  #dropOldest(queue: ReadonlySet<string> | undefined): void {
    const [oldest] = queue ?? [];
    if (oldest !== undefined) this.delete(oldest);
  }

  /** A scan, which only who comes when all is full pays for. */
  #longest(): ReadonlySet<string> | undefined {
    const fullest = most(this.#queues.values(), ({ count }) => count);
    return fullest === undefined ? undefined : most(fullest.byOne.values(), ({ size }) => size);
  }
}

/** The first of those that have the most. */
function most<T>(all: Iterable<T>, size: (each: T) => number): T | undefined {
  let found: T | undefined;
  let largest = 0;
  for (const each of all) {
    if (size(each) <= largest) continue;
    found = each;
    largest = size(each);
  }
  return found;
}
