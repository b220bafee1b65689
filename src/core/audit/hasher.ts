/** The keyed hash of one device: what `sys/audit-hash` answers, and what stands in its log for a secret. */
import { BoundedMap } from '../../lib/bounded-map.ts';
import { hmacSha256Hex, type KeyObject } from '../../lib/crypto/hash.ts';

/** The empty text, and times as KV shows them: every reply with a version has them, and they are no secrets. */
const common = /^(?:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)?$/;
const LONGEST = 24;
const LONGEST_NAME = 256;
/** Hashes of each kind that are kept; one more, and they start anew. */
const MOST = 4_096;

export class Hasher {
  readonly #key: KeyObject;
  readonly #common = new BoundedMap<string, string>(MOST);
  readonly #names = new BoundedMap<string, string>(MOST);

  /** `key`: 32 random bytes that belong to this device alone. */
  constructor(key: KeyObject) {
    this.#key = key;
  }

  /** `hmac-sha256:` and 64 hexadecimal digits. */
  hash(text: string): string {
    return text.length <= LONGEST && common.test(text) ? this.#kept(this.#common, text) : this.#hmac(text);
  }

  /** The same, of a name that a list shows: whoever lists asks for the same ones again, and none of them is a secret. */
  hashName(text: string): string {
    return text.length <= LONGEST_NAME ? this.#kept(this.#names, text) : this.#hmac(text);
  }

  #kept(kept: Map<string, string>, text: string): string {
    const known = kept.get(text);
    if (known !== undefined) return known;
    const made = this.#hmac(text);
    kept.set(text, made);
    return made;
  }

  #hmac(text: string): string {
    return `hmac-sha256:${hmacSha256Hex(this.#key, text)}`;
  }
}
