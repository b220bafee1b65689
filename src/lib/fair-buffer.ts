/**
 * A bounded place for what waits in memory, shared so that nobody pushes out the others: longest queue drop (Suter and others,
 * "Design Considerations for Supporting TCP with Per-flow Queueing", 1998). Whoever is at their own bound loses their oldest.
 * When the whole is full, the oldest is lost of whoever has the most, in the namespace that has the most.
 */

/** Whose it is. */
export interface Owner {
  /** Ids. */
  readonly namespace: string;
  readonly entity: string;
}

export interface Bounds {
  readonly most: number;
  readonly mostOfOne: number;
}

/** Keys of one namespace, by entity, each in the order of their coming. */
interface Queues {
  count: number;
  readonly byEntity: Map<string, Set<string>>;
}

export class FairBuffer<V extends Owner> implements Disposable {
  readonly #bounds: Bounds;
  readonly #kept = new Map<string, V>();
  readonly #queues = new Map<string, Queues>();

  constructor(bounds: Bounds) {
    this.#bounds = bounds;
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
    const { most, mostOfOne } = this.#bounds;
    const own = this.#queues.get(value.namespace)?.byEntity.get(value.entity);
    if (own !== undefined && own.size >= mostOfOne) this.#dropOldest(own);
    else if (this.#kept.size >= most) this.#dropOldest(this.#longest());
    const queues = this.#queues.get(value.namespace) ?? { count: 0, byEntity: new Map<string, Set<string>>() };
    const queue = queues.byEntity.get(value.entity) ?? new Set();
    queues.count += 1;
    this.#queues.set(value.namespace, queues);
    queues.byEntity.set(value.entity, queue.add(key));
    this.#kept.set(key, value);
  }

  /** Whether it was still there. */
  delete(key: string): boolean {
    const value = this.#kept.get(key);
    if (value === undefined) return false;
    this.#kept.delete(key);
    const queues = this.#queues.get(value.namespace);
    const queue = queues?.byEntity.get(value.entity);
    if (queues === undefined || queue === undefined) return true;
    queue.delete(key);
    queues.count -= 1;
    if (queue.size === 0) queues.byEntity.delete(value.entity);
    if (queues.count === 0) this.#queues.delete(value.namespace);
    return true;
  }

  #dropOldest(queue: ReadonlySet<string> | undefined): void {
    const [oldest] = queue ?? [];
    if (oldest !== undefined) this.delete(oldest);
  }

  /** A scan, which only who comes when all is full pays for. */
  #longest(): ReadonlySet<string> | undefined {
    const fullest = most(this.#queues.values(), ({ count }) => count);
    return fullest === undefined ? undefined : most(fullest.byEntity.values(), ({ size }) => size);
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
