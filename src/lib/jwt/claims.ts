/** The registered claims (RFC 7519, section 4.1), checked as Vault's library for tokens does. */
import { TokenRefused } from './refusal.ts';

export type Claims = Readonly<Record<string, unknown>>;

/** Seconds; a negative one is none. */
export interface Leeways {
  /** On both sides of every moment, for clocks that differ. */
  readonly clockSkew: number;
  /** How long a token without `exp` is good for after it was issued. */
  readonly expiration: number;
  /** How long before its `exp` a token without `nbf` and `iat` is good. */
  readonly notBefore: number;
}

export const defaultLeeways: Leeways = { clockSkew: 60, expiration: 150, notBefore: 150 };

export interface Expected {
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly leeways: Leeways;
  /** Any one of them; absent: whoever holds the keys. */
  readonly issuers?: readonly string[];
  /**
   * The token must be for one of them. Absent or empty: it must name no audience at all, since one that is for somebody else
   * is not for us. `any`: for whomever it is, as the one who asks judges that by himself.
   */
  readonly audiences?: readonly string[] | 'any';
  readonly subject?: string;
  /** Seconds since `iat`, which the token then needs. */
  readonly maxAge?: number;
}

/** Beyond this no date is one: year 9999. */
const LAST = 253_402_300_799;

function moment(claims: Claims, name: string): number | undefined {
  if (!Object.hasOwn(claims, name)) return undefined;
  const value = claims[name];
  if (typeof value !== 'number' || !(value >= 0 && value <= LAST)) {
    throw new TokenRefused('malformed', `its ${name} is no moment`);
  }
  return value;
}

/** As upstream: a token must have one of the three; what is missing follows from the others. */
function lifeOf(claims: Claims, leeways: Leeways) {
  const [iat, nbf, exp] = [moment(claims, 'iat'), moment(claims, 'nbf'), moment(claims, 'exp')];
  const began = Math.max(iat ?? 0, nbf ?? 0);
  if (exp === undefined && iat === undefined && nbf === undefined) {
    throw new TokenRefused('no time', 'none of exp, nbf and iat');
  }
  const until = exp ?? began + Math.max(0, leeways.expiration);
  return { iat, until, from: nbf ?? iat ?? until - Math.max(0, leeways.notBefore) };
}

function checkLife(claims: Claims, { now, leeways, maxAge }: Expected): void {
  const at = now / 1_000;
  const skew = Math.max(0, leeways.clockSkew);
  const { iat, until, from } = lifeOf(claims, leeways);
  if (at - skew >= until) throw new TokenRefused('expired', 'exp');
  if (from > at + skew) throw new TokenRefused('not yet valid', 'nbf');
  if (iat !== undefined && iat > at + skew) throw new TokenRefused('issued in the future', 'iat');
  if (maxAge === undefined) return;
  if (iat === undefined) throw new TokenRefused('too old', 'no iat to tell its age by');
  if (at - skew > iat + maxAge) throw new TokenRefused('too old', 'iat');
}

/** The audiences that a token names. Throws `TokenRefused` where they are none. */
export function audiencesOf(claims: Claims): readonly string[] {
  const value = Object.hasOwn(claims, 'aud') ? claims['aud'] : [];
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (!list.every((each) => typeof each === 'string'))
    throw new TokenRefused('malformed', 'its aud is no list of texts');
  return list;
}

function checkAudience(claims: Claims, wanted: readonly string[] | 'any'): void {
  const named = audiencesOf(claims);
  if (wanted === 'any') return;
  if (wanted.length === 0 && named.length > 0) {
    throw new TokenRefused('audience', 'it names audiences, and none is bound');
  }
  if (wanted.length > 0 && !wanted.some((audience) => named.includes(audience))) {
    throw new TokenRefused('audience', 'it is for somebody else');
  }
}

/** Throws `TokenRefused`. */
export function checkClaims(claims: Claims, expected: Expected): void {
  checkLife(claims, expected);
  const { issuers, audiences = [], subject } = expected;
  if (issuers !== undefined && !issuers.some((issuer) => issuer === claims['iss'])) {
    throw new TokenRefused('issuer', 'iss');
  }
  checkAudience(claims, audiences);
  if (subject !== undefined && claims['sub'] !== subject) throw new TokenRefused('subject', 'sub');
}
