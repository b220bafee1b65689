/** Encryption and MACs by a password: PBES2 (RFC 8018), and what is older in PKCS #12 (RFC 7292, appendix B and C). */
import { createCipheriv, createDecipheriv, createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { Integer, Null, ObjectIdentifier, OctetString, Sequence, type AsnType } from 'asn1js';

/** Says that a derivation of so many rounds is about to run; throws to forbid it. */
export type Spend = (rounds: number) => void;

export interface Password {
  readonly text: string;
  readonly spend: Spend;
}

/** What the other side wrote cannot be used; the message repeats nothing of it. */
export class PasswordBasedProblem extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'PasswordBasedProblem';
  }
}

const PBES2 = '1.2.840.113549.1.5.13';
const PBKDF2 = '1.2.840.113549.1.5.12';
const SHA1_TRIPLE_DES = '1.2.840.113549.1.12.1.3';
const SHA1_OLDER: ReadonlySet<string> = new Set(
  ['1', '2', '4', '5', '6'].map((each) => `1.2.840.113549.1.12.1.${each}`),
);
const HMAC_SHA256 = '1.2.840.113549.2.9';
const AES_256_CBC = '2.16.840.1.101.3.4.1.42';

const PRFS: Readonly<Record<string, string>> = {
  '1.2.840.113549.2.7': 'sha1',
  '1.2.840.113549.2.8': 'sha224',
  [HMAC_SHA256]: 'sha256',
  '1.2.840.113549.2.10': 'sha384',
  '1.2.840.113549.2.11': 'sha512',
};
const CIPHERS: Readonly<Record<string, readonly [name: string, keyBytes: number]>> = {
  '2.16.840.1.101.3.4.1.2': ['aes-128-cbc', 16],
  '2.16.840.1.101.3.4.1.22': ['aes-192-cbc', 24],
  [AES_256_CBC]: ['aes-256-cbc', 32],
  '1.2.840.113549.3.7': ['des-ede3-cbc', 24],
};
const DIGESTS: Readonly<Record<string, string>> = {
  '1.3.14.3.2.26': 'sha1',
  '2.16.840.1.101.3.4.2.4': 'sha224',
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
};
export const SHA256 = '2.16.840.1.101.3.4.2.1';

/** Blocks of the digests above, in bytes (FIPS 180-4). */
const BLOCK: Readonly<Record<string, number>> = { sha1: 64, sha224: 64, sha256: 64, sha384: 128, sha512: 128 };

const unreadable = (): PasswordBasedProblem =>
  new PasswordBasedProblem('the password is wrong, or the data is damaged');

export function bytesOfOctets(node: AsnType | undefined): Buffer {
  if (!(node instanceof OctetString)) throw new PasswordBasedProblem('the data is no PKCS #12');
  return Buffer.from(node.getValue());
}

export function numberOf(node: AsnType | undefined): number {
  const value = node instanceof Integer ? node.valueBlock.valueDec : Number.NaN;
  if (!Number.isSafeInteger(value) || value < 1) throw new PasswordBasedProblem('the data is no PKCS #12');
  return value;
}

export function membersOf(node: AsnType | undefined): readonly AsnType[] {
  if (!(node instanceof Sequence)) throw new PasswordBasedProblem('the data is no PKCS #12');
  return node.valueBlock.value;
}

export function oidOf(node: AsnType | undefined): string {
  if (!(node instanceof ObjectIdentifier)) throw new PasswordBasedProblem('the data is no PKCS #12');
  return node.valueBlock.toString();
}

/** Of an AlgorithmIdentifier: its name, and what it is given. */
function algorithmOf(node: AsnType | undefined): readonly [oid: string, parameters: AsnType | undefined] {
  const [oid, parameters] = membersOf(node);
  return [oidOf(oid), parameters];
}

/** RFC 7292, appendix B.2. `purpose`: 1 a key, 2 an initial vector, 3 a key of a MAC. */
function pkcs12Derived(
  password: Uint8Array,
  {
    salt,
    rounds,
    hash,
    purpose,
    size,
  }: { salt: Uint8Array; rounds: number; hash: string; purpose: 1 | 2 | 3; size: number },
): Buffer {
  const block = BLOCK[hash] ?? 64;
  const filled = (bytes: Uint8Array): Buffer =>
    bytes.length === 0 ? Buffer.alloc(0) : Buffer.alloc(block * Math.ceil(bytes.length / block), bytes);
  const input = Buffer.concat([filled(salt), filled(password)]);
  const parts: Buffer[] = [];
  for (let made = 0; made < size; made += parts.at(-1)?.length ?? size) {
    let digest = createHash(hash).update(Buffer.alloc(block, purpose)).update(input).digest();
    for (let round = 1; round < rounds; round++) digest = createHash(hash).update(digest).digest();
    parts.push(digest);
    const added = Buffer.alloc(block, digest);
    for (let from = 0; from < input.length; from += block) addPlusOne(input.subarray(from, from + block), added);
  }
  return Buffer.concat(parts).subarray(0, size);
}

/** Numbers of big-endian bytes, modulo their size. */
function addPlusOne(to: Buffer, other: Buffer): void {
  let carry = 1;
  for (let at = to.length - 1; at >= 0; at--) {
    carry += (to[at] ?? 0) + (other[at] ?? 0);
    to[at] = carry & 0xff;
    carry >>= 8;
  }
}

/** UTF-16, big-endian, with a zero behind it (RFC 7292, appendix B.1). */
function bmpPassword(text: string): Buffer {
  return Buffer.from(`${text}\0`, 'utf16le').swap16();
}

/** Of an empty password some write nothing, some the zero. */
const bmpPasswords = (text: string): readonly Uint8Array[] => [
  bmpPassword(text),
  ...(text === '' ? [new Uint8Array()] : []),
];

function deciphered(cipher: string, [key, iv]: readonly [Uint8Array, Uint8Array], data: Uint8Array): Buffer {
  try {
    const decipher = createDecipheriv(cipher, key, iv);
    return Buffer.concat([decipher.update(data), decipher.final()]);
  } catch {
    throw unreadable();
  }
}

/** Throws `PasswordBasedProblem`. */
export function decryptedBy(password: Password, algorithm: AsnType | undefined, data: Uint8Array): Buffer {
  const [oid, parameters] = algorithmOf(algorithm);
  if (oid === PBES2) return decryptedByPbes2(password, parameters, data);
  if (SHA1_OLDER.has(oid)) {
    const how = 'openssl pkcs12 -legacy -in old.p12 -nodes | openssl pkcs12 -export -out new.p12';
    throw new PasswordBasedProblem(`it is encrypted with RC2, RC4 or two-key 3DES, which nothing here reads: ${how}`);
  }
  if (oid !== SHA1_TRIPLE_DES) throw new PasswordBasedProblem('it is encrypted in a way that is not known here');
  const [salt, count] = membersOf(parameters);
  const rounds = numberOf(count);
  const tried = bmpPasswords(password.text).map((bytes) => {
    password.spend(2 * rounds);
    const given = { salt: bytesOfOctets(salt), rounds, hash: 'sha1' };
    const key = pkcs12Derived(bytes, { ...given, purpose: 1, size: 24 });
    try {
      return deciphered('des-ede3-cbc', [key, pkcs12Derived(bytes, { ...given, purpose: 2, size: 8 })], data);
    } catch (error) {
      if (error instanceof PasswordBasedProblem) return undefined;
      throw error;
    }
  });
  return tried.find((each) => each !== undefined) ?? fail(unreadable());
}

function fail(error: Error): never {
  throw error;
}

function decryptedByPbes2(password: Password, parameters: AsnType | undefined, data: Uint8Array): Buffer {
  const [derivation, scheme] = membersOf(parameters);
  const [derivationOid, derivationParameters] = algorithmOf(derivation);
  const [schemeOid, iv] = algorithmOf(scheme);
  const cipher = CIPHERS[schemeOid];
  if (derivationOid !== PBKDF2 || cipher === undefined) {
    throw new PasswordBasedProblem('it is encrypted in a way that is not known here');
  }
  const [salt, count, ...rest] = membersOf(derivationParameters);
  const prf = rest.find((each) => each instanceof Sequence);
  const hash = prf === undefined ? 'sha1' : PRFS[algorithmOf(prf)[0]];
  if (hash === undefined) throw new PasswordBasedProblem('it is encrypted in a way that is not known here');
  const rounds = numberOf(count);
  password.spend(rounds);
  const key = pbkdf2Sync(Buffer.from(password.text, 'utf8'), bytesOfOctets(salt), rounds, cipher[1], hash);
  return deciphered(cipher[0], [key, bytesOfOctets(iv)], data);
}

export interface Mac {
  readonly digestOid: string;
  readonly salt: Uint8Array;
  readonly rounds: number;
}

/** What the MAC of PKCS #12 may be: two for an empty password. Throws `PasswordBasedProblem`. */
export function macsOf(
  { text, spend }: Password,
  { digestOid, salt, rounds }: Mac,
  data: Uint8Array,
): readonly Buffer[] {
  const hash = DIGESTS[digestOid];
  if (hash === undefined) throw new PasswordBasedProblem('its MAC is made in a way that is not known here');
  return bmpPasswords(text).map((bytes) => {
    spend(rounds);
    const size = createHash(hash).digest().length;
    const key = pkcs12Derived(bytes, { salt, rounds, hash, purpose: 3, size });
    return createHmac(hash, key).update(data).digest();
  });
}

const named = (oid: string, ...parameters: readonly AsnType[]): Sequence =>
  new Sequence({ value: [new ObjectIdentifier({ value: oid }), ...parameters] as never });

export const octets = (bytes: Uint8Array): OctetString => new OctetString({ valueHex: new Uint8Array(bytes).buffer });

export interface Encrypted {
  readonly algorithm: Sequence;
  readonly data: Uint8Array;
}

/** PBES2: PBKDF2 with HMAC-SHA-256, AES-256-CBC. `salt` and `iv` have 16 bytes each. */
export function encryptedBy(
  { text, spend }: Password,
  { salt, iv, rounds }: { readonly salt: Uint8Array; readonly iv: Uint8Array; readonly rounds: number },
  data: Uint8Array,
): Encrypted {
  spend(rounds);
  const key = pbkdf2Sync(Buffer.from(text, 'utf8'), salt, rounds, 32, 'sha256');
  const cipher = createCipheriv('aes-256-cbc', key, iv);
  const derivation = new Sequence({
    value: [octets(salt), new Integer({ value: rounds }), named(HMAC_SHA256, new Null())],
  });
  const parameters = new Sequence({ value: [named(PBKDF2, derivation), named(AES_256_CBC, octets(iv))] });
  return { algorithm: named(PBES2, parameters), data: Buffer.concat([cipher.update(data), cipher.final()]) };
}

export const digestAlgorithm = (oid: string): Sequence => named(oid, new Null());
