/** Splitting a key among people, by Shamir's secret sharing over GF(2^8). The library is audited; see its README. */
import { combine, split } from 'shamir-secret-sharing';

import { fail } from '../../errors.ts';
import { pinnedCopy } from '../../lib/crypto/pinned.ts';
import { KEY_BYTES } from '../keyring.ts';

export interface Split {
  readonly shares: number;
  readonly threshold: number;
}

export const DEFAULT_SPLIT: Split = { shares: 5, threshold: 3 };

/** Throws `badRequest`. `name` is how the request calls them: `secret` or `recovery`. */
export function checkSplit({ shares, threshold }: Split, name: string): void {
  const wrong = (what: string) => fail('badRequest', `invalid ${name}_shares and ${name}_threshold: ${what}`);
  if (!Number.isInteger(shares) || shares < 1 || shares > 255) throw wrong('shares must be 1 to 255');
  if (!Number.isInteger(threshold) || threshold < 1 || threshold > 255) throw wrong('threshold must be 1 to 255');
  if (threshold > shares) throw wrong('the threshold cannot be larger than the number of shares');
  if (shares > 1 && threshold === 1) throw wrong('more than one share needs a threshold of at least 2');
}

/** A share is as long as the key and one byte for its coordinate; a single share is the key itself. */
export function shareBytes({ shares }: Split): number {
  return shares === 1 ? KEY_BYTES : KEY_BYTES + 1;
}

/** `into.shares` shares of `key`. The caller wipes `key` and the shares. */
export async function splitKey(key: Uint8Array, into: Split): Promise<readonly Uint8Array[]> {
  if (into.shares === 1) return [pinnedCopy(key)];
  // The library takes plain Uint8Arrays alone, no Buffer.
  const plain = pinnedCopy(key);
  try {
    return await split(plain, into.shares, into.threshold);
  } finally {
    plain.fill(0);
  }
}

/**
 * The key that the shares give, right or wrong: nothing in a share tells. undefined when they cannot belong together
 * (two with one coordinate, or a coordinate of zero, where the polynomial has the key itself).
 */
export async function combineShares(shares: readonly Uint8Array[], from: Split): Promise<Uint8Array | undefined> {
  if (shares.length !== from.threshold || shares.some((share) => share.length !== shareBytes(from))) return undefined;
  const [only] = shares;
  if (from.shares === 1 && only !== undefined) return pinnedCopy(only);
  const coordinates = new Set(shares.map((share) => share[KEY_BYTES]));
  if (coordinates.size !== shares.length || coordinates.has(0)) return undefined;
  const plain = shares.map(pinnedCopy);
  try {
    return await combine(plain);
  } finally {
    for (const share of plain) share.fill(0);
  }
}
