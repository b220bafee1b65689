/** The keyed hash of one device: what `sys/audit-hash` answers, and what stands in its log for a secret. */
import { hmacSha256Hex, type KeyObject } from '../../lib/crypto/hash.ts';
import type { AuditedAuth } from './entry.ts';

interface TokenHashes {
  readonly clientToken: string;
  readonly accessor: string;
}

export class Hasher {
  readonly #key: KeyObject;
  /** Of the empty text: every reply of a KV version has one. */
  #empty: string | undefined;
  /** By the token's own object, which the token cache lets go: nothing here keeps a token in memory. */
  readonly #tokens = new WeakMap<object, TokenHashes>();

  /** `key`: 32 random bytes that belong to this device alone. */
  constructor(key: KeyObject) {
    this.#key = key;
  }

  /** `hmac-sha256:` and 64 hexadecimal digits. */
  hash(text: string): string {
    if (text === '') return (this.#empty ??= this.#hmac(''));
    return this.#hmac(text);
  }

  /** The hashes of a token and its accessor, made once for each `identity`; '' where there is none. */
  token({ identity, clientToken, accessor }: Pick<AuditedAuth, 'identity' | 'clientToken' | 'accessor'>): TokenHashes {
    // Without the token itself there is no pair to keep: the next entry may have it.
    const kept = clientToken === undefined || clientToken === '' ? undefined : identity;
    const known = kept === undefined ? undefined : this.#tokens.get(kept);
    if (known !== undefined) return known;
    const made = { clientToken: this.#optional(clientToken), accessor: this.#optional(accessor) };
    if (kept !== undefined) this.#tokens.set(kept, made);
    return made;
  }

  #hmac(text: string): string {
    return `hmac-sha256:${hmacSha256Hex(this.#key, text)}`;
  }

  #optional(text: string | undefined): string {
    return text === undefined || text === '' ? '' : this.hash(text);
  }
}
