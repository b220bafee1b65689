/**
 * `seal/restored`: stands in a store that a snapshot was restored into, from the moment it is there until the first
 * opening has ended what must not come back. In clear, since a restore under other keys writes it without having them.
 */
import { fail } from '../errors.ts';
import { decodeRecord } from '../lib/record.ts';

export const RESTORED_KEY = 'seal/restored';
const FORMAT = 1;

export interface Restored {
  /** Whether tokens, secret-ids and wrapped responses of the snapshot go on working. */
  readonly keepCredentials: boolean;
  /** The moment that it is of. */
  readonly from: { readonly epoch: string; readonly sequence: number };
}

export function encodeRestored(restored: Restored): Uint8Array {
  return Buffer.from(JSON.stringify({ version: FORMAT, ...restored }));
}

export function decodeRestored(stored: Uint8Array): Restored {
  const { version, keepCredentials, from } = decodeRecord<Restored & { readonly version: number }>(
    stored,
    RESTORED_KEY,
  );
  if (version !== FORMAT) {
    throw fail('formatVersion', `${RESTORED_KEY} has format version ${String(version)}, this release reads ${FORMAT}`);
  }
  return { keepCredentials, from };
}
