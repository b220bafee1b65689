/** Events at objects, as `kubectl describe` shows them. Telling is no work that may fail: what cannot be told is left out. */
import { TokenBucket } from '../lib/token-bucket.ts';
import type { KubernetesApi } from './api.ts';
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
/** The same is not told again within it. */
const REPEAT_MS = 600_000;

export class EventRecorder {
  readonly #api: KubernetesApi;
  readonly #buckets = new Map<string, TokenBucket>();
  readonly #told = new Map<string, number>();

  constructor(api: KubernetesApi) {
    this.#api = api;
  }

  record(about: KubernetesObject, { type, reason, message }: Event): void {
    const now = performance.now();
    const object = `${about.kind ?? ''} ${keyOf(about.metadata)}`;
    const same = `${object} ${reason} ${message}`;
    if (now - (this.#told.get(same) ?? Number.NEGATIVE_INFINITY) < REPEAT_MS) return;
    if (!this.#bucket(object, now).take(now)) return;
    bounded(this.#told).set(same, now);
    const { namespace = 'default', name, uid, resourceVersion } = about.metadata;
    const time = new Date().toISOString();
    const moment = time.replace(/\.\d+Z$/, 'Z');
    const body = {
      ...{ apiVersion: 'v1', kind: 'Event', type, reason, message: message.slice(0, LONGEST) },
      metadata: { generateName: `${name.slice(0, 200)}.`, namespace },
      involvedObject: {
        apiVersion: about.apiVersion,
        kind: about.kind,
        namespace: about.metadata.namespace,
        name,
        uid,
        resourceVersion,
      },
      ...{
        source: { component: COMPONENT },
        reportingComponent: COMPONENT,
        firstTimestamp: moment,
        lastTimestamp: moment,
      },
      count: 1,
    };
    this.#api.create(collectionPath(EVENTS, namespace), body).catch(() => undefined);
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
