/** The keyed hash of one device: what `sys/audit-hash` answers, and what stands in its log for a secret. */
import { hmacSha256Hex, type KeyObject } from '../../lib/crypto/hash.ts';

export class Hasher {
  readonly #key: KeyObject;
  /** Of the empty text: every reply of a KV version has one. */
  #empty: string | undefined;

  /** `key`: 32 random bytes that belong to this device alone. */
  constructor(key: KeyObject) {
    this.#key = key;
  }

  /** `hmac-sha256:` and 64 hexadecimal digits. */
  hash(text: string): string {
    if (text === '') return (this.#empty ??= this.#hmac(''));
    return this.#hmac(text);
  }

  #hmac(text: string): string {
    return `hmac-sha256:${hmacSha256Hex(this.#key, text)}`;
  }
}
