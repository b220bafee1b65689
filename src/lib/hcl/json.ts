import type { Body, Value } from './ast.ts';
import { BodyBuilder } from './body.ts';
import type { Cursor } from './cursor.ts';

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const words: Readonly<Record<string, boolean | null>> = { true: true, false: false, null: null };

/** The JSON form (RFC 8259) of a document, giving the tree that its HCL form gives. */
export function parseJsonDocument(cursor: Cursor): Body {
  skipBlank(cursor);
  const body = cursor.nested(() => parseObject(cursor));
  skipBlank(cursor);
  if (!cursor.atEnd()) throw cursor.error('found more text after the closing }, expected the end');
  return body;
}

function parseObject(cursor: Cursor): Body {
  const body = new BodyBuilder(cursor.position());
  cursor.offset += 1;
  skipBlank(cursor);
  if (take(cursor, closeBrace)) return body.build();
  for (;;) {
    const position = cursor.position();
    if (cursor.peek() !== quote) throw cursor.error('expected a key in double quotes');
    cursor.counted();
    const name = parseString(cursor);
    skipBlank(cursor);
    if (!take(cursor, 0x3a)) throw cursor.error('expected : after a key');
    const value = parseValue(cursor);
    if (value !== null) body.assign(name, value, position);
    if (!parseSeparator(cursor, closeBrace, '}')) return body.build();
  }
}

function parseList(cursor: Cursor): readonly Value[] {
  const values: Value[] = [];
  cursor.offset += 1;
  skipBlank(cursor);
  if (take(cursor, closeBracket)) return values;
  for (;;) {
    cursor.counted();
    const position = cursor.position();
    const value = parseValue(cursor);
    if (value === null) throw cursor.error('null has no meaning in a list', position);
    values.push(value);
    if (!parseSeparator(cursor, closeBracket, ']')) return values;
  }
}

/** True after a comma, false after the closing bracket. */
function parseSeparator(cursor: Cursor, closing: number, shown: string): boolean {
  skipBlank(cursor);
  if (take(cursor, closing)) return false;
  if (!take(cursor, comma)) throw cursor.error(`expected , or ${shown}`);
  skipBlank(cursor);
  return true;
}

function parseValue(cursor: Cursor): Value | null {
  skipBlank(cursor);
  const code = cursor.peek();
  if (code === quote) return parseString(cursor);
  if (code === openBrace) return cursor.nested(() => parseObject(cursor));
  if (code === openBracket) return cursor.nested(() => parseList(cursor));
  return parseScalar(cursor);
}

/** true, false, null or a number: everything up to the next separator, checked by JSON.parse. */
function parseScalar(cursor: Cursor): number | boolean | null {
  const position = cursor.position();
  const start = cursor.offset;
  while (isScalarPart(cursor.peek())) cursor.offset += 1;
  const text = cursor.text.slice(start, cursor.offset);
  const word = Object.hasOwn(words, text) ? words[text] : undefined;
  if (word !== undefined) return word;
  const number = jsonOf(text);
  if (typeof number !== 'number')
    throw cursor.error('expected a value: a string, number, list, object, true or false', position);
  if (!Number.isFinite(number) || (Number.isInteger(number) && !Number.isSafeInteger(number))) {
    throw cursor.error('a number is larger than 9007199254740991', position);
  }
  return number;
}

/** Letters, digits, `+`, `-` and `.`. */
function isScalarPart(code: number): boolean {
  if (code >= 0x30 && code <= 0x39) return true;
  return (
    (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a) || code === 0x2b || code === 0x2d || code === 0x2e
  );
}

/** A string at its opening quote; JSON.parse judges its escapes and control characters. */
function parseString(cursor: Cursor): string {
  const position = cursor.position();
  const start = cursor.offset;
  cursor.offset += 1;
  for (;;) {
    const code = cursor.peek();
    if (Number.isNaN(code) || code === 0x0a)
      throw cursor.error('this string has no end on its line: expected "', position);
    if (code === quote) break;
    cursor.offset += code === backslash ? 2 : 1;
  }
  cursor.offset += 1;
  const value = jsonOf(cursor.text.slice(start, cursor.offset));
  if (typeof value !== 'string' || !value.isWellFormed()) {
    throw cursor.error('a string has an unknown escape or a control character', position);
  }
  return value;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function take(cursor: Cursor, code: number): boolean {
  if (cursor.peek() !== code) return false;
  cursor.offset += 1;
  return true;
}

function skipBlank(cursor: Cursor): void {
  for (;;) {
    const code = cursor.peek();
    if (code !== 0x20 && code !== 0x09 && code !== 0x0a && code !== 0x0d) return;
    cursor.advance();
  }
}
