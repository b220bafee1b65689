/** `jwkPublicKeyPem`, `jwkPrivateKeyPem` and `rsaDecrypt` of the External Secrets Operator. */
import { pemOfJwk, pkcs8Of, rsaOaepDecrypted } from '../crypto/private-keys.ts';
import { isObject } from '../jwt/strict-json.ts';
import { toText } from './bytes.ts';
import { fn, type FunctionMap } from './function.ts';
import type { Meter } from './meter.ts';
import { blocksOf } from './pem.ts';
import { FunctionError } from './template-error.ts';

/** A key of 16,384 bits has some 13 kB. */
const MOST = 64 * 1024;

export const keyFunctions: FunctionMap = {
  jwkPublicKeyPem: fn(['string'], ([text], meter) => ofJwk(text, 'public', meter)),
  jwkPrivateKeyPem: fn(['string'], ([text], meter) => ofJwk(text, 'private', meter)),
  rsaDecrypt: fn(['string', 'string', 'string', 'string'], ([scheme, hash, data, key], meter) => {
    if (scheme === 'None') return data;
    if (scheme !== 'RSA-OAEP') throw new FunctionError('decryption scheme is not supported: None and RSA-OAEP are');
    const opened = privateKeyOf(key, meter);
    meter.step(decrypting(opened.length));
    const decrypted = rsaOaepDecrypted(opened, HASHES.get(hash) ?? 'sha256', Buffer.from(data, 'latin1'));
    if (decrypted === undefined) throw new FunctionError('error decrypting data with RSA');
    return Buffer.from(decrypted).toString('latin1');
  }),
};

/** In steps, by the bytes of a key: one of 4,096 bits has some 2,400, and takes 3 ms; the time grows with the cube. */
const decrypting = (bytes: number): number => 3_000 * Math.max(1, bytes / 2_400) ** 3;

/** Every other name is SHA-256, as the operator has it. */
const HASHES: ReadonlyMap<string, 'sha1' | 'sha512'> = new Map([
  ['SHA1', 'sha1'],
  ['SHA512', 'sha512'],
]);

function ofJwk(text: string, kind: 'public' | 'private', meter: Meter): string {
  if (text.length > MOST) throw new FunctionError(`a key has at most ${MOST} bytes`);
  meter.make(8 * text.length);
  let jwk: unknown;
  try {
    jwk = JSON.parse(toText(text));
  } catch {
    // Said below: what the parser says repeats the text.
  }
  const found = isObject(jwk) ? pemOfJwk(jwk, kind) : undefined;
  if (found === undefined) throw new FunctionError(`the text is no JWK of a ${kind} key`);
  return found;
}

/** PKCS #8, DER, of the first block. */
export function privateKeyOf(text: string, meter: Meter): Uint8Array {
  const [block] = blocksOf(text.slice(0, MOST), meter).blocks;
  if (block === undefined) throw new FunctionError('failed to decode PEM block');
  const key = pkcs8Of(block.der, block.type);
  if (key === undefined) throw new FunctionError('unable to parse private key type');
  return key;
}
