/** Alarms as they go on record: each kind of try by each peer is named, and a flood of them is counted, not repeated. */
import { TokenBucket } from '../lib/token-bucket.ts';

/** What a region did that a true one does not: goes into the hub's audit. */
export interface AlarmEvent {
  /** By its certificate, or as a stranger called itself. */
  readonly region: string;
  readonly address: string;
  /** A constant. */
  readonly what: string;
  readonly detail: string;
}
export type Alarm = (event: AlarmEvent) => void;

const RATE = { burst: 32, perSecond: 0.1 } as const;
const FLUSH_MS = 10_000;
const MOST_KINDS = 4_096;

interface Kind {
  readonly bucket: TokenBucket;
  last: AlarmEvent;
  held: number;
}

/**
 * Lets the first tries of each (region, address, what) through, then one now and then with the number of those that were
 * held back. So a flood costs neither the audit device nor the log, and hides nothing that is of another kind.
 */
export class Alarms implements Disposable {
  readonly #record: Alarm;
  readonly #now: () => number;
  readonly #kinds = new Map<string, Kind>();
  readonly #flushing: NodeJS.Timeout;

  constructor(record: Alarm, now: () => number = () => performance.now()) {
    this.#record = record;
    this.#now = now;
    this.#flushing = setInterval(() => {
      this.flush();
    }, FLUSH_MS).unref();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#flushing);
    this.flush();
  }

  readonly raise: Alarm = (event) => {
    const kind = this.#kindOf(event);
    kind.last = event;
    if (kind.bucket.take(this.#now())) this.#say(kind, 0);
    else kind.held += 1;
  };

  /** Records what was held back, and forgets who has been quiet for long. */
  flush(): void {
    for (const [key, kind] of this.#kinds) {
      if (kind.held > 0) this.#say(kind, 1);
      else if (kind.bucket.full(this.#now())) this.#kinds.delete(key);
    }
  }

  #say(kind: Kind, counted: number): void {
    const more = kind.held - counted;
    kind.held = 0;
    const detail = more > 0 ? `${kind.last.detail} (and ${String(more)} more such tries)` : kind.last.detail;
    this.#record({ ...kind.last, detail });
  }

  #kindOf(event: AlarmEvent): Kind {
    const full = this.#kinds.size >= MOST_KINDS;
    const own = `${event.region}\u0000${event.address}\u0000${event.what}`;
    // Strangers choose their names: too many of them count as one.
    const key = full && !this.#kinds.has(own) ? event.what : own;
    const known = this.#kinds.get(key);
    if (known !== undefined) return known;
    const made = { bucket: new TokenBucket(RATE, this.#now()), last: event, held: 0 };
    this.#kinds.set(key, made);
    return made;
  }
}
