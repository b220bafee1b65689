/** Who issued a certificate, by name and by signature: OpenSSL's verdicts. */
import { hash, verify, X509Certificate, type KeyObject } from 'node:crypto';

export type { X509Certificate } from 'node:crypto';

/** undefined for what is no certificate in DER, or has something behind it. */
export function openCertificate(der: Uint8Array): X509Certificate | undefined {
  try {
    const opened = new X509Certificate(der);
    return opened.raw.equals(der) ? opened : undefined;
  } catch {
    return undefined;
  }
}

const CURVES = new Set(['prime256v1', 'secp384r1', 'secp521r1']);
/** With more, verifying takes time that strangers could ask for. */
const RSA_BITS = { least: 2048, most: 8192 } as const;

const isBetween = (bits: number): boolean => bits >= RSA_BITS.least && bits <= RSA_BITS.most;

/** Whether signatures of this key count. */
export function isStrongKey({ asymmetricKeyType: type, asymmetricKeyDetails: details = {} }: KeyObject): boolean {
  if (type === 'ed25519') return true;
  if (type === 'ec') return CURVES.has(details.namedCurve ?? '');
  return (type === 'rsa' || type === 'rsa-pss') && isBetween(details.modulusLength ?? 0);
}

/** By names, key identifiers and key usage; nothing is said of the signature. */
export function namesIssuer(subject: X509Certificate, issuer: X509Certificate): boolean {
  return subject.checkIssued(issuer);
}

export function isSignedBy(subject: X509Certificate, issuer: X509Certificate): boolean {
  try {
    const key = issuer.publicKey;
    return isStrongKey(key) && subject.verify(key);
  } catch {
    return false;
  }
}

/** RFC 5758, RFC 8017, RFC 8410, by OID: what lists of revocations and OCSP answers are signed with. */
const HASHES: Readonly<Record<string, string | null>> = {
  '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
  '1.2.840.10045.4.3.2': 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
  '1.3.101.112': null,
};

export interface Signed {
  /** Of the signature. */
  readonly algorithm: string;
  readonly data: Uint8Array;
  readonly signature: Uint8Array;
}

/** Whether the holder of the certificate has signed that; not for algorithms that are weak or not known here. */
export function hasSigned(signer: X509Certificate, { algorithm, data, signature }: Signed): boolean {
  const hashed = HASHES[algorithm];
  if (hashed === undefined) return false;
  try {
    const key = signer.publicKey;
    return isStrongKey(key) && verify(hashed, data, key, signature);
  } catch {
    return false;
  }
}

/** By which OCSP names issuers (RFC 6960, section 4.1.1): a name, which nothing rests on. */
export const nameSha1 = (bytes: Uint8Array): Buffer => hash('sha1', bytes, 'buffer');
