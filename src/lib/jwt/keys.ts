/** Public keys that tokens are verified by, from a JWKS document (RFC 7517) or PEM. */
import type { CryptoKey, JWK } from 'jose';
import { fail } from '../../errors.ts';
import { publicKeysOfPem } from '../crypto/public-keys.ts';
import { algorithms, sameAlgorithm, suits } from './algorithms.ts';
import { isObject, strictObject } from './strict-json.ts';

/** What a token's header says of its key. */
export interface KeyHint {
  readonly alg: string;
  readonly kid: string | undefined;
}

/** Where keys come from. */
export interface KeySource {
  /** Rejects with `ServerUnavailable` when there are none yet, and none can be had. */
  readonly current: (signal: AbortSignal) => Promise<KeyList>;
  /**
   * Asked when none of `than` fits a token: keys that may have come since; undefined when there are no others. Rejects with
   * `ServerUnavailable` when that cannot be told now.
   */
  readonly newer: (than: KeyList, signal: AbortSignal) => Promise<KeyList | undefined>;
}

/** Bounds of what an issuer may publish; real ones have a few keys of a few hundred bytes. */
export const keyBounds = { documentBytes: 512 * 1024, keys: 200, kid: 1_024, modulus: 1_400, exponent: 8 } as const;

const SMALLEST_MODULUS = 341;

/** Loaded when a token comes: a start without one is some 40 ms faster. */
async function imported(jwk: JWK, algorithm: string): Promise<CryptoKey | undefined> {
  const { importJWK } = await import('jose/key/import');
  const key = await importJWK(jwk, algorithm);
  return key instanceof Uint8Array || key.type !== 'public' ? undefined : key;
}

/** One public key. It is made ready for an algorithm at its first use. */
export class VerificationKey {
  readonly kid: string | undefined;
  readonly #jwk: JWK;
  readonly #ready = new Map<string, Promise<CryptoKey | undefined>>();

  constructor(jwk: JWK) {
    this.kid = jwk.kid;
    this.#jwk = jwk;
  }

  fits({ alg, kid }: KeyHint): boolean {
    // A key without a name may be the one: PEM keys have none.
    if (kid !== undefined && this.kid !== undefined && kid !== this.kid) return false;
    return suits(alg, this.#jwk) && (this.#jwk.alg === undefined || sameAlgorithm(alg, this.#jwk.alg));
  }

  /** undefined: the numbers in it are no key. */
  for(algorithm: string): Promise<CryptoKey | undefined> {
    const known = this.#ready.get(algorithm);
    if (known !== undefined) return known;
    const made = imported({ ...this.#jwk, alg: algorithm }, algorithm).catch(() => undefined);
    this.#ready.set(algorithm, made);
    return made;
  }
}

const isText = (value: unknown, longest: number): value is string =>
  typeof value === 'string' && value !== '' && value.length <= longest;

/** Where the key's own numbers are of a size that can be reckoned with: too large a modulus takes long to use. */
function isSized({ kty, n, e, x, y }: Readonly<Record<string, unknown>>): boolean {
  if (kty === 'RSA')
    return isText(n, keyBounds.modulus) && n.length >= SMALLEST_MODULUS && isText(e, keyBounds.exponent);
  return isText(x, 128) && (kty !== 'EC' || isText(y, 128));
}

function isForSignatures({ use, key_ops: operations, alg, kid }: Readonly<Record<string, unknown>>): boolean {
  if (use !== undefined && use !== 'sig') return false;
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) return false;
  return (alg === undefined || typeof alg === 'string') && (kid === undefined || typeof kid === 'string');
}

/**
 * undefined for what is not for verifying signatures here: other uses, symmetric keys, curves that no algorithm has, numbers
 * out of bounds. Issuers publish such keys beside the others. Of a private key the private half is left behind.
 */
function verificationKey(raw: unknown): VerificationKey | undefined {
  if (!isObject(raw) || !isForSignatures(raw) || !isSized(raw)) return undefined;
  if (!algorithms.some((algorithm) => suits(algorithm, raw))) return undefined;
  const { kty, crv, n, e, x, y, alg, kid } = raw as JWK;
  if (kid !== undefined && kid.length > keyBounds.kid) return undefined;
  const parts = Object.entries({ kty, crv, n, e, x, y, alg, kid }).filter(([, value]) => value !== undefined);
  return new VerificationKey(Object.fromEntries(parts));
}

/** Never changes: who has the same list has the same keys. */
export class KeyList {
  readonly keys: readonly VerificationKey[];

  constructor(keys: readonly VerificationKey[]) {
    this.keys = keys;
  }

  /** In the order in which they are tried: those that bear the name first. */
  candidates(hint: KeyHint): readonly VerificationKey[] {
    const fitting = this.keys.filter((key) => key.fits(hint));
    return [...fitting.filter(({ kid }) => kid !== undefined), ...fitting.filter(({ kid }) => kid === undefined)];
  }
}

/** undefined: no JWKS document, out of bounds, or without a key that could verify a token. */
export function keysOfDocument(text: string): KeyList | undefined {
  const document = strictObject(text, { length: keyBounds.documentBytes });
  const raw = document?.['keys'];
  if (!Array.isArray(raw) || raw.length > keyBounds.keys) return undefined;
  const list = keysOfEntries(raw);
  return list.keys.length === 0 ? undefined : list;
}

/** Of the members of a JWKS document those that could verify a token. */
export function keysOfEntries(raw: readonly unknown[]): KeyList {
  return new KeyList(raw.map(verificationKey).filter((key) => key !== undefined));
}

/** Throws `badRequest` naming the key by its place. */
export function keysOfPems(pems: readonly string[]): KeyList {
  const keys = pems.flatMap((pem, at) => {
    const found = publicKeysOfPem(pem)?.map(verificationKey);
    if (found === undefined || !found.every((key) => key !== undefined)) {
      throw fail(
        'badRequest',
        `public key ${String(at + 1)} is not usable: give PEM of an RSA key from 2048 bits on, an EC key (P-256, P-384, P-521) or an Ed25519 key`,
      );
    }
    return found;
  });
  if (keys.length > keyBounds.keys) throw fail('badRequest', `at most ${String(keyBounds.keys)} public keys`);
  return new KeyList(keys);
}

export function fixedKeys(list: KeyList): KeySource {
  return { current: () => Promise.resolve(list), newer: () => Promise.resolve(undefined) };
}
