/** Key pairs for signatures of tokens (RFC 7518, 8037). */
import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import type { JsonWebKey } from './public-keys.ts';

const generate = promisify(generateKeyPair);

export interface SigningPair {
  /** Without `kid`, `use` and `alg`. */
  readonly publicKey: JsonWebKey;
  /** PKCS #8, DER. */
  readonly privateKey: Uint8Array;
}

const CURVES: Readonly<Record<string, string>> = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' };

/** NIST SP 800-57: 112 bits of security. Tokens live for hours. */
const RSA_BITS = 2_048;

async function newPrivateKey(algorithm: string): Promise<KeyObject> {
  const curve = CURVES[algorithm];
  if (curve !== undefined) return (await generate('ec', { namedCurve: curve })).privateKey;
  if (algorithm === 'EdDSA') return (await generate('ed25519')).privateKey;
  return (await generate('rsa', { modulusLength: RSA_BITS })).privateKey;
}

/** For one of RS256 … RS512, ES256 … ES512, EdDSA (Ed25519). */
export async function newSigningPair(algorithm: string): Promise<SigningPair> {
  const key = await newPrivateKey(algorithm);
  return {
    publicKey: createPublicKey(key).export({ format: 'jwk' }),
    privateKey: key.export({ type: 'pkcs8', format: 'der' }),
  };
}

/** From PKCS #8, DER: out of the JavaScript heap from here on. */
export const signingKey = (pkcs8: Uint8Array): KeyObject =>
  createPrivateKey({ key: Buffer.from(pkcs8), type: 'pkcs8', format: 'der' });
