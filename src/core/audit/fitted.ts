/** Entries that must go into one datagram. */
import { fail } from '../../errors.ts';
import type { Hasher } from './hasher.ts';

type Fields = Record<string, unknown>;

/**
 * The entry itself where it has at most `most` bytes; else with the data of its request and reply as one hash over their
 * JSON text, `{"*":"hmac-sha256:…"}`. Throws `auditFailed` when that is still too long.
 */
export function fitted(json: string, most: number, hasher: Pick<Hasher, 'hash'>): string {
  if (json.length <= most / 3 || Buffer.byteLength(json) <= most) return json;
  const entry = JSON.parse(json) as Fields;
  for (const part of [entry['response'], entry['request']]) {
    if (!isObject(part) || !isObject(part['data'])) continue;
    part['data'] = { '*': hasher.hash(JSON.stringify(part['data'])) };
    const shorter = JSON.stringify(entry);
    if (Buffer.byteLength(shorter) <= most) return shorter;
  }
  throw fail('auditFailed', `an entry has more than the ${String(most)} bytes that the audit device can take at once`);
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}
