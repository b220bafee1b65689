/** A certificate (RFC 5280, section 4), read strictly: what cannot be understood is refused, not passed over. */
import { AsnConvert } from '@peculiar/asn1-schema';
import {
  AuthorityKeyIdentifier,
  BasicConstraints,
  Certificate as CertificateSchema,
  ExtendedKeyUsage,
  KeyUsage,
  KeyUsageFlags,
  SubjectKeyIdentifier,
  type Extension,
  type Name,
} from '@peculiar/asn1-x509';
import { openCertificate, type X509Certificate } from '../crypto/certificate-signature.ts';
import { checkedText, generalNameOf, parseBlock, type GeneralName } from './general-names.ts';
import { parseNameConstraints, type NameConstraints } from './name-constraints.ts';
import { CertificateRefused } from './refusal.ts';
import { isStrongSignature } from './signature-algorithm.ts';

export interface Certificate {
  readonly der: Uint8Array;
  readonly opened: X509Certificate;
  readonly serial: bigint;
  /** DER of the names, in base64, to compare. */
  readonly subject: string;
  readonly issuer: string;
  /** SubjectPublicKeyInfo, as the names. */
  readonly publicKey: string;
  /** The last of its common names, as Go has it; empty where there is none. */
  readonly commonName: string;
  readonly organizationalUnits: readonly string[];
  readonly alternativeNames: readonly GeneralName[];
  /** Milliseconds since the epoch, both ends included. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly isAuthority: boolean;
  readonly pathLength: number | undefined;
  /** undefined: every usage. */
  readonly keyUsage: readonly (keyof typeof KeyUsageFlags)[] | undefined;
  /** OIDs; undefined: every usage. */
  readonly extendedKeyUsage: readonly string[] | undefined;
  readonly nameConstraints: NameConstraints | undefined;
  readonly subjectKeyId: Uint8Array;
  readonly authorityKeyId: Uint8Array;
  /** Each value by its OID. */
  readonly extensions: ReadonlyMap<string, Uint8Array>;
  /** OIDs of critical extensions that nothing here understands: RFC 5280, section 4.2, has it refused. */
  readonly unknownCritical: readonly string[];
  readonly hasStrongSignature: boolean;
}

const OIDS = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  crlDistributionPoints: '2.5.29.31',
  certificatePolicies: '2.5.29.32',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
} as const;

/** Policies bind nobody who asks for none; where lists of revocations lie limits nothing. */
const UNDERSTOOD: ReadonlySet<string> = new Set([
  OIDS.keyUsage,
  OIDS.subjectAltName,
  OIDS.basicConstraints,
  OIDS.nameConstraints,
  OIDS.crlDistributionPoints,
  OIDS.certificatePolicies,
  OIDS.extendedKeyUsage,
]);

const NAMES = { commonName: '2.5.4.3', organizationalUnit: '2.5.4.11' } as const;

/** Bytes of one certificate: those in use have one or two thousand. */
const MOST_BYTES = 64 * 1024;

function attributes(name: Name, type: string): readonly string[] {
  return name.flatMap((parts) =>
    parts.filter((part) => part.type === type).map(({ value }) => checkedText(value.toString())),
  );
}

function serialOf(bytes: ArrayBuffer): bigint {
  const hex = Buffer.from(bytes).toString('hex');
  if (hex === '' || hex.length > 42 || /^[89a-f]/.test(hex)) {
    throw new CertificateRefused('malformed', 'its serial number is negative or too long');
  }
  return BigInt(`0x${hex}`);
}

function extensionsOf(all: readonly Extension[]): ReadonlyMap<string, Uint8Array> {
  const found = new Map(all.map(({ extnID, extnValue }) => [extnID, new Uint8Array(extnValue.buffer)]));
  if (found.size !== all.length) throw new CertificateRefused('malformed', 'an extension is there twice');
  return found;
}

/** Empty where there is none. */
const bytesOf = (value: { readonly buffer: ArrayBuffer } | undefined): Uint8Array =>
  value === undefined ? new Uint8Array() : new Uint8Array(value.buffer);

/** The form of RFC 5280's fields, by the schemas of the library. */
function decoded(extensions: ReadonlyMap<string, Uint8Array>) {
  const parse = <T>(oid: string, schema: new () => T): T | undefined => {
    const value = extensions.get(oid);
    return value === undefined ? undefined : AsnConvert.parse(value, schema);
  };
  const names = extensions.get(OIDS.subjectAltName);
  const constraints = extensions.get(OIDS.nameConstraints);
  const usages = parse(OIDS.extendedKeyUsage, ExtendedKeyUsage);
  return {
    ...authorityOf(parse(OIDS.basicConstraints, BasicConstraints)),
    keyUsage: flagsOf(parse(OIDS.keyUsage, KeyUsage)),
    extendedKeyUsage: usages === undefined ? undefined : [...usages],
    alternativeNames: names === undefined ? [] : parseBlock(names).children.map(generalNameOf),
    nameConstraints: constraints === undefined ? undefined : parseNameConstraints(constraints),
    subjectKeyId: bytesOf(parse(OIDS.subjectKeyIdentifier, SubjectKeyIdentifier)),
    authorityKeyId: bytesOf(parse(OIDS.authorityKeyIdentifier, AuthorityKeyIdentifier)?.keyIdentifier),
  };
}

function authorityOf(basic: BasicConstraints | undefined) {
  const isAuthority = basic?.cA ?? false;
  return { isAuthority, pathLength: isAuthority ? basic?.pathLenConstraint : undefined };
}

function flagsOf(usage: KeyUsage | undefined): Certificate['keyUsage'] {
  if (usage === undefined) return undefined;
  const bits = usage.toNumber();
  const names = ['digitalSignature', 'keyCertSign', 'cRLSign', 'keyAgreement'] as const;
  return names.filter((name) => (bits & KeyUsageFlags[name]) !== 0);
}

function unknownOf(all: readonly Extension[], names: readonly GeneralName[]): readonly string[] {
  const critical = all.filter(({ critical }) => critical).map(({ extnID }) => extnID);
  const opaque = names.every(({ kind }) => kind === 'other');
  return critical.filter((oid) => !UNDERSTOOD.has(oid) || (oid === OIDS.subjectAltName && opaque));
}

function read(der: Uint8Array, opened: X509Certificate): Certificate {
  const { tbsCertificate: tbs, signatureAlgorithm } = AsnConvert.parse(der, CertificateSchema);
  const all = [...(tbs.extensions ?? [])];
  const extensions = extensionsOf(all);
  const fields = decoded(extensions);
  const derOf = (part: unknown): string => Buffer.from(AsnConvert.serialize(part)).toString('base64');
  const [notBefore, notAfter] = [tbs.validity.notBefore.getTime().getTime(), tbs.validity.notAfter.getTime().getTime()];
  if (!Number.isFinite(notBefore + notAfter)) throw new CertificateRefused('malformed', 'its validity is no time');
  return {
    der,
    opened,
    serial: serialOf(tbs.serialNumber),
    subject: derOf(tbs.subject),
    issuer: derOf(tbs.issuer),
    publicKey: derOf(tbs.subjectPublicKeyInfo),
    commonName: attributes(tbs.subject, NAMES.commonName).at(-1) ?? '',
    organizationalUnits: attributes(tbs.subject, NAMES.organizationalUnit),
    notBefore,
    notAfter,
    ...fields,
    extensions,
    unknownCritical: unknownOf(all, fields.alternativeNames),
    hasStrongSignature: isStrongSignature(signatureAlgorithm),
  };
}

/** Throws `CertificateRefused`. Nothing is verified of what it says. */
export function parseCertificate(der: Uint8Array): Certificate {
  const opened = der.length > MOST_BYTES ? undefined : openCertificate(der);
  if (opened === undefined) throw new CertificateRefused('malformed', 'it is no certificate in DER');
  try {
    return read(der, opened);
  } catch (error) {
    if (error instanceof CertificateRefused) throw error;
    throw new CertificateRefused('malformed', 'it is not as RFC 5280 has it', { cause: error });
  }
}

export const textsOf = ({ alternativeNames }: Certificate, wanted: 'dns' | 'email' | 'uri'): readonly string[] =>
  alternativeNames.flatMap((name) => (name.kind === wanted ? [name.text] : []));

const PEM_BLOCK = /-----BEGIN (?:TRUSTED )?CERTIFICATE-----([A-Za-z0-9+/=\s]*)-----END (?:TRUSTED )?CERTIFICATE-----/g;

/** DER of each certificate of a PEM text, in its order; of `TRUSTED CERTIFICATE` blocks what OpenSSL puts behind is left out. */
export function certificatesOfPem(text: string): readonly Uint8Array[] {
  return [...text.matchAll(PEM_BLOCK)].map(([, base64 = '']) => new Uint8Array(Buffer.from(base64, 'base64')));
}
