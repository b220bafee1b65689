/** Certificates of every shape, right and wrong, made while tests run. */
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { AsnConvert } from '@peculiar/asn1-schema';
import * as asn1 from '@peculiar/asn1-x509';
import { parseCertificate, type Certificate } from './certificate.ts';

const DAY = 86_400_000;
const { subtle } = x509.cryptoProvider.get();

export const ECDSA = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

interface RsaParameters extends Algorithm {
  readonly modulusLength: number;
  readonly hash: string;
  readonly publicExponent: Uint8Array<ArrayBuffer>;
}

export const rsa = (modulusLength: number, hash: string): RsaParameters => ({
  name: 'RSASSA-PKCS1-v1_5',
  ...{ modulusLength, hash, publicExponent: new Uint8Array([1, 0, 1]) },
});

/** What is put into a certificate; without an issuer it signs itself. */
export interface Wanted {
  /** A distinguished name such as `CN=web,OU=ops`. */
  readonly subject: string;
  readonly issuer?: Made;
  /** Basic constraints; absent: none at all. */
  readonly authority?: { readonly isAuthority: boolean; readonly pathLength?: number };
  readonly keyUsage?: x509.KeyUsageFlags;
  /** OIDs. */
  readonly extendedKeyUsage?: readonly string[];
  readonly names?: x509.JsonGeneralNames;
  readonly permitted?: readonly asn1.GeneralName[];
  readonly excluded?: readonly asn1.GeneralName[];
  readonly extensions?: readonly x509.Extension[];
  readonly notBefore?: number;
  readonly notAfter?: number;
  /** Of its own key. */
  readonly algorithm?: typeof ECDSA | RsaParameters;
  /** With which the issuer signs. */
  readonly signing?: Algorithm & { readonly hash?: string };
  /** Instead of a new pair. */
  readonly keys?: CryptoKeyPair;
  readonly serial?: string;
}

export interface Made {
  readonly keys: CryptoKeyPair;
  readonly signing: Algorithm;
  readonly subject: string;
  readonly der: Uint8Array;
  readonly pem: string;
  readonly keyPem: string;
  readonly serial: string;
  /** As our own reader has it; throws what it throws. */
  readonly parsed: () => Certificate;
}

let lastSerial = 0x1000;

const subtrees = (names: readonly asn1.GeneralName[]): asn1.GeneralSubtrees =>
  new asn1.GeneralSubtrees(names.map((base) => new asn1.GeneralSubtree({ base })));

function constraintsOf({ permitted = [], excluded = [] }: Wanted): x509.Extension {
  const constraints = new asn1.NameConstraints({
    ...(permitted.length === 0 ? {} : { permittedSubtrees: subtrees(permitted) }),
    ...(excluded.length === 0 ? {} : { excludedSubtrees: subtrees(excluded) }),
  });
  return new x509.Extension(asn1.id_ce_nameConstraints, true, AsnConvert.serialize(constraints));
}

function extensionsOf(wanted: Wanted): x509.Extension[] {
  const { authority, keyUsage, extendedKeyUsage, names, permitted, excluded, extensions = [] } = wanted;
  return [
    ...(authority === undefined
      ? []
      : [new x509.BasicConstraintsExtension(authority.isAuthority, authority.pathLength, true)]),
    ...(keyUsage === undefined ? [] : [new x509.KeyUsagesExtension(keyUsage, true)]),
    ...(extendedKeyUsage === undefined ? [] : [new x509.ExtendedKeyUsageExtension([...extendedKeyUsage])]),
    ...(names === undefined ? [] : [new x509.SubjectAlternativeNameExtension(names)]),
    ...(permitted === undefined && excluded === undefined ? [] : [constraintsOf(wanted)]),
    ...extensions,
  ];
}

function validityOf({ notBefore = Date.now() - DAY, notAfter = Date.now() + DAY }: Wanted) {
  return { notBefore: new Date(notBefore), notAfter: new Date(notAfter) };
}

export async function make(wanted: Wanted): Promise<Made> {
  const { subject, issuer, algorithm = ECDSA } = wanted;
  const keys = wanted.keys ?? (await subtle.generateKey(algorithm, true, ['sign', 'verify']));
  const serial = wanted.serial ?? (lastSerial++).toString(16);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serial,
    subject,
    issuer: issuer?.subject ?? subject,
    ...validityOf(wanted),
    publicKey: keys.publicKey,
    signingKey: issuer?.keys.privateKey ?? keys.privateKey,
    signingAlgorithm: wanted.signing ?? issuer?.signing ?? algorithm,
    extensions: extensionsOf(wanted),
  });
  const der = new Uint8Array(certificate.rawData);
  const pkcs8 = Buffer.from(await subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  return {
    ...{ keys, signing: algorithm, subject, der, serial },
    pem: `${certificate.toString('pem')}\n`,
    keyPem: `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n`,
    parsed: () => parseCertificate(der),
  };
}

export const SIGNS = (x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign) as x509.KeyUsageFlags;

/** An authority as it should be. */
export function makeAuthority(subject: string, more: Partial<Wanted> = {}): Promise<Made> {
  return make({ subject, authority: { isAuthority: true }, keyUsage: SIGNS, ...more });
}

export const CLIENT = '1.3.6.1.5.5.7.3.2';
export const SERVER = '1.3.6.1.5.5.7.3.1';

/** A client's certificate as it should be. */
export function makeClient(subject: string, issuer: Made, more: Partial<Wanted> = {}): Promise<Made> {
  return make({
    ...{ subject, issuer, authority: { isAuthority: false }, keyUsage: x509.KeyUsageFlags.digitalSignature },
    ...{ extendedKeyUsage: [CLIENT], ...more },
  });
}
