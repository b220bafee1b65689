/**
 * One layout for a key under another key, beside what leads to that one: format version, length and bytes of the head,
 * then the key (AES-256-GCM; the context and all that stands before are associated data). `seal/root` has it, and what a
 * seal wraps by a service that encrypts small texts: a random key encrypts here, the service encrypts that one. So what
 * is stored is bound to all of its bytes, whatever the service's own format lets pass.
 */
import type { KeyObject } from 'node:crypto';

import { fail } from '../errors.ts';
import { decryptGcm, encryptGcm, GCM_OVERHEAD } from '../lib/crypto/aes-gcm.ts';
import { takeKey } from '../lib/crypto/hash.ts';
import { KEY_BYTES, newKey } from './keyring.ts';

const FORMAT = 1;
const HEADER_BYTES = 3;
const NO_HEAD = new Uint8Array(0);

export interface EnvelopeParts {
  readonly format: number;
  /** What leads to the key that opens it. */
  readonly head?: Uint8Array;
  /** What it belongs to. */
  readonly context: Uint8Array;
}

/** `clear` under `key`. */
export function encryptEnvelope(
  key: KeyObject,
  clear: KeyObject,
  { format, head = NO_HEAD, context }: EnvelopeParts,
): Uint8Array {
  const header = Buffer.alloc(HEADER_BYTES + head.length);
  header.writeUInt8(format, 0);
  header.writeUInt16BE(head.length, 1);
  header.set(head, HEADER_BYTES);
  const bytes = clear.export();
  const stored = encryptGcm(key, bytes, Buffer.concat([context, header]), header.length);
  bytes.fill(0);
  stored.set(header);
  return stored;
}

/** undefined when key, context and bytes do not belong together. */
export function decryptEnvelope(key: KeyObject, stored: Uint8Array, context: Uint8Array): KeyObject | undefined {
  const start = HEADER_BYTES + (envelopeHead(stored)?.length ?? 0);
  const clear = decryptGcm(key, stored, Buffer.concat([context, stored.subarray(0, start)]), start);
  return clear?.length === KEY_BYTES ? takeKey(clear) : undefined;
}

/** undefined when the bytes are no such envelope, whatever their format version. */
export function envelopeHead(stored: Uint8Array): Uint8Array | undefined {
  const [, high = 0, low = 0] = stored;
  const length = (high << 8) | low;
  if (stored.length !== HEADER_BYTES + length + GCM_OVERHEAD + KEY_BYTES) return undefined;
  return stored.subarray(HEADER_BYTES, HEADER_BYTES + length);
}

/** `kind` names the seal. `encrypt` gives the service's text for 32 bytes, which it may wipe. */
export async function wrapBy(
  kind: string,
  key: KeyObject,
  encrypt: (clear: Buffer) => Promise<string>,
): Promise<Uint8Array> {
  const between = newKey();
  const head = Buffer.from(await encrypt(between.export()));
  return encryptEnvelope(between, key, { format: FORMAT, head, context: contextOf(kind) });
}

/** Throws `corrupt`, or what `decrypt` throws. */
export async function unwrapBy(
  kind: string,
  wrapped: Uint8Array,
  decrypt: (text: string) => Promise<Uint8Array>,
): Promise<KeyObject> {
  const bytes = await decrypt(serviceText(kind, wrapped));
  if (bytes.length !== KEY_BYTES) throw damaged(kind);
  const key = decryptEnvelope(takeKey(bytes), wrapped, contextOf(kind));
  if (key === undefined) throw damaged(kind);
  return key;
}

/** What the service gave. Throws `formatVersion` or `corrupt`. */
export function serviceText(kind: string, wrapped: Uint8Array): string {
  const [format] = wrapped;
  if (format !== FORMAT) {
    throw fail('formatVersion', `seal "${kind}": the wrapped key has format ${format ?? 'none'}, known is ${FORMAT}`);
  }
  const head = envelopeHead(wrapped);
  if (head === undefined) throw damaged(kind);
  return Buffer.from(head).toString('latin1');
}

const contextOf = (kind: string): Uint8Array => Buffer.from(`lockstep ${kind} seal`);

function damaged(kind: string): Error {
  return fail('corrupt', `seal "${kind}": the stored unseal key is damaged: restore seal/wrapped from a backup`);
}
