import { createCipheriv, createDecipheriv, randomFillSync, type KeyObject } from 'node:crypto';

export const NONCE_BYTES = 12;
export const TAG_BYTES = 16;
/** What encryption adds to a plaintext. */
export const GCM_OVERHEAD = NONCE_BYTES + TAG_BYTES;

const OPTIONS = { authTagLength: TAG_BYTES } as const;

// A nonce need not be secret, only never used twice under one key; filling many at once saves 3 µs a call.
const nonces = Buffer.alloc(NONCE_BYTES * 256);
let used = nonces.length;

/** The same bytes, as `subarray` gives them: of a Buffer that takes four times as long, since it makes a Buffer. */
function part(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start);
}

function nextNonce(): Uint8Array {
  if (used === nonces.length) {
    randomFillSync(nonces);
    used = 0;
  }
  const nonce = part(nonces, used, used + NONCE_BYTES);
  used += NONCE_BYTES;
  return nonce;
}

/**
 * AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce, so at most 2^32 calls a key: whoever holds the key counts.
 * Gives `header` bytes left free for the caller, then nonce, ciphertext and 128-bit tag. The header is not authenticated
 * unless `aad` covers it.
 */
export function encryptGcm(key: KeyObject, plaintext: Uint8Array, aad: Uint8Array, header: number = 0): Buffer {
  return encryptGcmWith({ key, nonce: nextNonce() }, plaintext, aad, header);
}

/** `encryptGcm` under a given nonce; for published vectors. */
export function encryptGcmWith(
  { key, nonce }: { readonly key: KeyObject; readonly nonce: Uint8Array },
  plaintext: Uint8Array,
  aad: Uint8Array,
  header: number = 0,
): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, nonce, OPTIONS);
  cipher.setAAD(aad);
  const text = cipher.update(plaintext);
  cipher.final();
  const sealed = Buffer.allocUnsafe(header + GCM_OVERHEAD + text.length);
  sealed.fill(0, 0, header);
  sealed.set(nonce, header);
  sealed.set(text, header + NONCE_BYTES);
  sealed.set(cipher.getAuthTag(), header + NONCE_BYTES + text.length);
  return sealed;
}

/** The plaintext, in memory of its own; undefined when key, `aad` and bytes do not belong together. */
export function decryptGcm(
  key: KeyObject,
  sealed: Uint8Array,
  aad: Uint8Array,
  header: number = 0,
): Buffer | undefined {
  const end = sealed.length - TAG_BYTES;
  const start = header + NONCE_BYTES;
  if (end < start) return undefined;
  const decipher = createDecipheriv('aes-256-gcm', key, part(sealed, header, start), OPTIONS);
  decipher.setAAD(aad);
  decipher.setAuthTag(part(sealed, end, sealed.length));
  const plaintext = decipher.update(part(sealed, start, end));
  try {
    decipher.final();
  } catch {
    plaintext.fill(0);
    return undefined;
  }
  return plaintext;
}
