/** How two sides are compared without keeping either. */
import { canonicalJson } from '../../lib/canonical-json.ts';
import { sha256Digest } from '../../lib/crypto/hash.ts';

/** SHA-256 over the canonical JSON: for what is no secret. */
export function fingerprint(value: unknown): string {
  const digest = sha256Digest();
  digest.update(canonicalJson(value));
  return digest.hex();
}

export const equal = (one: unknown, other: unknown): boolean => canonicalJson(one) === canonicalJson(other);
