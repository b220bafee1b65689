/**
 * Go's strings are bytes. Here each is a JavaScript string that holds one byte a character (code points up to 0xFF), so
 * that lengths, indexes, slices and comparisons are Go's, and binary values pass through unharmed.
 */

/** What a JavaScript text is in Go: its UTF-8. */
export function toBytes(text: string): string {
  return isAscii(text) ? text : Buffer.from(text, 'utf8').toString('latin1');
}

/** The JavaScript text of a Go string; what is no UTF-8 becomes U+FFFD. */
export function toText(bytes: string): string {
  return isAscii(bytes) ? bytes : Buffer.from(bytes, 'latin1').toString('utf8');
}

export function isAscii(text: string): boolean {
  return /^[\0-\x7f]*$/.test(text);
}

export interface Rune {
  readonly code: number;
  /** How many bytes it takes. */
  readonly width: number;
}

export const REPLACEMENT = 0xfffd;

/** How many bytes follow a first byte, the bits of it that count, and the least code point of that length. */
function shapeOf(first: number): readonly [follow: number, mask: number, least: number] | undefined {
  if (first >= 0xc2 && first <= 0xdf) return [1, 0x1f, 0x80];
  if (first >= 0xe0 && first <= 0xef) return [2, 0x0f, 0x800];
  return first >= 0xf0 && first <= 0xf4 ? [3, 0x07, 0x10000] : undefined;
}

/** The rune at a byte; a byte that begins none is U+FFFD of width 1, as in Go's `unicode/utf8`. */
export function runeAt(bytes: string, at: number): Rune {
  const first = bytes.charCodeAt(at);
  if (first < 0x80) return { code: first, width: 1 };
  const invalid = { code: REPLACEMENT, width: 1 };
  const shape = shapeOf(first);
  if (shape === undefined) return invalid;
  const [follow, mask, least] = shape;
  let code = first & mask;
  for (let next = 1; next <= follow; next++) {
    const byte = bytes.charCodeAt(at + next);
    if (Number.isNaN(byte) || (byte & 0xc0) !== 0x80) return invalid;
    code = (code << 6) | (byte & 0x3f);
  }
  const surrogate = code >= 0xd800 && code <= 0xdfff;
  return code < least || code > 0x10ffff || surrogate ? invalid : { code, width: follow + 1 };
}

export function* runesOf(bytes: string): Generator<Rune & { readonly at: number }> {
  for (let at = 0; at < bytes.length;) {
    const rune = runeAt(bytes, at);
    yield { ...rune, at };
    at += rune.width;
  }
}

export function runeCount(bytes: string): number {
  if (isAscii(bytes)) return bytes.length;
  let count = 0;
  for (let at = 0; at < bytes.length; count++) at += runeAt(bytes, at).width;
  return count;
}

/** The UTF-8 of a code point; what is none is U+FFFD. */
export function encodeRune(code: number): string {
  const valid = code >= 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
  return toBytes(String.fromCodePoint(valid ? code : REPLACEMENT));
}

/** Each rune changed by `change`; bytes that are no UTF-8 become U+FFFD, as Go's `strings.Map` has it. */
export function mapRunes(bytes: string, change: (code: number) => number): string {
  let out = '';
  for (const { code } of runesOf(bytes)) out += encodeRune(change(code));
  return out;
}

export const isLetter = (code: number): boolean => /\p{L}/u.test(String.fromCodePoint(code));
export const isDigit = (code: number): boolean => /\p{Nd}/u.test(String.fromCodePoint(code));
export const isUpper = (code: number): boolean => /\p{Lu}/u.test(String.fromCodePoint(code));
export const isLower = (code: number): boolean => /\p{Ll}/u.test(String.fromCodePoint(code));

/** Go's `unicode.IsPrint`: letters, marks, numbers, punctuation, symbols, and the ASCII space. */
export const isPrint = (code: number): boolean => /[\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.test(String.fromCodePoint(code));

/** Go's `unicode.IsSpace`. */
export const isSpace = (code: number): boolean =>
  /[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/.test(String.fromCodePoint(code));

/** One code point to one: a mapping that would make several is left out, as Go's `unicode.ToUpper` has none. */
function simple(code: number, mapped: string): number {
  const first = mapped.codePointAt(0) ?? code;
  return String.fromCodePoint(first).length === mapped.length ? first : code;
}

export const toUpper = (code: number): number => simple(code, String.fromCodePoint(code).toUpperCase());
export const toLower = (code: number): number =>
  code === 0x130 ? 0x69 : simple(code, String.fromCodePoint(code).toLowerCase());
