/**
 * Entries of a device that hashes nothing (`log_raw`) hold secrets. Its operator asked for them elsewhere, not on this
 * disk: in the spool they are encrypted, under keys derived from the device's own, which lies behind the seal.
 */
import { decryptGcm, encryptGcm } from '../../../lib/crypto/aes-gcm.ts';
import { deriveKey, type KeyObject } from '../../../lib/crypto/hash.ts';
import { randomBytes } from '../../../lib/crypto/random.ts';

export interface SpoolCipher {
  /** One line from one, each with its newline. */
  readonly seal: (line: string) => string;
  /** undefined for a line that another key sealed, or that was changed. A line that was not sealed is given as it is. */
  readonly open: (line: Buffer) => Buffer | undefined;
}

const MARK = 0x21;
const SALT_BYTES = 16;
const INFO = 'lockstep audit spool';
/** Entries under one key; with random nonces 2^32 would be too many. */
const MOST = 2 ** 24;
const none = new Uint8Array(0);

export function spoolCipher(device: KeyObject): SpoolCipher {
  let salt: Buffer = Buffer.alloc(0);
  let key: KeyObject | undefined;
  let count = 0;
  let opening: { readonly salt: Buffer; readonly key: KeyObject } | undefined;
  return {
    seal: (line) => {
      if (key === undefined || count >= MOST) {
        salt = Buffer.from(randomBytes(SALT_BYTES));
        key = deriveKey(device, INFO, salt);
        count = 0;
      }
      count += 1;
      const sealed = encryptGcm(key, Buffer.from(line), none, SALT_BYTES);
      sealed.set(salt);
      return `!${sealed.toString('base64')}\n`;
    },
    open: (line) => {
      if (line[0] !== MARK) return line;
      const sealed = Buffer.from(line.toString('latin1', 1, line.length - 1), 'base64');
      const from = sealed.subarray(0, SALT_BYTES);
      if (opening?.salt.equals(from) !== true) opening = { salt: from, key: deriveKey(device, INFO, from) };
      return decryptGcm(opening.key, sealed, none, SALT_BYTES);
    },
  };
}
