/**
 * Functions of texts in place of the package's: they pay before they make something large, count characters and not UTF-16
 * units, and split and replace as cel-go does.
 */
import { library } from './library.ts';
import type { CelFunc } from '@bufbuild/cel';
import type { Meter } from './meter.ts';

const SURROGATE = /[\ud800-\udfff]/;

/** Texts without surrogates have a unit for each character. */
const charactersOf = (text: string): string | string[] => (SURROGATE.test(text) ? Array.from(text) : text);

function charactersBetween(text: string, start: bigint, end: bigint | undefined): string {
  const characters = charactersOf(text);
  const until = end ?? BigInt(characters.length);
  if (start < 0n || until > BigInt(characters.length) || start > until) throw new Error('index out of range');
  const part = characters.slice(Number(start), Number(until));
  return typeof part === 'string' ? part : part.join('');
}

function characterAt(text: string, index: bigint): string {
  const { length } = charactersOf(text);
  return index === BigInt(length) ? '' : charactersBetween(text, index, index + 1n);
}

const unitsBefore = (text: string, characters: bigint): number => charactersBetween(text, 0n, characters).length;

/** The position of what was found at a unit, or -1. */
const positionOf = (text: string, unit: number): bigint =>
  unit < 0 ? -1n : BigInt(charactersOf(text.slice(0, unit)).length);

/** From the character `start` on, as far as there is one. */
function sought(text: string, part: string, start: bigint): bigint {
  const length = BigInt(charactersOf(text).length);
  return positionOf(text, text.indexOf(part, unitsBefore(text, start > length ? length : start)));
}

/** That begins at `start` at the latest. Behind the end nothing does, but for nothing itself. */
function soughtBackwards(text: string, part: string, start: bigint): bigint {
  const length = BigInt(charactersOf(text).length);
  if (start >= length) return part === '' ? length : -1n;
  return positionOf(text, text.lastIndexOf(part, unitsBefore(text, start)));
}

/** Go's `unicode.IsSpace`. */
const SPACES = /^[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/;

const reversed = (text: string): string => Array.from(text).reverse().join('');

const trimmed = (text: string): string => reversed(reversed(text.replace(SPACES, '')).replace(SPACES, ''));

const ESCAPES: Readonly<Record<string, string>> = {
  ...{ '\u0007': '\\a', '\b': '\\b', '\f': '\\f', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\v': '\\v' },
  ...{ '\\': '\\\\', '"': '\\"' },
};

const quoted = (text: string): string => `"${text.replaceAll(/[\u0007-\r"\\]/g, (sign) => ESCAPES[sign] ?? sign)}"`;

/** At most `limit` parts, the last of which has the rest; all of them for one below zero. */
function split(text: string, separator: string, limit: bigint): string[] {
  if (limit === 0n) return [];
  const parts = separator === '' ? Array.from(text) : text.split(separator);
  if (limit < 0n || BigInt(parts.length) <= limit) return parts;
  const kept = Number(limit) - 1;
  return [...parts.slice(0, kept), parts.slice(kept).join(separator)];
}

/** In front of each character, and behind the last, for an empty `old`. */
function replace(text: string, [old, fresh]: readonly [string, string], limit: bigint): string {
  const parts = old === '' ? ['', ...Array.from(text), ''] : text.split(old);
  const gaps = parts.length - 1;
  const replaced = limit < 0n || limit > BigInt(gaps) ? gaps : Number(limit);
  return (
    parts.slice(0, replaced + 1).join(fresh) +
    parts
      .slice(replaced)
      .slice(1)
      .map((part) => old + part)
      .join('')
  );
}

const CHARACTERS = 16;

/** Of a part for each place that there may be. */
const places = (text: string, sought: string): number =>
  sought === '' ? text.length + 1 : 1 + Math.floor(text.length / sought.length);

/** Of characters by their places. */
function placeFunctions(): CelFunc[] {
  const { celMethod, CelScalar } = library().cel;
  const { STRING, INT } = CelScalar;
  return [
    celMethod('charAt', STRING, [INT], STRING, function (index) {
      return characterAt(this, index);
    }),
    celMethod('substring', STRING, [INT], STRING, function (start) {
      return charactersBetween(this, start, undefined);
    }),
    celMethod('substring', STRING, [INT, INT], STRING, function (start, end) {
      return charactersBetween(this, start, end);
    }),
    celMethod('indexOf', STRING, [STRING], INT, function (part) {
      return positionOf(this, this.indexOf(part));
    }),
    celMethod('indexOf', STRING, [STRING, INT], INT, function (part, start) {
      return sought(this, part, start);
    }),
    celMethod('lastIndexOf', STRING, [STRING], INT, function (part) {
      return positionOf(this, this.lastIndexOf(part));
    }),
    celMethod('lastIndexOf', STRING, [STRING, INT], INT, function (part, start) {
      return soughtBackwards(this, part, start);
    }),
  ];
}

export function textFunctions(meter: Meter): CelFunc[] {
  const { cel } = library();
  const { STRING, INT, DYN } = cel.CelScalar;
  const LIST = cel.listType(DYN);
  const doReplace = (text: string, pair: readonly [string, string], limit: bigint): string => {
    meter.spend(places(text, pair[0]) * (1 + pair[1].length / CHARACTERS));
    return replace(text, pair, limit);
  };
  const doSplit = (text: string, separator: string, limit: bigint): string[] => {
    meter.spend(places(text, separator));
    return split(text, separator, limit);
  };
  const join = (list: Iterable<unknown> & { readonly size: number }, separator: string): string => {
    meter.spend(list.size * (1 + separator.length / CHARACTERS));
    const texts = Array.from(list);
    if (!texts.every((each) => typeof each === 'string')) throw new Error('join takes texts');
    return texts.join(separator);
  };
  const { celMethod } = cel;
  return [
    ...placeFunctions(),
    celMethod('replace', STRING, [STRING, STRING], STRING, function (old, fresh) {
      return doReplace(this, [old, fresh], -1n);
    }),
    celMethod('replace', STRING, [STRING, STRING, INT], STRING, function (old, fresh, limit) {
      return doReplace(this, [old, fresh], limit);
    }),
    celMethod('split', STRING, [STRING], LIST, function (separator) {
      return doSplit(this, separator, -1n);
    }),
    celMethod('split', STRING, [STRING, INT], LIST, function (separator, limit) {
      return doSplit(this, separator, limit);
    }),
    celMethod('join', LIST, [], STRING, function () {
      return join(this, '');
    }),
    celMethod('join', LIST, [STRING], STRING, function (separator) {
      return join(this, separator);
    }),
    celMethod('reverse', STRING, [], STRING, function () {
      return reversed(this);
    }),
    celMethod('trim', STRING, [], STRING, function () {
      return trimmed(this);
    }),
    cel.celFunc('strings.quote', [STRING], STRING, quoted),
  ];
}
