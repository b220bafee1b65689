/**
 * A record as it lies on disk: format version (1 byte), key term (4 bytes, big endian), nonce (12), ciphertext, tag (16).
 *
 * The associated data are the format version, the term and the key's length and bytes. The key is complete, from its
 * class and namespace id to the mount's UUID and the name within the mount, and `/` ends each part, so binding the whole
 * key binds the namespace and the mount: no two places share one key. With version and term of fixed width and the key
 * length-prefixed, no two triples have the same associated data, so a record that is moved, replayed under another key
 * or relabelled with another term does not decrypt.
 */
import { fail } from '../errors.ts';
import { decryptGcm, encryptGcm, GCM_OVERHEAD } from '../lib/crypto/aes-gcm.ts';
import { MAX_KEY_BYTES } from '../storage/store.ts';
import type { Keyring, Term } from './keyring.ts';

export const RECORD_FORMAT = 1;
const HEADER_BYTES = 5;
/** What encryption adds to a value. */
export const RECORD_OVERHEAD = HEADER_BYTES + GCM_OVERHEAD;

const AAD_PREFIX = HEADER_BYTES + 2;
// One scratch buffer serves every call: OpenSSL copies the associated data before the call returns. Four spare bytes,
// so that a key that is too long shows as such instead of being cut at the limit.
const scratch = Buffer.alloc(AAD_PREFIX + MAX_KEY_BYTES + 4);
scratch.writeUInt8(RECORD_FORMAT, 0);

function associated(key: string, term: number): Uint8Array {
  const length = scratch.write(key, AAD_PREFIX);
  if (length > MAX_KEY_BYTES) throw fail('keyTooLong', `a key is longer than ${MAX_KEY_BYTES} bytes`);
  scratch.writeUInt32BE(term, 1);
  scratch.writeUInt16BE(length, HEADER_BYTES);
  return scratch.subarray(0, AAD_PREFIX + length);
}

/** What turns values into records and back. `checkLive` throws `sealed` once the keys are gone. */
export interface RecordCipher {
  checkLive(): void;
  encrypt(key: string, value: Uint8Array): Uint8Array;
  decrypt(key: string, record: Uint8Array): Uint8Array;
}

export function encryptRecord(term: Term, key: string, value: Uint8Array): Uint8Array {
  const record = encryptGcm(term.key, value, associated(key, term.number), HEADER_BYTES);
  record.writeUInt8(RECORD_FORMAT, 0);
  record.writeUInt32BE(term.number, 1);
  return record;
}

/** The value, in memory of its own. Throws `formatVersion` or `corrupt`, naming the key. */
export function decryptRecord(keyring: Keyring, key: string, record: Uint8Array): Uint8Array {
  const [version, a, b, c, d] = record;
  if (version !== RECORD_FORMAT) {
    const found = version ?? 'none';
    throw fail('formatVersion', `the record ${key} has format version ${found}, this release reads ${RECORD_FORMAT}`);
  }
  if (record.length < RECORD_OVERHEAD || a === undefined || b === undefined || c === undefined || d === undefined) {
    throw fail('corrupt', `the record ${key} is damaged: it is too short`);
  }
  const number = ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
  const term = keyring.term(number);
  if (term === undefined) {
    throw fail('corrupt', `the record ${key} is damaged, or under key term ${number}, which the keyring does not hold`);
  }
  const value = decryptGcm(term.key, record, associated(key, number), HEADER_BYTES);
  if (value === undefined) throw fail('corrupt', `the record ${key} is damaged or does not belong there`);
  return value;
}
