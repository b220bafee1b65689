/** PKCS #12 (RFC 7292): a key and its certificates, or certificates that are trusted, under a password. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import {
  type AsnType,
  BmpString,
  Constructed,
  fromBER,
  Integer,
  ObjectIdentifier,
  Primitive,
  Sequence,
  Set as AsnSet,
} from 'asn1js';
import { sha1Hex } from './hash.ts';
import {
  bytesOfOctets,
  decryptedBy,
  digestAlgorithm,
  encryptedBy,
  macsOf,
  membersOf,
  numberOf,
  octets,
  oidOf,
  type Password,
  PasswordBasedProblem,
  SHA256,
} from './password-based.ts';

export { type Password, PasswordBasedProblem } from './password-based.ts';

export interface Pkcs12 {
  /** PKCS #8, DER. */
  readonly key: Uint8Array;
  /** DER; the key's own first. */
  readonly certificates: readonly Uint8Array[];
}

/** A certificate that is trusted, and the alias that a Java trust store shows. */
export interface Trusted {
  readonly certificate: Uint8Array;
  readonly alias: string;
}

const DATA = '1.2.840.113549.1.7.1';
const ENCRYPTED_DATA = '1.2.840.113549.1.7.6';
const KEY_BAG = '1.2.840.113549.1.12.10.1.1';
const SHROUDED_KEY_BAG = '1.2.840.113549.1.12.10.1.2';
const CERTIFICATE_BAG = '1.2.840.113549.1.12.10.1.3';
const X509_CERTIFICATE = '1.2.840.113549.1.9.22.1';
const FRIENDLY_NAME = '1.2.840.113549.1.9.20';
const LOCAL_KEY_ID = '1.2.840.113549.1.9.21';
/** Oracle's: what the certificate is trusted for. Without it Java takes none of them for trusted. */
const TRUSTED_KEY_USAGE = '2.16.840.1.113894.746875.1.1';
const ANY_KEY_USAGE = '2.5.29.37.0';

/** As OpenSSL and Go have it: more would slow every reader, and little is gained where passwords are generated. */
const ROUNDS = 2_048;

const notPkcs12 = (): PasswordBasedProblem => new PasswordBasedProblem('the data is no PKCS #12');

function parsed(bytes: Uint8Array): AsnType {
  const { offset, result } = fromBER(new Uint8Array(bytes).buffer);
  if (offset !== bytes.length) throw notPkcs12();
  return result;
}

/** What lies in an explicit tag. */
function within(node: AsnType | undefined): AsnType {
  const [inner] = node instanceof Constructed ? node.valueBlock.value : [];
  if (inner === undefined) throw notPkcs12();
  return inner;
}

/** Throws `PasswordBasedProblem`. */
export function readPkcs12(bytes: Uint8Array, password: Password): Pkcs12 {
  const bags = safesOf(bytes, password).flatMap((safe) => membersOf(parsed(safe)).map(membersOf));
  const keys: Uint8Array[] = [];
  const certificates: Uint8Array[] = [];
  for (const [type, value] of bags) {
    const content = within(value);
    switch (oidOf(type)) {
      case KEY_BAG:
        keys.push(new Uint8Array(content.toBER()));
        break;
      case SHROUDED_KEY_BAG: {
        const [algorithm, data] = membersOf(content);
        keys.push(decryptedBy(password, algorithm, bytesOfOctets(data)));
        break;
      }
      case CERTIFICATE_BAG: {
        const [kind, certificate] = membersOf(content);
        if (oidOf(kind) === X509_CERTIFICATE) certificates.push(bytesOfOctets(within(certificate)));
        break;
      }
      default:
    }
  }
  const [key, another] = keys;
  if (another !== undefined) throw new PasswordBasedProblem('it holds more than one key');
  if (certificates.length === 0) throw new PasswordBasedProblem('it holds no certificate');
  if (key === undefined) throw new PasswordBasedProblem('it holds no key');
  return { key, certificates };
}

/** The contents of its safes, after the MAC was found right. */
function safesOf(bytes: Uint8Array, password: Password): readonly Uint8Array[] {
  const [version, contents, mac] = membersOf(parsed(bytes));
  if (numberOf(version) !== 3) throw notPkcs12();
  const [type, content] = membersOf(contents);
  if (oidOf(type) !== DATA) throw new PasswordBasedProblem('it is signed, which is not read here');
  const authenticated = bytesOfOctets(within(content));
  if (mac !== undefined) mustMatch(password, mac, authenticated);
  return membersOf(parsed(authenticated)).map((each) => {
    const [kind, inner] = membersOf(each);
    if (oidOf(kind) === DATA) return bytesOfOctets(within(inner));
    if (oidOf(kind) !== ENCRYPTED_DATA) throw new PasswordBasedProblem('it is encrypted for a key, not by a password');
    const [, encrypted] = membersOf(within(inner));
    const [, algorithm, data] = membersOf(encrypted);
    return decryptedBy(password, algorithm, implicitOctets(data));
  });
}

/** `[0] IMPLICIT OCTET STRING`, in one piece or in several. */
function implicitOctets(node: AsnType | undefined): Uint8Array {
  if (node instanceof Primitive) return new Uint8Array(node.valueBlock.valueHexView);
  if (!(node instanceof Constructed)) throw notPkcs12();
  return Buffer.concat(node.valueBlock.value.map((each) => bytesOfOctets(each)));
}

function mustMatch(password: Password, mac: AsnType, authenticated: Uint8Array): void {
  const [digest, salt, iterations] = membersOf(mac);
  const [algorithm, value] = membersOf(digest);
  const given = bytesOfOctets(value);
  const rounds = iterations === undefined ? 1 : numberOf(iterations);
  const how = { digestOid: oidOf(membersOf(algorithm)[0]), salt: bytesOfOctets(salt), rounds };
  const matches = macsOf(password, how, authenticated).some(
    (each) => each.length === given.length && timingSafeEqual(each, given),
  );
  if (!matches) throw new PasswordBasedProblem('the password is wrong, or the data is damaged');
}

const sequence = (...value: readonly AsnType[]): Sequence => new Sequence({ value: value as never });
const oid = (value: string): ObjectIdentifier => new ObjectIdentifier({ value });
const der = (node: AsnType): Uint8Array => new Uint8Array(node.toBER());
const explicit = (node: AsnType): Constructed =>
  new Constructed({ idBlock: { tagClass: 3, tagNumber: 0 }, value: [node] as never });
const attribute = (type: string, value: AsnType): Sequence =>
  sequence(oid(type), new AsnSet({ value: [value] as never }));

/**
 * Salts and initial vectors follow from what is written: the same key, certificates and password give the same bytes, so that
 * nothing is written anew when nothing changed. Of a key file they are drawn from the key itself, of a trust store from what is
 * public anyway; the password has no part in them, so they say nothing of it.
 */
class Drawn {
  readonly #key: Uint8Array;
  readonly #content: readonly Uint8Array[];

  constructor(key: Uint8Array, content: readonly Uint8Array[]) {
    this.#key = key;
    this.#content = content;
  }

  bytes(purpose: string): Buffer {
    const hmac = createHmac('sha256', this.#key).update(`lockstep pkcs12 ${purpose}\0`);
    for (const each of this.#content) hmac.update(each);
    return hmac.digest().subarray(0, 16);
  }

  encryption(purpose: string): { salt: Uint8Array; iv: Uint8Array; rounds: number } {
    return { salt: this.bytes(`${purpose} salt`), iv: this.bytes(`${purpose} iv`), rounds: ROUNDS };
  }
}

function certificateBag(certificate: Uint8Array, ...attributes: readonly AsnType[]): Sequence {
  const content = sequence(oid(X509_CERTIFICATE), explicit(octets(certificate)));
  const more = attributes.length === 0 ? [] : [new AsnSet({ value: attributes as never })];
  return sequence(oid(CERTIFICATE_BAG), explicit(content), ...more);
}

function encryptedSafe(bags: readonly AsnType[], password: Password, drawn: Drawn): Sequence {
  const { algorithm, data } = encryptedBy(password, drawn.encryption('certificates'), der(sequence(...bags)));
  const content = new Primitive({ idBlock: { tagClass: 3, tagNumber: 0 }, valueHex: new Uint8Array(data).buffer });
  const encrypted = sequence(new Integer({ value: 0 }), sequence(oid(DATA), algorithm, content));
  return sequence(oid(ENCRYPTED_DATA), explicit(encrypted));
}

function file(safes: readonly AsnType[], password: Password, drawn: Drawn): Uint8Array {
  const authenticated = der(sequence(...safes));
  const salt = drawn.bytes('mac salt');
  const [mac = new Uint8Array()] = macsOf(password, { digestOid: SHA256, salt, rounds: ROUNDS }, authenticated);
  const digest = sequence(digestAlgorithm(SHA256), octets(mac));
  return der(
    sequence(
      new Integer({ value: 3 }),
      sequence(oid(DATA), explicit(octets(authenticated))),
      sequence(digest, octets(salt), new Integer({ value: ROUNDS })),
    ),
  );
}

/** AES-256-CBC under PBKDF2, and a MAC with SHA-256: what OpenSSL 3 and Java 20 write. `key`: PKCS #8, DER. */
export function writePkcs12({ key, certificates }: Pkcs12, password: Password): Uint8Array {
  const drawn = new Drawn(key, certificates);
  const [own = new Uint8Array(), ...others] = certificates;
  const keyId = attribute(LOCAL_KEY_ID, octets(Buffer.from(sha1Hex(own), 'hex')));
  const bags = [certificateBag(own, keyId), ...others.map((each) => certificateBag(each))];
  const { algorithm, data } = encryptedBy(password, drawn.encryption('key'), key);
  const shrouded = sequence(algorithm, octets(data));
  const keyBag = sequence(oid(SHROUDED_KEY_BAG), explicit(shrouded), new AsnSet({ value: [keyId] as never }));
  const keySafe = sequence(oid(DATA), explicit(octets(der(sequence(keyBag)))));
  return file([encryptedSafe(bags, password, drawn), keySafe], password, drawn);
}

/** As Java's `keytool` has trust stores. */
export function writeTrustStore(trusted: readonly Trusted[], password: Password): Uint8Array {
  const certificates = trusted.map(({ certificate }) => certificate);
  const drawn = new Drawn(Buffer.concat(certificates), certificates);
  const bags = trusted.map(({ certificate, alias }) =>
    certificateBag(
      certificate,
      attribute(TRUSTED_KEY_USAGE, oid(ANY_KEY_USAGE)),
      attribute(FRIENDLY_NAME, new BmpString({ value: alias })),
    ),
  );
  return file([encryptedSafe(bags, password, drawn)], password, drawn);
}
