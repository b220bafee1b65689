/**
 * X.509 (RFC 5280) for the cluster: an authority, the certificates it issues, and signing requests (RFC 2986). P-256 keys
 * and SHA-256, as every TLS peer has them. Import lazily: the library takes a while to load.
 */
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  webcrypto,
  X509Certificate,
} from 'node:crypto';
import { sha256 } from './hash.ts';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
x509.cryptoProvider.set(webcrypto);

/** PEM texts; the key is PKCS #8. */
export interface Certified {
  readonly certificate: string;
  readonly key: string;
}

export interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

export interface Issuing extends Validity {
  readonly authority: Certified;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
  readonly commonName: string;
  /** `server` certificates need the names they are reached by. */
  readonly usage: 'server' | 'client';
  readonly names?: readonly string[];
}

/** A new private key, PKCS #8 PEM. */
export function newPrivateKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey.export({ type: 'pkcs8', format: 'pem' });
}

/** SubjectPublicKeyInfo of a private key, DER. */
export function publicKeyOf(key: string): Uint8Array {
  return createPublicKey(createPrivateKey(key)).export({ type: 'spki', format: 'der' });
}

async function signingKeys(key: string): Promise<CryptoKeyPair> {
  const pkcs8 = createPrivateKey(key).export({ type: 'pkcs8', format: 'der' });
  const [privateKey, publicKey] = await Promise.all([
    webcrypto.subtle.importKey('pkcs8', new Uint8Array(pkcs8), ALGORITHM, false, ['sign']),
    webcrypto.subtle.importKey('spki', new Uint8Array(publicKeyOf(key)), ALGORITHM, true, ['verify']),
  ]);
  return { privateKey, publicKey };
}

const newSerial = (): string => {
  const bytes = randomBytes(16);
  // Positive, and never shorter: the first bit is clear, the second set (RFC 5280, section 4.1.2.2).
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString('hex');
};

/** With the closing line end that lets PEM texts be put one after the other. */
const pemOf = (certificate: x509.X509Certificate): string => `${certificate.toString('pem')}\n`;

export async function createAuthority(commonName: string, validity: Validity): Promise<Certified> {
  const key = newPrivateKey();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    name: [{ CN: [commonName] }],
    ...validity,
    signingAlgorithm: ALGORITHM,
    keys: await signingKeys(key),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ],
  });
  return { certificate: pemOf(certificate), key };
}

const isAddress = (name: string): boolean => /^[\d.]+$/.test(name) || name.includes(':');

/** The certificate, PEM. Nothing of a request but the public key goes in. */
export async function issueCertificate(issuing: Issuing): Promise<string> {
  const { authority, publicKey, commonName, usage, names = [], notBefore, notAfter } = issuing;
  const issuer = new x509.X509Certificate(authority.certificate);
  const { privateKey } = await signingKeys(authority.key);
  const alternatives = names.map((value) => ({ type: isAddress(value) ? ('ip' as const) : ('dns' as const), value }));
  const extendedUsage = usage === 'server' ? x509.ExtendedKeyUsage.serverAuth : x509.ExtendedKeyUsage.clientAuth;
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject: [{ CN: [commonName] }],
    issuer: issuer.subjectName,
    notBefore,
    notAfter,
    signingAlgorithm: ALGORITHM,
    publicKey: await webcrypto.subtle.importKey('spki', new Uint8Array(publicKey), ALGORITHM, true, ['verify']),
    signingKey: privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([extendedUsage]),
      ...(alternatives.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(alternatives)]),
    ],
  });
  return pemOf(certificate);
}

/** A request for the key's public half, PEM. */
export async function createRequest(key: string, commonName: string): Promise<string> {
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: [commonName] }],
    keys: await signingKeys(key),
    signingAlgorithm: ALGORITHM,
  });
  return request.toString('pem');
}

/** The public key of a request whose own signature holds, as DER; undefined for anything else. */
export async function publicKeyOfRequest(pem: string): Promise<Uint8Array | undefined> {
  try {
    const request = new x509.Pkcs10CertificateRequest(pem);
    if (!(await request.verify())) return undefined;
    const { publicKey } = request;
    if (publicKey.algorithm.name !== ALGORITHM.name) return undefined;
    return new Uint8Array(publicKey.rawData);
  } catch {
    return undefined;
  }
}

/** SHA-256 of the certificate, hex: what an authority is pinned by, and what a region's certificate is known by. */
export function fingerprint(certificate: string | Uint8Array): string {
  const { raw } = new X509Certificate(certificate);
  return sha256(raw).toString('hex');
}

export interface Pinned {
  /** DER, as the peer showed them. */
  readonly leaf: Uint8Array;
  readonly root: Uint8Array;
  /** `fingerprint` of the root. */
  readonly pin: string;
  /** The DNS name that the leaf must have. */
  readonly name: string;
}

/** The root, PEM, when it is the pinned one, an authority, and issued a leaf of that name; otherwise undefined. */
export function authorityOfPinned({ leaf, root, pin, name }: Pinned): string | undefined {
  try {
    const issuer = new X509Certificate(root);
    const subject = new X509Certificate(leaf);
    const issued =
      subject.checkIssued(issuer) && subject.verify(issuer.publicKey) && subject.checkHost(name) !== undefined;
    return fingerprint(root) === pin && issuer.ca && issued ? issuer.toString() : undefined;
  } catch {
    return undefined;
  }
}
