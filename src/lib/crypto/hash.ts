import { createHash, createHmac, createSecretKey, hash, hkdfSync, timingSafeEqual, type KeyObject } from 'node:crypto';

export type { KeyObject } from 'node:crypto';

/** SHA-256 of the parts, one after the other: 32 bytes. Length-prefix parts whose borders matter. */
export function sha256(...parts: readonly (Uint8Array | string)[]): Buffer {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return hash('sha256', only, 'buffer');
  const digest = createHash('sha256');
  for (const part of parts) digest.update(part);
  return digest.digest();
}

/** SHA-256 of what comes in pieces. */
export interface Digest {
  update(piece: Uint8Array | string): void;
  /** Ends it. */
  hex(): string;
}

export function sha256Digest(): Digest {
  const digest = createHash('sha256');
  return {
    update: (piece) => void digest.update(piece),
    hex: () => digest.digest('hex'),
  };
}

/** SHA-256 of one text, as base64: a fifth of what an HMAC costs. */
export function sha256Base64(text: string): string {
  return hash('sha256', text, 'base64');
}

/** HMAC-SHA-256 (RFC 2104) of the parts, one after the other: 32 bytes. */
export function hmacSha256(key: KeyObject, ...parts: readonly (Uint8Array | string)[]): Buffer {
  const mac = createHmac('sha256', key);
  for (const part of parts) mac.update(part);
  return mac.digest();
}

/** HMAC-SHA-256 of one text, as 64 hexadecimal digits: 2 µs less than by way of bytes. */
export function hmacSha256Hex(key: KeyObject, text: string): string {
  return createHmac('sha256', key).update(text).digest('hex');
}

/** HMAC-SHA-256 of one text, as 43 letters of base64url: for storage keys. */
export function hmacSha256Base64Url(key: KeyObject, text: string): string {
  return createHmac('sha256', key).update(text).digest('base64url');
}

/**
 * Takes key bytes out of the JavaScript heap: a `KeyObject` costs 10 µs less a call than bare bytes, prints nothing, and
 * its memory is wiped when it is freed. `bytes` are copied, then overwritten with zeros.
 */
export function takeKey(bytes: Uint8Array): KeyObject {
  const key = createSecretKey(bytes);
  bytes.fill(0);
  return key;
}

/** HKDF-SHA-256 (RFC 5869): a key of its own for each `info`; `length` bytes, 32 if not given. */
export function deriveKey(
  key: KeyObject,
  info: string,
  salt: Uint8Array = new Uint8Array(0),
  length: number = 32,
): KeyObject {
  return takeKey(new Uint8Array(hkdfSync('sha256', key, salt, info, length)));
}

/**
 * Whether two values are the same bytes (strings as UTF-8), in a time that depends on the length of `given` alone: not
 * on where they differ, and not on `expected`.
 */
export function equalSecret(given: Uint8Array | string, expected: Uint8Array | string): boolean {
  const left = typeof given === 'string' ? Buffer.from(given) : given;
  const right = typeof expected === 'string' ? Buffer.from(expected) : expected;
  if (left.length !== right.length) {
    timingSafeEqual(left, left);
    return false;
  }
  return timingSafeEqual(left, right);
}

/** By Vault's names, in OpenSSL's. */
const ALGORITHMS = {
  'sha2-224': 'sha224',
  'sha2-256': 'sha256',
  'sha2-384': 'sha384',
  'sha2-512': 'sha512',
  'sha3-224': 'sha3-224',
  'sha3-256': 'sha3-256',
  'sha3-384': 'sha3-384',
  'sha3-512': 'sha3-512',
} as const;
export type DigestAlgorithm = keyof typeof ALGORITHMS;
export const digestAlgorithms = Object.keys(ALGORITHMS) as readonly DigestAlgorithm[];

/** FIPS 180-4 and 202. */
export function digest(algorithm: DigestAlgorithm, bytes: Uint8Array): Buffer {
  return hash(ALGORITHMS[algorithm], bytes, 'buffer');
}

/** SHA-1 for what asks for it by name, such as sprig's `sha1sum`: it protects nothing. */
export function sha1Hex(bytes: Uint8Array): string {
  return hash('sha1', bytes, 'hex');
}

/** For formats that ask for it; it protects nothing. */
export function md5Hex(bytes: Uint8Array): string {
  return hash('md5', bytes, 'hex');
}
