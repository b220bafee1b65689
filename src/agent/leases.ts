/** How long what was read, or made, may be used: leases, and certificates' own ends. */
import type { Envelope } from '../client/envelope.ts';
import { lifetimeOf } from '../lib/crypto/pem-bundle.ts';
import { elapsed, type Stamp, type StampSource } from './age.ts';

export interface Lease {
  /** Empty: it ends by itself, and nobody can renew it. */
  readonly id: string;
  readonly seconds: number;
  readonly renewable: boolean;
  /** Seconds of it that had passed when it came to be held. */
  readonly age?: number;
  /** Seconds that were granted at first: less than half of them at a renewal say that it nears its last end. */
  readonly first: number;
  /** The session that it was made in: it ends with that one's token. */
  readonly holder: object;
}

/** Seconds after which what was made, and says of no end, is made anew; consul-template's `default_lease_duration`. */
const MADE = 300;

/** Of a secret that was read; undefined where it is read anew with each reading. */
export function leaseOf(found: Envelope, holder: object): Lease | undefined {
  const { lease_id: id, lease_duration: seconds, renewable } = found;
  return id === '' || !(seconds >= 1) ? undefined : { id, seconds, renewable, first: seconds, holder };
}

/**
 * Seconds that are left to a certificate that was made just now. Where this machine's clock says that it does not hold, that is wrong: then all of its
 * time, so that another is neither made at once nor much too late.
 */
function lifeOf(certificate: string, now: number): number {
  try {
    const { seconds, age } = lifetimeOf(certificate, now);
    return Math.max(1, age < 0 || age >= seconds ? seconds : seconds - age);
  } catch {
    return MADE;
  }
}

/** Of what was made without an answer. */
export const withoutAnswer = (holder: object): Lease => ({
  ...{ id: '', seconds: MADE },
  renewable: false,
  first: MADE,
  holder,
});

/** Of what was made: never undefined, since each asking makes another. `now` in milliseconds since the epoch. */
export function leaseOfMade(made: Envelope, holder: object, now: number): Lease {
  const { certificate, expiration } = made.data ?? {};
  const ends = typeof certificate === 'string' && typeof expiration === 'number';
  const seconds = ends ? lifeOf(certificate, now) : MADE;
  return leaseOf(made, holder) ?? { id: '', seconds, renewable: false, first: seconds, holder };
}

interface Held {
  readonly lease: Lease;
  /** When it was granted or renewed. */
  readonly at: Stamp;
}

/** The leases of all that is held, by its key. */
export class HeldLeases {
  readonly #stamps: StampSource;
  readonly #renewAt: number;
  readonly #held = new Map<string, Held>();
  #holder: object | undefined;

  /** `renewAt`: the part of a lease after which it is due. */
  constructor(stamps: StampSource, renewAt: number) {
    this.#stamps = stamps;
    this.#renewAt = renewAt;
  }

  /** Leases that others than `session` hold are due: they end with a token that nobody renews any more. */
  signedIn(session: object): void {
    this.#holder = session;
  }

  /** From now on under that one; undefined: under none. */
  hold(key: string, lease: Lease | undefined): void {
    if (lease === undefined) this.#held.delete(key);
    else this.#held.set(key, { lease, at: this.#stamps() });
  }

  /** Whether it would be due at once. */
  isOver({ seconds, age = 0 }: Lease): boolean {
    return seconds * this.#renewAt <= age;
  }

  get(key: string): { readonly lease: Lease; readonly due: boolean } | undefined {
    const held = this.#held.get(key);
    return held && { lease: held.lease, due: this.#left(held, this.#stamps()) <= 0 };
  }

  /** Keys of those that are due. */
  get due(): readonly string[] {
    const now = this.#stamps();
    return [...this.#held].flatMap(([key, held]) => (this.#left(held, now) <= 0 ? [key] : []));
  }

  /** Seconds until the first is due, but for those; Infinity where there is none. */
  next(but: ReadonlySet<string>): number {
    const now = this.#stamps();
    const left = [...this.#held].map(([key, held]) =>
      but.has(key) ? Number.POSITIVE_INFINITY : this.#left(held, now),
    );
    return Math.max(0, Math.min(...left));
  }

  #left({ lease, at }: Held, now: Stamp): number {
    if (lease.id !== '' && lease.holder !== this.#holder) return 0;
    return lease.seconds * this.#renewAt - (lease.age ?? 0) - (elapsed(at, now) ?? Number.POSITIVE_INFINITY);
  }
}
