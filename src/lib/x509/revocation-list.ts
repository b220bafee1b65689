/** Lists of revoked certificates (RFC 5280, section 5). */
import { AsnConvert } from '@peculiar/asn1-schema';
import {
  AuthorityKeyIdentifier,
  CertificateList,
  IssuingDistributionPoint,
  type Extension,
  type TBSCertList,
} from '@peculiar/asn1-x509';
import { hasSigned, type Signed } from '../crypto/certificate-signature.ts';
import type { Certificate } from './certificate.ts';
import { CertificateRefused } from './refusal.ts';

export interface RevocationList {
  /** As `Certificate.issuer`. */
  readonly issuer: string;
  readonly authorityKeyId: Uint8Array;
  readonly serials: ReadonlySet<bigint>;
  /** Milliseconds since the epoch; undefined: it says nothing of an end. */
  readonly thisUpdate: number;
  readonly nextUpdate: number | undefined;
  readonly signed: Signed;
}

const AUTHORITY_KEY_IDENTIFIER = '2.5.29.35';
const ISSUING_DISTRIBUTION_POINT = '2.5.29.28';

const valueOf = (extensions: readonly Extension[], oid: string): Uint8Array | undefined => {
  const found = extensions.find(({ extnID }) => extnID === oid);
  return found === undefined ? undefined : new Uint8Array(found.extnValue.buffer);
};

const malformed = (why: string, cause?: unknown): Error => new CertificateRefused('malformed', why, { cause });

/** Lists that tell of changes alone, of some reasons, or of other issuers' certificates are not understood. */
function checkExtensions({ crlExtensions = [], revokedCertificates = [] }: TBSCertList): void {
  const of = (all: readonly Extension[]): readonly Extension[] => all.filter(({ critical }) => critical);
  const critical = of(crlExtensions).filter(({ extnID }) => extnID !== ISSUING_DISTRIBUTION_POINT);
  const entries = revokedCertificates.some(({ crlEntryExtensions = [] }) => of(crlEntryExtensions).length > 0);
  if (critical.length > 0 || entries) throw malformed('the list has a critical extension that is not understood');
  const point = valueOf(crlExtensions, ISSUING_DISTRIBUTION_POINT);
  if (point === undefined) return;
  const { indirectCRL, onlySomeReasons, onlyContainsAttributeCerts } = AsnConvert.parse(
    point,
    IssuingDistributionPoint,
  );
  if (indirectCRL || onlyContainsAttributeCerts || onlySomeReasons !== undefined) {
    throw malformed('the list tells of some revocations alone');
  }
}

const PEM = /-----BEGIN X509 CRL-----([A-Za-z0-9+/=\s]*)-----END X509 CRL-----/;

/** Of PEM, or of DER as it is. */
export function derOfList(bytes: Uint8Array): Uint8Array {
  const [, base64] = PEM.exec(Buffer.from(bytes).toString('latin1')) ?? [];
  return base64 === undefined ? bytes : new Uint8Array(Buffer.from(base64, 'base64'));
}

const bigintOf = (bytes: ArrayBuffer): bigint => BigInt(`0x${Buffer.from(bytes).toString('hex') || '0'}`);

/** Throws `CertificateRefused`. Nothing is verified. */
export function parseRevocationList(der: Uint8Array): RevocationList {
  try {
    const { tbsCertList: tbs, tbsCertListRaw: raw, ...rest } = AsnConvert.parse(der, CertificateList);
    if (raw === undefined) throw malformed('it is no list in DER');
    checkExtensions(tbs);
    const key = valueOf(tbs.crlExtensions ?? [], AUTHORITY_KEY_IDENTIFIER);
    const identifier = key === undefined ? undefined : AsnConvert.parse(key, AuthorityKeyIdentifier).keyIdentifier;
    return {
      issuer: Buffer.from(AsnConvert.serialize(tbs.issuer)).toString('base64'),
      authorityKeyId: new Uint8Array(identifier?.buffer ?? new ArrayBuffer(0)),
      serials: new Set(tbs.revokedCertificates?.map(({ userCertificate }) => bigintOf(userCertificate))),
      thisUpdate: tbs.thisUpdate.getTime().getTime(),
      nextUpdate: tbs.nextUpdate?.getTime().getTime(),
      signed: {
        algorithm: rest.signatureAlgorithm.algorithm,
        data: new Uint8Array(raw),
        signature: new Uint8Array(rest.signature),
      },
    };
  } catch (error) {
    if (error instanceof CertificateRefused) throw error;
    throw malformed('it is no list as RFC 5280 has it', error);
  }
}

const verified = new WeakMap<RevocationList, Map<string, boolean>>();

/** Whether that issuer, which may sign lists, has signed it. */
export function isListOf(list: RevocationList, issuer: Certificate): boolean {
  const known = verified.get(list) ?? new Map<string, boolean>();
  verified.set(list, known);
  const before = known.get(issuer.publicKey);
  if (before !== undefined) return before;
  const holds = hasSigned(issuer.opened, list.signed) && issuer.keyUsage?.includes('cRLSign') !== false;
  if (known.size < 64) known.set(issuer.publicKey, holds);
  return holds;
}

const differ = (one: Uint8Array, other: Uint8Array): boolean =>
  one.length > 0 && other.length > 0 && Buffer.compare(one, other) !== 0;

/**
 * Throws `CertificateRefused` where the list is of its issuer, and says that it is revoked, or cannot be relied on. `issuer`
 * undefined: nobody knows whose key would have to have signed, so the list is taken by its name.
 */
export function checkListed(
  { serial, issuer: name }: Certificate,
  issuer: Certificate | undefined,
  list: RevocationList,
  now: number,
): void {
  if (list.issuer !== name) return;
  if (issuer !== undefined) {
    if (differ(list.authorityKeyId, issuer.subjectKeyId)) return;
    if (!isListOf(list, issuer))
      throw new CertificateRefused('revocation unknown', 'the issuer has not signed the list');
  }
  if (list.serials.has(serial)) throw new CertificateRefused('revoked', 'it is on the list of its issuer');
  if (list.nextUpdate !== undefined && list.nextUpdate < now) {
    throw new CertificateRefused(
      'revocation unknown',
      'the list of its issuer has expired: upload or publish a new one',
    );
  }
}
