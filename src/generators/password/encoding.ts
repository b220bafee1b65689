/** How the bytes of a password are written. */
import { toBase32 } from '../../lib/crypto/totp.ts';

export type Encoding = 'base64' | 'base64url' | 'base32' | 'hex' | 'raw';

/** Padded to whole groups, RFC 4648. */
const padded = (text: string, group: number): string => text.padEnd(Math.ceil(text.length / group) * group, '=');

export const encodings: Readonly<Record<Encoding, (bytes: Buffer) => string>> = {
  raw: (bytes) => bytes.toString('utf8'),
  base64: (bytes) => bytes.toString('base64'),
  base64url: (bytes) => padded(bytes.toString('base64url'), 4),
  base32: (bytes) => padded(toBase32(bytes), 8),
  hex: (bytes) => bytes.toString('hex'),
};
