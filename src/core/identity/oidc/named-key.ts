/** A named key over its life: it signs by one pair, has the next one published already, and keeps those that it has left. */
import type { JWK } from 'jose';

/** The public half of a pair, as it is published. */
export interface PublicKey {
  readonly kid: string;
  readonly jwk: JWK;
}

interface RingKey extends PublicKey {
  /** Milliseconds since the epoch; 0 while it signs or will. */
  readonly expiresAt: number;
}

/** Durations in seconds, moments in milliseconds since the epoch. */
export interface NamedKey {
  readonly algorithm: string;
  readonly rotationPeriod: number;
  /** How long a pair is published after it has left. */
  readonly verificationTtl: number;
  /** `*` is every client. */
  readonly allowedClientIds: readonly string[];
  readonly ring: readonly RingKey[];
  /** The kids of the pair that signs and the one after it; empty before there are any. */
  readonly signing: string;
  readonly next: string;
  /** 0 before there are pairs. */
  readonly nextRotation: number;
}

export const SIGNING_ALGORITHMS: readonly string[] = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];

const DAY = 86_400;

/** As `identity/oidc/key/default` is before anybody uses it. */
export const DEFAULT_KEY: NamedKey = {
  ...{ algorithm: 'RS256', rotationPeriod: DAY, verificationTtl: DAY, allowedClientIds: ['*'] },
  ...{ ring: [], signing: '', next: '', nextRotation: 0 },
};

/** As a key is made when nothing is said of it. */
export const NEW_KEY: NamedKey = { ...DEFAULT_KEY, allowedClientIds: [] };

export const allows = ({ allowedClientIds }: Pick<NamedKey, 'allowedClientIds'>, client: string): boolean =>
  allowedClientIds.includes('*') || allowedClientIds.includes(client);

const unused = ({ kid, jwk }: PublicKey): RingKey => ({ kid, jwk, expiresAt: 0 });

/** Those that sign or would have signed are published for as long as their tokens may be about. */
const leaving = (ring: readonly RingKey[], kids: readonly string[], until: number): readonly RingKey[] =>
  ring.map((each) => (kids.includes(each.kid) ? { ...each, expiresAt: until } : each));

/** With new pairs in place of those that it had. */
export function withPairs(key: NamedKey, [signing, next]: readonly [PublicKey, PublicKey], now: number): NamedKey {
  const left = leaving(key.ring, [key.signing, key.next], now + key.verificationTtl * 1_000);
  return {
    ...key,
    ring: [...left, unused(signing), unused(next)],
    ...{ signing: signing.kid, next: next.kid, nextRotation: now + key.rotationPeriod * 1_000 },
  };
}

/** The next pair signs, and `made` is published for the time after. `ttl`: in place of the key's own `verificationTtl`. */
export function rotated(key: NamedKey, made: PublicKey, now: number, ttl: number = key.verificationTtl): NamedKey {
  return {
    ...key,
    ring: [...leaving(key.ring, [key.signing], now + ttl * 1_000), unused(made)],
    ...{ signing: key.next, next: made.kid, nextRotation: now + key.rotationPeriod * 1_000 },
  };
}

/** A shorter period counts from now, a longer one from the next rotation on. */
export function withPeriod(key: NamedKey, rotationPeriod: number, now: number): NamedKey {
  if (key.nextRotation === 0) return { ...key, rotationPeriod };
  return { ...key, rotationPeriod, nextRotation: Math.min(key.nextRotation, now + rotationPeriod * 1_000) };
}

/** What may be published at this moment. */
export const published = ({ ring }: Pick<NamedKey, 'ring'>, now: number): readonly RingKey[] =>
  ring.filter(({ expiresAt }) => expiresAt === 0 || expiresAt > now);

/** When there is something to do about it; undefined while there are no pairs. */
export function dueAt({ ring, nextRotation }: NamedKey): number | undefined {
  const moments = [nextRotation, ...ring.map(({ expiresAt }) => expiresAt)].filter((at) => at > 0);
  return moments.length === 0 ? undefined : Math.min(...moments);
}
