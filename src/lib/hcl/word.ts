import type { Cursor } from './cursor.ts';

const simpleEscapes: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  '"': '"',
};
/** Digits after \x, \u and \U, in base 16. */
const hexEscapes: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };
const letter = /\p{L}/u;

export function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

function isAsciiLetter(code: number): boolean {
  return (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a) || code === 0x5f;
}

export function isWordStart(code: number): boolean {
  return isAsciiLetter(code) || (code > 0x7f && letter.test(String.fromCharCode(code)));
}

/** Letters, digits, `_`, `-` and `.`, as HCL 1 has it. */
export function isWordPart(code: number): boolean {
  return isWordStart(code) || isDigit(code) || code === 0x2d || code === 0x2e;
}

export function scanWord(cursor: Cursor): string {
  const start = cursor.offset;
  while (isWordPart(cursor.peek())) cursor.offset += 1;
  return cursor.text.slice(start, cursor.offset);
}

/** A quoted string at its opening quote. What stands in `${…}` is kept as it is: templates are evaluated elsewhere. */
export function scanString(cursor: Cursor): string {
  const start = cursor.position();
  const parts: string[] = [];
  cursor.offset += 1;
  let from = cursor.offset;
  for (;;) {
    const code = cursor.peek();
    if (Number.isNaN(code) || code === 0x0a) {
      throw cursor.error('this string has no end on its line: expected "', start);
    }
    if (code === 0x22) break;
    if (code === 0x5c) {
      parts.push(cursor.text.slice(from, cursor.offset), scanEscape(cursor));
      from = cursor.offset;
    } else if (code === 0x24 && cursor.peek(1) === 0x7b) skipInterpolation(cursor);
    else cursor.offset += 1;
  }
  parts.push(cursor.text.slice(from, cursor.offset));
  cursor.offset += 1;
  return parts.join('');
}

/** `${` up to its `}`; quotes inside do not end the string. */
function skipInterpolation(cursor: Cursor): void {
  const start = cursor.position();
  cursor.offset += 2;
  for (let open = 1; open > 0; cursor.advance()) {
    const code = cursor.peek();
    if (Number.isNaN(code)) throw cursor.error('${ has no end: expected }', start);
    if (code === 0x7b) open += 1;
    else if (code === 0x7d) open -= 1;
  }
}

function scanEscape(cursor: Cursor): string {
  const position = cursor.position();
  const character = cursor.text[cursor.offset + 1] ?? '';
  cursor.offset += 2;
  const simple = simpleEscapes[character];
  if (simple !== undefined) return simple;
  const digits = hexEscapes[character];
  if (digits !== undefined) return codePoint(cursor, cursor.offset, digits, 16);
  if (character >= '0' && character <= '7') return codePoint(cursor, cursor.offset - 1, 3, 8);
  throw cursor.error('unknown escape in a string: expected one of \\" \\\\ \\n \\r \\t \\uXXXX', position);
}

function codePoint(cursor: Cursor, from: number, digits: number, base: 8 | 16): string {
  let value = 0;
  for (let index = from; index < from + digits; index += 1) {
    const digit = digitAt(cursor.text.charCodeAt(index), base);
    if (digit === undefined) throw cursor.error(`an escape in a string needs ${digits} digits of base ${base}`);
    value = value * base + digit;
  }
  if (value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff) || (base === 8 && value > 0xff)) {
    throw cursor.error('an escape in a string names no character');
  }
  cursor.offset = from + digits;
  return String.fromCodePoint(value);
}

/** The value of a digit, or undefined. */
export function digitAt(code: number, base: number): number | undefined {
  let value = -1;
  if (isDigit(code)) value = code - 0x30;
  else if (code >= 0x61 && code <= 0x66) value = code - 0x57;
  else if (code >= 0x41 && code <= 0x46) value = code - 0x37;
  return value >= 0 && value < base ? value : undefined;
}
