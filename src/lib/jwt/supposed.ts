/** Claims that nobody has signed: what somebody supposes a token to say, to be told what would come of it. */
import { fail } from '../../errors.ts';
import type { Claims } from './claims.ts';
import { strictObject } from './strict-json.ts';
import { tokenBounds } from './verify.ts';

export interface Supposed {
  readonly claims: Claims;
  /** Names of those that were not given, and are taken to be as they should be. */
  readonly assumed: readonly string[];
}

/** How long a token that was made now is good for, where it is not said. */
const LIFE = 300;

const hasTime = (claims: Claims): boolean => ['exp', 'nbf', 'iat'].some((name) => Object.hasOwn(claims, name));

/**
 * `usual`: what a token of the issuer has; undefined: that is not told. One without any time is of now. Throws `badRequest`
 * for what no token could hold.
 */
export function supposed(given: object, usual: Claims, now: number): Supposed {
  // By the same reader as tokens, so that no claim means something else than in one.
  const read = strictObject(JSON.stringify(given), { length: tokenBounds.length, depth: tokenBounds.depth });
  if (read === undefined) throw fail('badRequest', 'claims are longer, or nested deeper, than a token can be');
  const at = Math.floor(now / 1_000);
  const all: Claims = { ...usual, ...(hasTime(read) ? {} : { iat: at, exp: at + LIFE }) };
  const assumed = Object.entries(all).filter(([name, value]) => value !== undefined && !Object.hasOwn(read, name));
  return { claims: { ...Object.fromEntries(assumed), ...read }, assumed: assumed.map(([name]) => name) };
}
