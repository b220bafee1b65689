import type { Cursor } from './cursor.ts';
import { digitAt, isDigit, isWordPart } from './word.ts';

/** A number at its first character: decimal, `0x…`, octal with a leading 0 (as HCL 1 reads `0640`), or with a fraction. */
export function scanNumber(cursor: Cursor): number {
  const start = cursor.position();
  const negative = cursor.peek() === 0x2d;
  if (negative) cursor.offset += 1;
  const prefixed = cursor.peek() === 0x30 && (cursor.peek(1) === 0x78 || cursor.peek(1) === 0x58);
  const value = prefixed ? scanHexadecimal(cursor) : scanDecimal(cursor);
  if (isWordPart(cursor.peek())) {
    throw cursor.error('a number ends in letters: put such a value in quotes, as in "90s"', start);
  }
  if (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value))) {
    throw cursor.error('a number is larger than 9007199254740991', start);
  }
  return negative && value !== 0 ? -value : value;
}

function scanHexadecimal(cursor: Cursor): number {
  cursor.offset += 2;
  const start = cursor.offset;
  const value = scanDigits(cursor, 16);
  if (cursor.offset === start) throw cursor.error('0x needs hexadecimal digits');
  return value;
}

function scanDecimal(cursor: Cursor): number {
  const position = cursor.position();
  const start = cursor.offset;
  skipDigits(cursor);
  const octal = cursor.text[start] === '0' && cursor.offset - start > 1;
  const fraction = cursor.peek() === 0x2e && isDigit(cursor.peek(1));
  if (fraction) {
    cursor.offset += 1;
    skipDigits(cursor);
  }
  const exponent = skipExponent(cursor);
  if (octal && !fraction && !exponent) {
    const end = cursor.offset;
    cursor.offset = start;
    const value = scanDigits(cursor, 8);
    if (cursor.offset !== end)
      throw cursor.error('a number with a leading 0 is octal and has no digit 8 or 9', position);
    return value;
  }
  return Number(cursor.text.slice(start, cursor.offset));
}

function skipExponent(cursor: Cursor): boolean {
  if (cursor.peek() !== 0x65 && cursor.peek() !== 0x45) return false;
  const signed = cursor.peek(1) === 0x2b || cursor.peek(1) === 0x2d ? 1 : 0;
  if (!isDigit(cursor.peek(1 + signed))) return false;
  cursor.offset += 1 + signed;
  skipDigits(cursor);
  return true;
}

function skipDigits(cursor: Cursor): void {
  while (isDigit(cursor.peek())) cursor.offset += 1;
}

function scanDigits(cursor: Cursor, base: 8 | 16): number {
  let value = 0;
  for (;;) {
    const digit = digitAt(cursor.peek(), base);
    if (digit === undefined) return value;
    value = value * base + digit;
    cursor.offset += 1;
  }
}
