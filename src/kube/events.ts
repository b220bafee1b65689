/** Events at objects, as `kubectl describe` shows them. Telling is no work that may fail: what cannot be told is left out. */
import { TokenBucket } from '../lib/token-bucket.ts';
import type { KubernetesApi } from './api.ts';
import { Outbox } from './outbox.ts';
import { collectionPath, coreKind, keyOf, type KubernetesObject } from './objects.ts';

export interface Event {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  /** Holds no secret. */
  readonly message: string;
}

const EVENTS = coreKind('Event', 'events');
const COMPONENT = 'external-secrets';
/** As client-go: so many at once, then one each five minutes, for each object. */
const RATE = { burst: 25, perSecond: 1 / 300 };
const MOST_OBJECTS = 4_096;
const LONGEST = 1_024;
/** Between two events while Secrets wait to be made. */
const REST_MS = 500;
const MOST_WAITING = 25_000;
/** The same is not told again within it. */
const REPEAT_MS = 600_000;

export class EventRecorder {
  readonly #api: KubernetesApi;
  readonly #buckets = new Map<string, TokenBucket>();
  readonly #told = new Map<string, number>();
  readonly #outbox: Outbox;
  #count = 0;

  /** `urgent`: while it holds, events wait. */
  constructor(api: KubernetesApi, urgent?: () => boolean) {
    this.#api = api;
    this.#outbox = new Outbox({
      lines: 1,
      rest: REST_MS,
      most: MOST_WAITING,
      ...(urgent === undefined ? {} : { urgent }),
    });
  }

  /** Tells what is left, unless told otherwise. */
  close(tell: boolean): Promise<void> {
    return this.#outbox.close(tell);
  }

  record(about: KubernetesObject, { type, reason, message: whole }: Event): void {
    const message = whole.slice(0, LONGEST);
    const now = performance.now();
    const object = `${about.kind ?? ''} ${keyOf(about.metadata)}`;
    const same = `${object} ${reason} ${message}`;
    if (now - (this.#told.get(same) ?? Number.NEGATIVE_INFINITY) < REPEAT_MS) return;
    if (!this.#bucket(object, now).take(now)) return;
    bounded(this.#told).set(same, now);
    this.#count += 1;
    void this.#outbox.put(String(this.#count), this.#telling(about, { type, reason, message }));
  }

  /** What waits is small: thousands may, while Secrets are made. */
  #telling({ apiVersion, kind, metadata }: KubernetesObject, { type, reason, message }: Event): () => Promise<void> {
    const { namespace, name, uid, resourceVersion } = metadata;
    const time = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
    return () => {
      const path = collectionPath(EVENTS, namespace ?? 'default');
      const body = {
        ...{ apiVersion: 'v1', kind: 'Event', type, reason, message },
        metadata: { generateName: `${name.slice(0, 200)}.`, namespace: namespace ?? 'default' },
        involvedObject: { apiVersion, kind, namespace, name, uid, resourceVersion },
        ...{ source: { component: COMPONENT }, reportingComponent: COMPONENT },
        ...{ firstTimestamp: time, lastTimestamp: time, count: 1 },
      };
      return this.#api.tell({ method: 'POST', path, body });
    };
  }

  #bucket(object: string, now: number): TokenBucket {
    const known = this.#buckets.get(object);
    if (known !== undefined) return known;
    const made = new TokenBucket(RATE, now);
    bounded(this.#buckets).set(object, made);
    return made;
  }
}

/** The oldest goes once there are many. */
function bounded<V>(map: Map<string, V>): Map<string, V> {
  if (map.size >= MOST_OBJECTS) for (const oldest of map.keys()) return map.delete(oldest) ? map : map;
  return map;
}
