/** OCSP (RFC 6960): asking whether a certificate is revoked, and what an answer is worth. No I/O. */
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import {
  BasicOCSPResponse,
  CertID,
  OCSPRequest,
  OCSPResponse,
  OCSPResponseStatus,
  Request,
  TBSRequest,
  type ResponseData,
  type SingleResponse,
} from '@peculiar/asn1-ocsp';
import { AlgorithmIdentifier, AuthorityInfoAccessSyntax, SubjectPublicKeyInfo } from '@peculiar/asn1-x509';
import { hasSigned, isSignedBy, namesIssuer, nameSha1 } from '../crypto/certificate-signature.ts';
import { parseCertificate, type Certificate } from './certificate.ts';
import { checkCertificate } from './certification-path.ts';
import { CertificateRefused } from './refusal.ts';

const SHA1 = '1.3.14.3.2.26';
const BASIC = '1.3.6.1.5.5.7.48.1.1';
const OCSP_SIGNING = '1.3.6.1.5.5.7.3.9';
const AUTHORITY_INFO_ACCESS = '1.3.6.1.5.5.7.1.1';
const OCSP_ACCESS = '1.3.6.1.5.5.7.48.1';
/** Clocks of responders may be ahead by so much. */
const SKEW_MS = 300_000;
/** An answer that names no end is good for so long. */
const UNBOUNDED_MS = 3_600_000;

export interface Asked {
  readonly certificate: Certificate;
  readonly issuer: Certificate;
}

export interface Answer {
  readonly status: 'good' | 'revoked' | 'unknown';
  /** Until when it can be kept, milliseconds since the epoch. */
  readonly until: number;
}

const bytesOf = (base64: string): Uint8Array => new Uint8Array(Buffer.from(base64, 'base64'));

function keyHash({ publicKey }: Certificate): Buffer {
  return nameSha1(new Uint8Array(AsnConvert.parse(bytesOf(publicKey), SubjectPublicKeyInfo).subjectPublicKey));
}

function serialBytes(serial: bigint): ArrayBuffer {
  const hex = serial.toString(16);
  const even = hex.length % 2 === 0 ? hex : `0${hex}`;
  return new Uint8Array(Buffer.from(/^[89a-f]/.test(even) ? `00${even}` : even, 'hex')).buffer;
}

function idOf({ certificate, issuer }: Asked): CertID {
  return new CertID({
    hashAlgorithm: new AlgorithmIdentifier({ algorithm: SHA1, parameters: null }),
    issuerNameHash: new OctetString(nameSha1(bytesOf(certificate.issuer))),
    issuerKeyHash: new OctetString(keyHash(issuer)),
    serialNumber: serialBytes(certificate.serial),
  });
}

/** DER. */
export function ocspRequest(asked: Asked): Uint8Array {
  const request = new OCSPRequest({
    tbsRequest: new TBSRequest({ requestList: [new Request({ reqCert: idOf(asked) })] }),
  });
  return new Uint8Array(AsnConvert.serialize(request));
}

function accessesOf(value: Uint8Array): AuthorityInfoAccessSyntax {
  try {
    return AsnConvert.parse(value, AuthorityInfoAccessSyntax);
  } catch (error) {
    throw new CertificateRefused('malformed', 'where its responders are cannot be read', { cause: error });
  }
}

/** Where the certificate says that it can be asked about. Throws `CertificateRefused`. */
export function respondersOf({ extensions }: Certificate): readonly string[] {
  const value = extensions.get(AUTHORITY_INFO_ACCESS);
  if (value === undefined) return [];
  return accessesOf(value).flatMap(({ accessMethod, accessLocation }) => {
    const address = accessLocation.uniformResourceIdentifier;
    return accessMethod === OCSP_ACCESS && address !== undefined ? [address] : [];
  });
}

const refuse = (why: string): Error => new CertificateRefused('revocation unknown', why);

/** Whether the issuer, or whom the role trusts, has named it to answer. */
function isNamed(shown: Certificate, issuers: readonly Certificate[], now: number): boolean {
  if (!shown.hasStrongSignature || shown.extendedKeyUsage?.includes(OCSP_SIGNING) !== true) return false;
  try {
    checkCertificate(shown, now);
  } catch {
    return false;
  }
  return issuers.some(({ opened }) => namesIssuer(shown.opened, opened) && isSignedBy(shown.opened, opened));
}

const MOST_SHOWN = 4;

/** Who may answer for the issuer: itself, whom it has named for that, and whom the role trusts. */
function signersOf({ certs = [] }: BasicOCSPResponse, issuers: readonly Certificate[], now: number) {
  const shown = certs.slice(0, MOST_SHOWN).map((each) => parseCertificate(new Uint8Array(AsnConvert.serialize(each))));
  return [...issuers, ...shown.filter((each) => isNamed(each, issuers, now))];
}

const hexOf = (bytes: ArrayBuffer): string => Buffer.from(bytes).toString('hex');

/** What is compared of them: parameters of the hash may be there or not. */
const partsOf = ({ hashAlgorithm, issuerNameHash, issuerKeyHash, serialNumber }: CertID): string =>
  [hashAlgorithm.algorithm, ...[issuerNameHash.buffer, issuerKeyHash.buffer, serialNumber].map(hexOf)].join(' ');

function isResponder({ responderID: { byName, byKey } }: ResponseData, signer: Certificate): boolean {
  if (byKey !== undefined) return Buffer.compare(new Uint8Array(byKey.buffer), keyHash(signer)) === 0;
  return byName !== undefined && Buffer.from(AsnConvert.serialize(byName)).toString('base64') === signer.subject;
}

function answerOf({ certStatus, thisUpdate, nextUpdate }: SingleResponse, now: number): Answer {
  const [from, until] = [thisUpdate.getTime(), nextUpdate?.getTime() ?? thisUpdate.getTime() + UNBOUNDED_MS];
  if (!(from <= now + SKEW_MS && now <= until)) throw refuse('the answer is not of now');
  if (certStatus.revoked !== undefined) return { status: 'revoked', until };
  return { status: certStatus.good === undefined ? 'unknown' : 'good', until };
}

function verified(der: Uint8Array, asked: Asked, trusted: readonly Certificate[], now: number): Answer {
  const { responseStatus, responseBytes } = AsnConvert.parse(der, OCSPResponse);
  if (responseStatus !== OCSPResponseStatus.successful || responseBytes?.responseType !== BASIC) {
    throw refuse('the responder answers with an error');
  }
  const basic = AsnConvert.parse(responseBytes.response.buffer, BasicOCSPResponse);
  const { tbsResponseData: data, tbsResponseDataRaw: raw, signatureAlgorithm, signature } = basic;
  const signed = {
    algorithm: signatureAlgorithm.algorithm,
    data: new Uint8Array(raw ?? new ArrayBuffer(0)),
    signature: new Uint8Array(signature),
  };
  const signers = signersOf(basic, [asked.issuer, ...trusted], now);
  if (!signers.some((signer) => isResponder(data, signer) && hasSigned(signer.opened, signed))) {
    throw refuse('nobody who may answer for the issuer has signed the answer');
  }
  const id = partsOf(idOf(asked));
  const single = data.responses.find(({ certID }) => partsOf(certID) === id);
  if (single === undefined) throw refuse('the answer is about another certificate');
  return answerOf(single, now);
}

/** What the answer says, verified; `trusted` may answer beside the issuer. Throws `CertificateRefused` for what is none. */
export function ocspAnswer(der: Uint8Array, asked: Asked, trusted: readonly Certificate[], now: number): Answer {
  try {
    return verified(der, asked, trusted, now);
  } catch (error) {
    if (error instanceof CertificateRefused && error.check === 'revocation unknown') throw error;
    throw new CertificateRefused('revocation unknown', 'the answer of the responder cannot be read', { cause: error });
  }
}
