/**
 * The barrier's keys, one a term. Rotation adds a term; records under old terms stay readable. A keyring is immutable,
 * and leaves the process only encrypted by the root key.
 */
import { generateKeySync, type KeyObject } from 'node:crypto';

import { fail } from '../errors.ts';
import { decryptGcm, encryptGcm } from '../lib/crypto/aes-gcm.ts';
import { takeKey } from '../lib/crypto/hash.ts';
import { pinned } from '../lib/crypto/pinned.ts';

export const KEY_BYTES = 32;
export const KEYRING_KEY = 'seal/keyring';

/** With random 96-bit nonces a key is good for 2^32 encryptions (NIST SP 800-38D, 8.3); refused beyond. */
export const MAX_ENCRYPTIONS = 2 ** 32;
/** 90 % of it: the rotation is due, with room for writes that are under way. */
export const ROTATE_AFTER = Math.floor(MAX_ENCRYPTIONS * 0.9);

const FORMAT = 1;
const TERM_BYTES = 4 + 8 + 8 + KEY_BYTES;
const MAX_TERM = 2 ** 32 - 1;

export interface Term {
  /** From 1, without gaps. */
  readonly number: number;
  readonly key: KeyObject;
  /** Wall-clock milliseconds. */
  readonly installTime: number;
  /** How many encryptions were made or set aside under this key: an upper bound, never too low. */
  readonly encryptions: number;
}

/** A random key that was never in JavaScript's memory. */
export function newKey(): KeyObject {
  return generateKeySync('aes', { length: KEY_BYTES * 8 });
}

export class Keyring {
  /** The newest term: what is written is encrypted under it. */
  readonly active: Term;
  readonly #terms: ReadonlyMap<number, Term>;

  private constructor(terms: ReadonlyMap<number, Term>, active: Term) {
    this.#terms = terms;
    this.active = active;
  }

  /** A keyring with a new random key as term 1. */
  static create(now: number): Keyring {
    const first: Term = { number: 1, key: newKey(), installTime: now, encryptions: 0 };
    return new Keyring(new Map([[1, first]]), first);
  }

  get size(): number {
    return this.#terms.size;
  }

  term(number: number): Term | undefined {
    return this.#terms.get(number);
  }

  /** This keyring with a new random key as its next, active term. */
  rotated(now: number): Keyring {
    const number = this.active.number + 1;
    if (number > MAX_TERM) throw fail('internal', 'the keyring holds as many terms as its format can number');
    const next: Term = { number, key: newKey(), installTime: now, encryptions: 0 };
    return new Keyring(new Map([...this.#terms, [number, next]]), next);
  }

  /** This keyring with `encryptions` more counted under a term. */
  counted(number: number, encryptions: number): Keyring {
    const term = this.#terms.get(number);
    if (term === undefined) throw fail('corrupt', `${KEYRING_KEY} does not hold key term ${number}`);
    const grown: Term = { ...term, encryptions: term.encryptions + encryptions };
    return new Keyring(new Map([...this.#terms, [number, grown]]), number === this.active.number ? grown : this.active);
  }

  /** Format version, nonce, ciphertext and tag. The clear form is wiped. */
  encrypt(root: KeyObject): Buffer {
    const clear = Buffer.from(pinned(this.#terms.size * TERM_BYTES).buffer);
    let at = 0;
    for (const term of this.#terms.values()) {
      clear.writeUInt32BE(term.number, at);
      clear.writeBigUInt64BE(BigInt(term.installTime), at + 4);
      clear.writeBigUInt64BE(BigInt(term.encryptions), at + 12);
      const key = term.key.export();
      clear.set(key, at + 20);
      key.fill(0);
      at += TERM_BYTES;
    }
    const stored = encryptGcm(root, clear, associated(), 1);
    clear.fill(0);
    stored.writeUInt8(FORMAT, 0);
    return stored;
  }

  /** Throws `formatVersion`, or `corrupt` when the bytes are damaged or belong to another root key. */
  static decrypt(root: KeyObject, stored: Uint8Array | undefined): Keyring {
    if (stored === undefined) throw fail('corrupt', `${KEYRING_KEY} is missing: restore it from a backup`);
    const version = stored[0];
    if (version !== FORMAT) {
      throw fail(
        'formatVersion',
        `${KEYRING_KEY} has format version ${version ?? 'none'}, this release reads ${FORMAT}`,
      );
    }
    const clear = decryptGcm(root, stored, associated(), 1);
    if (clear === undefined) {
      throw fail('corrupt', `${KEYRING_KEY} is damaged or belongs to another root key: restore it from a backup`);
    }
    try {
      return Keyring.#parse(clear);
    } finally {
      clear.fill(0);
    }
  }

  static #parse(clear: Buffer): Keyring {
    const terms = new Map<number, Term>();
    let active: Term | undefined;
    for (let at = 0; at + TERM_BYTES <= clear.length; at += TERM_BYTES) {
      active = {
        number: clear.readUInt32BE(at),
        installTime: Number(clear.readBigUInt64BE(at + 4)),
        encryptions: Number(clear.readBigUInt64BE(at + 12)),
        key: takeKey(clear.subarray(at + 20, at + TERM_BYTES)),
      };
      terms.set(active.number, active);
    }
    if (active === undefined || clear.length % TERM_BYTES !== 0) {
      throw fail('corrupt', `${KEYRING_KEY} holds no whole number of terms`);
    }
    return new Keyring(terms, active);
  }
}

function associated(): Uint8Array {
  return Buffer.from(`lockstep ${KEYRING_KEY} ${FORMAT}`);
}
