/**
 * A key under a service that encrypts small texts: a random key encrypts it here, the service encrypts that one. So what is
 * stored is bound to all of its bytes, whatever the service's own format lets pass.
 *
 * Format version, length and bytes of what the service gave, then the key (AES-256-GCM; all before is associated data).
 */
import type { KeyObject } from 'node:crypto';

import { fail } from '../errors.ts';
import { decryptGcm, encryptGcm } from '../lib/crypto/aes-gcm.ts';
import { takeKey } from '../lib/crypto/hash.ts';
import { KEY_BYTES, newKey } from './keyring.ts';

const FORMAT = 1;
const HEADER_BYTES = 3;

/** `kind` names the seal. `encrypt` gives the service's text for 32 bytes, which it may wipe. */
export async function wrapBy(
  kind: string,
  key: KeyObject,
  encrypt: (clear: Buffer) => Promise<string>,
): Promise<Uint8Array> {
  const between = newKey();
  const text = Buffer.from(await encrypt(between.export()));
  const header = Buffer.alloc(HEADER_BYTES + text.length);
  header.writeUInt8(FORMAT, 0);
  header.writeUInt16BE(text.length, 1);
  header.set(text, HEADER_BYTES);
  const clear = key.export();
  const wrapped = encryptGcm(between, clear, associated(kind, header), header.length);
  clear.fill(0);
  wrapped.set(header);
  return wrapped;
}

/** Throws `corrupt`, or what `decrypt` throws. */
export async function unwrapBy(
  kind: string,
  wrapped: Uint8Array,
  decrypt: (text: string) => Promise<Uint8Array>,
): Promise<KeyObject> {
  const text = serviceText(kind, wrapped);
  const start = HEADER_BYTES + Buffer.byteLength(text, 'latin1');
  const bytes = await decrypt(text);
  if (bytes.length !== KEY_BYTES) throw damaged(kind);
  const clear = decryptGcm(takeKey(bytes), wrapped, associated(kind, wrapped.subarray(0, start)), start);
  if (clear?.length !== KEY_BYTES) throw damaged(kind);
  return takeKey(clear);
}

/** What the service gave. Throws `formatVersion` or `corrupt`. */
export function serviceText(kind: string, wrapped: Uint8Array): string {
  const [format, high = 0, low = 0] = wrapped;
  if (format !== FORMAT) {
    throw fail('formatVersion', `seal "${kind}": the wrapped key has format ${format ?? 'none'}, known is ${FORMAT}`);
  }
  const length = (high << 8) | low;
  if (wrapped.length <= HEADER_BYTES + length) throw damaged(kind);
  return Buffer.from(wrapped.subarray(HEADER_BYTES, HEADER_BYTES + length)).toString('latin1');
}

function associated(kind: string, header: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(`lockstep ${kind} seal`), header]);
}

function damaged(kind: string): Error {
  return fail('corrupt', `seal "${kind}": the stored unseal key is damaged: restore seal/root from a backup`);
}
