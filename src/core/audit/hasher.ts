/** The keyed hash of one device: what `sys/audit-hash` answers, and what stands in its log for a secret. */
import { hmacSha256Hex, type KeyObject } from '../../lib/crypto/hash.ts';

/** The empty text, and times as KV shows them: every reply with a version has them, and they are no secrets. */
const common = /^(?:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)?$/;
const LONGEST = 24;
/** Hashes that are kept; one more, and they start anew. */
const MOST = 4_096;

export class Hasher {
  readonly #key: KeyObject;
  readonly #common = new Map<string, string>();

  /** `key`: 32 random bytes that belong to this device alone. */
  constructor(key: KeyObject) {
    this.#key = key;
  }

  /** `hmac-sha256:` and 64 hexadecimal digits. */
  hash(text: string): string {
    return text.length <= LONGEST && common.test(text) ? this.#kept(text) : this.#hmac(text);
  }

  #kept(text: string): string {
    const known = this.#common.get(text);
    if (known !== undefined) return known;
    if (this.#common.size >= MOST) this.#common.clear();
    const made = this.#hmac(text);
    this.#common.set(text, made);
    return made;
  }

  #hmac(text: string): string {
    return `hmac-sha256:${hmacSha256Hex(this.#key, text)}`;
  }
}
