/**
 * Key pairs in the formats of OpenSSH: the private key as its file `PROTOCOL.key` has it, without a passphrase, the public one
 * as a line of `authorized_keys` (RFC 4253, section 6.6; RFC 5656; RFC 8709).
 */
import { generateKeyPair, randomBytes, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';

const generate = promisify(generateKeyPair);

export type SshKeyKind =
  | { readonly type: 'rsa'; readonly bits: number }
  | { readonly type: 'ecdsa'; readonly bits: 256 | 384 | 521 }
  | { readonly type: 'ed25519' };

export interface SshKeyPair {
  /** PEM. */
  readonly privateKey: string;
  /** One line, with its end. */
  readonly publicKey: string;
}

const BLOCK = 8;

function sized(length: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32BE(length);
  return buffer;
}

const text = (value: string | Buffer): Buffer => {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : value;
  return Buffer.concat([sized(bytes.length), bytes]);
};

/** A positive number without needless bytes, and with one where its first bit would make it negative. */
function number(bytes: Buffer): Buffer {
  const from = bytes.findIndex((byte) => byte !== 0);
  const least = from < 0 ? Buffer.alloc(0) : bytes.subarray(from);
  return text((least[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.alloc(1), least]) : least);
}

interface Parts {
  readonly name: string;
  readonly publicParts: readonly Buffer[];
  readonly privateParts: readonly Buffer[];
}

type Part = 'n' | 'e' | 'd' | 'qi' | 'p' | 'q' | 'x' | 'y';

function partsOf(key: KeyObject): Parts {
  const jwk = key.export({ format: 'jwk' });
  const part = (name: Part): Buffer => Buffer.from(jwk[name] ?? '', 'base64url');
  if (jwk.kty === 'RSA') {
    const [n, e] = [number(part('n')), number(part('e'))];
    const rest = (['d', 'qi', 'p', 'q'] as const).map((name) => number(part(name)));
    return { name: 'ssh-rsa', publicParts: [e, n], privateParts: [n, e, ...rest] };
  }
  if (jwk.kty === 'EC') {
    const curve = `nistp${String(jwk.crv).slice(2)}`;
    const point = [text(curve), text(Buffer.concat([Buffer.of(4), part('x'), part('y')]))];
    return { name: `ecdsa-sha2-${curve}`, publicParts: point, privateParts: [...point, number(part('d'))] };
  }
  const own = text(part('x'));
  return { name: 'ssh-ed25519', publicParts: [own], privateParts: [own, text(Buffer.concat([part('d'), part('x')]))] };
}

/** Those of one key, which must be the same at both places of it. */
function secretPart({ name, privateParts }: Parts, comment: string): Buffer {
  const check = randomBytes(4);
  const content = Buffer.concat([check, check, text(name), ...privateParts, text(comment)]);
  const missing = (BLOCK - (content.length % BLOCK)) % BLOCK;
  return Buffer.concat([content, Buffer.from(Array.from({ length: missing }, (_none, index) => index + 1))]);
}

function pem(content: Buffer): string {
  const lines = content.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN OPENSSH PRIVATE KEY-----', ...lines, '-----END OPENSSH PRIVATE KEY-----', ''].join('\n');
}

async function newKey(kind: SshKeyKind): Promise<KeyObject> {
  if (kind.type === 'ed25519') return (await generate('ed25519')).privateKey;
  if (kind.type === 'ecdsa') return (await generate('ec', { namedCurve: `P-${String(kind.bits)}` })).privateKey;
  return (await generate('rsa', { modulusLength: kind.bits })).privateKey;
}

/** `comment` is one line, without control characters; empty for none. */
export async function newSshKeyPair(kind: SshKeyKind, comment: string): Promise<SshKeyPair> {
  const parts = partsOf(await newKey(kind));
  const blob = Buffer.concat([text(parts.name), ...parts.publicParts]);
  const envelope = [text('none'), text('none'), text(''), sized(1), text(blob), text(secretPart(parts, comment))];
  const line = `${parts.name} ${blob.toString('base64')}${comment === '' ? '' : ` ${comment}`}\n`;
  return {
    privateKey: pem(Buffer.concat([Buffer.from('openssh-key-v1\0', 'ascii'), ...envelope])),
    publicKey: line,
  };
}
