import { mapRunes, toLower, toUpper, runeCount, runesOf, encodeRune, isSpace } from '../bytes.ts';
import { fn, type FunctionMap, variadic } from '../function.ts';
import type { Meter } from '../meter.ts';
import { sprintValue, trimSpace } from '../print.ts';
import { quote } from '../quote.ts';
import { FunctionError } from '../template-error.ts';
import { elementsOf, GoMap, strings, type Value } from '../value.ts';
import { textOf, textsOf } from './cast.ts';
import { abbreviated, camelCase, initials, joined, swapCase, title, untitle, wrapped } from './words.ts';

const compare = (test: (text: string, part: string) => boolean) =>
  fn(['string', 'string'], ([part, text]) => test(text, part));

export const stringFunctions: FunctionMap = {
  trim: fn(['string'], ([text]) => trimSpace(text)),
  trimAll: fn(['string', 'string'], ([set, text]) => trimSet(text, set)),
  trimall: fn(['string', 'string'], ([set, text]) => trimSet(text, set)),
  trimSuffix: fn(['string', 'string'], ([end, text]) =>
    text.endsWith(end) ? text.slice(0, text.length - end.length) : text,
  ),
  trimPrefix: fn(['string', 'string'], ([start, text]) => (text.startsWith(start) ? text.slice(start.length) : text)),
  upper: fn(['string'], ([text]) => mapRunes(text, toUpper)),
  lower: fn(['string'], ([text]) => mapRunes(text, toLower)),
  title: fn(['string'], ([text]) => title(text)),
  untitle: fn(['string'], ([text]) => untitle(text)),
  swapcase: fn(['string'], ([text]) => swapCase(text)),
  snakecase: fn(['string'], ([text], meter) => joined(text, '_', meter)),
  kebabcase: fn(['string'], ([text], meter) => joined(text, '-', meter)),
  camelcase: fn(['string'], ([text]) => camelCase(text)),
  initials: fn(['string'], ([text]) => initials(text)),
  nospace: fn(['string'], ([text]) => withoutSpace(text)),
  abbrev: fn(['int', 'string'], ([width, text]) => (width < 4n ? text : abbreviated(text, 0, Number(width)))),
  abbrevboth: fn(['int', 'int', 'string'], ([left, right, text]) => {
    return right < 4n || (left > 0n && right < 7n) ? text : abbreviated(text, Number(left), Number(right));
  }),
  trunc: fn(['int', 'string'], ([count, text]) => {
    if (count >= 0n) return text.slice(0, Number(count));
    return Number(count) + text.length > 0 ? text.slice(Number(count)) : text;
  }),
  substr: fn(['int', 'int', 'string'], ([start, end, text]) => substring(Number(start), Number(end), text)),
  repeat: fn(['int', 'string'], ([count, text], meter) => {
    if (count < 0n) throw new FunctionError('strings: negative Repeat count');
    meter.make(Number(count) * text.length);
    return text === '' ? '' : text.repeat(Number(count));
  }),
  replace: fn(['string', 'string', 'string'], ([old, by, text], meter) => replaceAll(text, [old, by], meter)),
  contains: compare((text, part) => text.includes(part)),
  hasPrefix: compare((text, part) => text.startsWith(part)),
  hasSuffix: compare((text, part) => text.endsWith(part)),
  quote: variadic([], 'any', (_, values, meter) => each(values, meter, (value) => quote(textOf(value, meter)))),
  squote: variadic([], 'any', (_, values, meter) => each(values, meter, (value) => `'${sprintValue(value, meter)}'`)),
  cat: variadic([], 'any', (_, values, meter) => each(values, meter, (value) => sprintValue(value, meter))),
  indent: fn(['int', 'string'], ([spaces, text], meter) => indent(spaces, text, meter)),
  nindent: fn(['int', 'string'], ([spaces, text], meter) => `\n${indent(spaces, text, meter)}`),
  plural: fn(['string', 'string', 'int'], ([one, many, count]) => (count === 1n ? one : many)),
  wrap: fn(['int', 'string'], ([width, text], meter) => wrapped(text, { width, line: '\n', cuts: false }, meter)),
  wrapWith: fn(['int', 'string', 'string'], ([width, line, text], meter) => {
    return wrapped(text, { width, line: line === '' ? '\n' : line, cuts: true }, meter);
  }),
  toString: fn(['any'], ([value], meter) => textOf(value, meter)),
  toStrings: fn(['any'], ([value], meter) => strings(textsOf(value, meter))),
  join: fn(['string', 'any'], ([between, value], meter) => {
    const texts = textsOf(value, meter);
    meter.make(texts.reduce((sum, text) => sum + text.length + between.length, 0));
    return texts.join(between);
  }),
  sortAlpha: fn(['any'], ([value], meter) => {
    const texts = elementsOf(value) === undefined ? [textOf(value, meter)] : textsOf(value, meter);
    for (const text of texts) meter.read(COMPARED * text.length);
    return strings(texts.sort(byBytes));
  }),
  split: fn(['string', 'string'], ([by, text], meter) => numbered(splitText(text, by, -1, meter))),
  splitn: fn(['string', 'int', 'string'], ([by, most, text], meter) => {
    return numbered(splitText(text, by, Number(most), meter));
  }),
  splitList: fn(['string', 'string'], ([by, text], meter) => strings(splitText(text, by, -1, meter))),
  hello: fn([], () => 'Hello!'),
  fail: fn(['string'], ([text]) => {
    throw new FunctionError(text);
  }),
};

/** In steps, for each of the texts that are sorted: it is compared with some others. */
const COMPARED = 16;
const byBytes = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function each(values: readonly Value[], meter: Meter, show: (value: Value) => string): string {
  meter.step(values.length);
  const shown: string[] = [];
  for (const value of values) {
    if (value === null) continue;
    const text = show(value);
    meter.make(text.length + 1);
    shown.push(text);
  }
  return shown.join(' ');
}

function trimSet(text: string, set: string): string {
  const members = new Set(Array.from(runesOf(set), ({ code }) => code));
  let start: number | undefined;
  let end = 0;
  for (const { code, at, width } of runesOf(text)) {
    if (members.has(code)) continue;
    start ??= at;
    end = at + width;
  }
  return text.slice(start ?? end, end);
}

/** Byte by byte, as the library does: what is not ASCII is taken for Latin-1. */
function withoutSpace(text: string): string {
  const kept = Array.from(text).filter((byte) => !isSpace(byte.charCodeAt(0)));
  return kept.length === text.length ? text : kept.map((byte) => encodeRune(byte.charCodeAt(0))).join('');
}

function substring(start: number, end: number, text: string): string {
  if (start < 0) {
    if (end < 0 || end > text.length) throw outOfRange(end, `with length ${text.length}`);
    return text.slice(0, end);
  }
  if (end < 0 || end > text.length) {
    if (start > text.length)
      throw new FunctionError(`runtime error: slice bounds out of range [${start}:${text.length}]`);
    return text.slice(start);
  }
  if (start > end) throw new FunctionError(`runtime error: slice bounds out of range [${start}:${end}]`);
  return text.slice(start, end);
}

function outOfRange(end: number, length: string): FunctionError {
  const shown = end < 0 ? `[:${end}]` : `[:${end}] ${length}`;
  return new FunctionError(`runtime error: slice bounds out of range ${shown}`);
}

function indent(spaces: bigint, text: string, meter: Meter): string {
  if (spaces < 0n) throw new FunctionError('strings: negative Repeat count');
  const lines = text.split('\n');
  meter.make(lines.length * Number(spaces) + text.length);
  const before = ' '.repeat(Number(spaces));
  return lines.map((line) => before + line).join('\n');
}

export function replaceAll(text: string, [old, by]: readonly [string, string], meter: Meter): string {
  if (old === '') {
    meter.make((runeCount(text) + 1) * by.length);
    return by + runesIn(text, meter).join(by) + (text === '' ? '' : by);
  }
  const parts = text.split(old);
  meter.make(parts.length * by.length);
  return parts.join(by);
}

/** `strings.SplitN`: an empty separator parts runes; -1 is no bound. */
export function splitText(text: string, by: string, most: number, meter: Meter): string[] {
  if (most === 0) return [];
  const parts = by === '' ? runesIn(text, meter) : text.split(by);
  meter.step(parts.length);
  meter.make(text.length + 16 * parts.length);
  if (most < 0 || parts.length <= most) return parts;
  return [...parts.slice(0, most - 1), parts.slice(most - 1).join(by)];
}

/** Each rune as a text. */
function runesIn(text: string, meter: Meter): string[] {
  meter.make(8 * text.length);
  return Array.from(runesOf(text), ({ at, width }) => text.slice(at, at + width));
}

function numbered(parts: readonly string[]): GoMap {
  return new GoMap(
    parts.map((part, place) => [`_${place}`, part] as const),
    'string',
  );
}
