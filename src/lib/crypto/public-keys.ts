/** Public keys in PEM: SubjectPublicKeyInfo, PKCS #1, and the key of a certificate. */
import { createPublicKey, X509Certificate, type KeyObject, type webcrypto } from 'node:crypto';

export type JsonWebKey = webcrypto.JsonWebKey;

const BLOCK = /-----BEGIN ([A-Z0-9 ]{1,40})-----[^-]*-----END \1-----/g;

function keyOf(label: string, pem: string): KeyObject | undefined {
  if (label === 'CERTIFICATE') return new X509Certificate(pem).publicKey;
  // Of a private key Node would give the public half: whoever pastes one should be told.
  return label === 'PUBLIC KEY' || label === 'RSA PUBLIC KEY' ? createPublicKey(pem) : undefined;
}

/** The keys of all blocks, as JWK (RFC 7517); undefined where there is none, or one that is no public key. */
export function publicKeysOfPem(text: string): readonly JsonWebKey[] | undefined {
  const blocks = [...text.matchAll(BLOCK)];
  if (blocks.length === 0 || blocks.length < (text.match(/-----BEGIN /g)?.length ?? 0)) return undefined;
  try {
    const keys = blocks.map(([pem, label = '']) => keyOf(label, pem)?.export({ format: 'jwk' }));
    return keys.every((key) => key !== undefined) ? keys : undefined;
  } catch {
    return undefined;
  }
}
