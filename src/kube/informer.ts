/** What a cluster holds of one kind, kept current: a cache fed by a watch, and a word on each change. */
import type { KubernetesApi } from './api.ts';
import { keyOf, Objects, type Kind, type KubernetesObject } from './objects.ts';
import { Watch, type WatchOptions } from './watch.ts';

/** `object` is undefined for what is gone; `before` for what is new. */
export type Change<T> = (key: string, object: T | undefined, before: T | undefined) => void;

/** Kept by nobody here, and often the larger half of an object. */
function slim<T extends KubernetesObject>(object: T): T {
  if (object.metadata.managedFields === undefined) return object;
  const { managedFields: _unread, ...metadata } = object.metadata;
  return { ...object, metadata };
}

export interface InformerOptions<T> extends WatchOptions {
  /** What of an object stays in the cache, its name, uid and version at least. Default all but `managedFields`. */
  readonly kept?: (object: T) => T;
  /** One that is not whole is as good as not there. Default: each is. */
  readonly isWhole?: (object: T) => boolean;
}

export class Informer<T extends KubernetesObject> {
  readonly #cache = new Map<string, T>();
  readonly #changed: Change<T>[] = [];
  readonly #watch: Watch<T>;
  readonly #ready = Promise.withResolvers<void>();
  /** Resolves once everything was listed. */
  readonly synced: Promise<void> = this.#ready.promise;

  constructor(api: KubernetesApi, kind: Kind, options: InformerOptions<T> = {}) {
    const { kept: of = slim, isWhole = () => true } = options;
    const kept = (object: T): T | undefined => (isWhole(object) ? of(object) : undefined);
    const sink = {
      kept,
      replace: (objects: readonly T[]) => {
        this.#replace(objects);
      },
      apply: (type: 'ADDED' | 'MODIFIED' | 'DELETED', object: T) => {
        this.#put(keyOf(object.metadata), type === 'DELETED' ? undefined : kept(object));
      },
    };
    this.#watch = new Watch<T>(api, new Objects<T>(api, kind), sink, options);
  }

  get staleMs(): number {
    return this.#watch.staleMs;
  }

  get(key: string): T | undefined {
    return this.#cache.get(key);
  }

  get size(): number {
    return this.#cache.size;
  }

  /** The keys are those of the cache: who keeps one shares it. */
  entries(): IterableIterator<[key: string, object: T]> {
    return this.#cache.entries();
  }

  values(): IterableIterator<T> {
    return this.#cache.values();
  }

  /** Called at once for each change, those of a new list among them. */
  onChange(told: Change<T>): void {
    this.#changed.push(told);
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#watch.run(signal);
  }

  #replace(objects: readonly T[]): void {
    const listed = new Map(objects.map((object) => [keyOf(object.metadata), object]));
    for (const key of [...this.#cache.keys()]) if (!listed.has(key)) this.#put(key, undefined);
    for (const [key, object] of listed) {
      const known = this.#cache.get(key)?.metadata;
      const { uid, resourceVersion } = object.metadata;
      if (known?.resourceVersion !== resourceVersion || known?.uid !== uid) this.#put(key, object);
    }
    this.#ready.resolve();
  }

  #put(key: string, object: T | undefined): void {
    const before = this.#cache.get(key);
    if (object === undefined && before === undefined) return;
    if (object === undefined) this.#cache.delete(key);
    else this.#cache.set(key, object);
    for (const told of this.#changed) told(key, object, before);
  }
}
