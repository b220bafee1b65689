/** How a consumer shows which data it has in place, without sending it. */
import { canonicalJson } from '../canonical-json.ts';
import { hmacSha256, takeKey } from './hash.ts';

/**
 * HMAC-SHA-256 over the canonical JSON of a secret's data, keyed by the ASCII bytes of the stream's nonce: 64 hex digits.
 * A digest of one stream says nothing on another.
 */
export function contentDigest(nonce: string, data: unknown): string {
  return hmacSha256(takeKey(Buffer.from(nonce, 'ascii')), canonicalJson(data)).toString('hex');
}
