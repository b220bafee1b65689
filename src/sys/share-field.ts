import { fail } from '../errors.ts';

/** A share comes as hex, or as base64 in any of its alphabets, as `operator init` printed it. Throws `badRequest`. */
export function decodeShare(text: string | undefined): Uint8Array {
  const trimmed = (text ?? '').trim();
  const bytes = /^([0-9a-f]{2})+$/i.test(trimmed) ? Buffer.from(trimmed, 'hex') : Buffer.from(trimmed, 'base64');
  if (bytes.length < 16 || bytes.length > 256) throw fail('badRequest', "'key' must be a valid hex or base64 string");
  return bytes;
}
