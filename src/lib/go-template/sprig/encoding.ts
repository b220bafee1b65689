import { digest, sha1Hex } from '../../crypto/hash.ts';
import { fn, type FunctionMap } from '../function.ts';

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const buffer = (bytes: string): Buffer => Buffer.from(bytes, 'latin1');

export const encodingFunctions: FunctionMap = {
  b64enc: fn(['string'], ([text]) => buffer(text).toString('base64')),
  b64dec: fn(['string'], ([text]) => base64Decoded(text)),
  b32enc: fn(['string'], ([text]) => base32Encoded(text)),
  b32dec: fn(['string'], ([text]) => base32Decoded(text)),
  sha1sum: fn(['string'], ([text]) => sha1Hex(buffer(text))),
  sha256sum: fn(['string'], ([text]) => digest('sha2-256', buffer(text)).toString('hex')),
  sha512sum: fn(['string'], ([text]) => digest('sha2-512', buffer(text)).toString('hex')),
  adler32sum: fn(['string'], ([text]) => adler32(text)),
};

/** The operator's own beside sprig's. */
export const hexFunctions: FunctionMap = { hexdec: fn(['string'], ([text]) => hexDecoded(text)) };

/** What is no base64 gives the error's text, as sprig does. */
function base64Decoded(text: string): string {
  const plain = text.replace(/[\r\n]/g, '');
  const wrong = plain.search(/[^A-Za-z0-9+/]/);
  const digits = wrong < 0 ? plain : plain.slice(0, wrong);
  const padding = '='.repeat((4 - (digits.length % 4)) % 4);
  if (digits.length % 4 !== 1 && plain === digits + padding) return Buffer.from(digits, 'base64').toString('latin1');
  return `illegal base64 data at input byte ${wrongByte(plain, digits)}`;
}

/** Where Go finds the text wrong; line ends, which it passes over, are not counted here. */
function wrongByte(plain: string, digits: string): number {
  const lone = digits.length % 4;
  const rest = plain.slice(digits.length);
  if (rest === '') return digits.length - lone;
  if (!rest.startsWith('=') || lone < 2) return digits.length;
  const padding = Math.min(/^=*/.exec(rest)?.[0].length ?? 0, lone === 2 ? 2 : 1);
  return digits.length + padding;
}

/** Errors are texts, as those of its kin. */
function hexDecoded(text: string): string {
  const wrong = /[^\da-fA-F]/.exec(text);
  if (wrong !== null) return `encoding/hex: invalid byte at ${wrong.index}`;
  return text.length % 2 === 1 ? 'encoding/hex: odd length hex string' : Buffer.from(text, 'hex').toString('latin1');
}

function base32Encoded(text: string): string {
  let out = '';
  for (let at = 0; at < text.length; at += 5) {
    const block = text.slice(at, at + 5);
    const bits = Array.from(block, (byte) => byte.charCodeAt(0).toString(2).padStart(8, '0')).join('');
    const digits = bits.match(/.{1,5}/g) ?? [];
    out += digits
      .map((five) => BASE32.charAt(Number.parseInt(five.padEnd(5, '0'), 2)))
      .join('')
      .padEnd(8, '=');
  }
  return out;
}

function base32Decoded(text: string): string {
  const plain = text.replace(/[\r\n]/g, '');
  const digits = /^[A-Z2-7]*/.exec(plain)?.[0] ?? '';
  const left = digits.length % 8;
  const padding = [0, -1, 6, -1, 4, 3, -1, 1][left] ?? -1;
  if (padding < 0 || plain !== digits + '='.repeat(padding)) {
    const place = plain.length === digits.length ? digits.length - left : digits.length;
    return `illegal base32 data at input byte ${place}`;
  }
  const bits = Array.from(digits, (digit) => BASE32.indexOf(digit).toString(2).padStart(5, '0')).join('');
  return (bits.match(/.{8}/g) ?? []).map((byte) => String.fromCharCode(Number.parseInt(byte, 2))).join('');
}

function adler32(text: string): string {
  let [a, b] = [1, 0];
  for (const byte of text) {
    a = (a + byte.charCodeAt(0)) % 65521;
    b = (b + a) % 65521;
  }
  return String(b * 65536 + a);
}
