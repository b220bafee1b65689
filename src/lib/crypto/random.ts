import { randomBytes as nodeRandomBytes, randomFillSync, randomUUID } from 'node:crypto';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** The largest multiple of 62 in a byte: bytes from here on would favour the first characters, so they are drawn anew. */
const FAIR = 248;

/** `size` bytes of the operating system's generator (through OpenSSL's). */
export function randomBytes(size: number): Buffer {
  return nodeRandomBytes(size);
}

/** Drawn ahead, since a call of the generator costs more than what a token needs of it. Given out once, and erased then. */
const ahead = { bytes: Buffer.alloc(4_096), used: 4_096 };

function nextByte(): number {
  if (ahead.used === ahead.bytes.length) {
    randomFillSync(ahead.bytes);
    ahead.used = 0;
  }
  const byte = ahead.bytes.readUInt8(ahead.used);
  ahead.bytes.writeUInt8(0, ahead.used);
  ahead.used += 1;
  return byte;
}

/** `length` characters of `[0-9A-Za-z]`, each equally likely: 5.95 bits a character. */
export function randomBase62(length: number): string {
  let text = '';
  while (text.length < length) {
    const byte = nextByte();
    if (byte < FAIR) text += ALPHABET.charAt(byte % 62);
  }
  return text;
}

/** A version 4 UUID (RFC 9562) in lower case. */
export function uuid(): string {
  return randomUUID();
}

/** `count` whole numbers below `bound`, each equally likely. `bound` is at most 2^32. */
export function randomIndexes(bound: number, count: number): number[] {
  const made: number[] = [];
  // From here on numbers would favour the first ones, so they are drawn anew.
  const fair = 2 ** 32 - (2 ** 32 % bound);
  while (made.length < count) {
    const bytes = nodeRandomBytes(4 * (count - made.length));
    for (let at = 0; at < bytes.length; at += 4) {
      const drawn = bytes.readUInt32LE(at);
      if (drawn < fair) made.push(drawn % bound);
    }
    bytes.fill(0);
  }
  return made;
}
