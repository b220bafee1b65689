/** Words and their letters, as the libraries beneath sprig (goutils, xstrings) tell them. */
import {
  encodeRune,
  isLower,
  isSpace,
  isUpper,
  mapRunes,
  runesOf,
  toBytes,
  toLower,
  toText,
  toUpper,
} from '../bytes.ts';
import type { Meter } from '../meter.ts';

const letterOrDigit = (code: number): boolean => /[\p{L}\p{Nd}_]/u.test(String.fromCodePoint(code));

/** `strings.Title`: the first letter of each word. */
export function title(text: string): string {
  let before = 0x20;
  return mapRunes(text, (code) => {
    const separated = before < 0x80 ? !letterOrDigit(before) : !letterOrDigit(before) && isSpace(before);
    before = code;
    return separated ? toUpper(code) : code;
  });
}

export function untitle(text: string): string {
  let first = true;
  return mapRunes(text, (code) => {
    if (isSpace(code)) first = true;
    else if (first) {
      first = false;
      return toLower(code);
    }
    return code;
  });
}

export function swapCase(text: string): string {
  return mapRunes(text, (code) => (isUpper(code) ? toLower(code) : isLower(code) ? toUpper(code) : code));
}

/** Byte by byte: what is not ASCII is taken for Latin-1. */
export function initials(text: string): string {
  let gap = true;
  let out = '';
  for (const byte of text) {
    const space = isSpace(byte.charCodeAt(0));
    if (!space && gap) out += encodeRune(byte.charCodeAt(0));
    gap = space;
  }
  return out;
}

export function abbreviated(text: string, from: number, width: number): string {
  if (text.length <= width) return text;
  const offset = Math.min(from, text.length, text.length - (width - 3) < from ? text.length - (width - 3) : from);
  if (offset <= 4) return `${text.slice(0, width - 3)}...`;
  if (width < 7) return '';
  if (offset + width - 3 < text.length) {
    const rest = text.slice(offset);
    const inner = width - 3 < 4 ? '' : abbreviated(rest, 0, width - 3);
    return `...${inner}`;
  }
  return `...${text.slice(text.length - (width - 3))}`;
}

interface Wrapping {
  readonly width: bigint;
  readonly line: string;
  /** Words that are too long are cut. */
  readonly cuts: boolean;
}

export function wrapped(text: string, { width, line, cuts }: Wrapping, meter: Meter): string {
  const most = Math.max(1, Number(width));
  meter.make(text.length * (1 + line.length));
  const out: string[] = [];
  let at = 0;
  while (text.length - at > most) {
    if (text[at] === ' ') {
      at++;
      continue;
    }
    const space = text.slice(at, at + most + 1).lastIndexOf(' ');
    const later = space >= 0 ? at + space : cuts ? -1 : text.indexOf(' ', at + most);
    if (space < 0 && !cuts && later < 0) break;
    const end = later >= 0 ? later : at + most;
    out.push(text.slice(at, end), line);
    at = later >= 0 ? end + 1 : end;
  }
  return text === '' ? '' : out.join('') + text.slice(at);
}

const connector = (code: number): boolean => code === 0x2d || code === 0x5f || isSpace(code);

export function camelCase(text: string): string {
  const codes = Array.from(runesOf(text), ({ code }) => code);
  let at = codes.findIndex((code) => !connector(code));
  // Of connectors alone the last comes twice.
  if (at < 0) return text + codes.slice(-1).map(encodeRune).join('');
  let out = codes.slice(0, at).map(encodeRune).join('');
  // A word that begins with a capital goes on in small letters while it is all capitals.
  let capitals = isUpper(codes[at] ?? 0);
  let held = toUpper(codes[at] ?? 0);
  for (at += 1; at < codes.length; at++) {
    let code = codes[at] ?? 0;
    if (connector(held)) {
      if (connector(code)) {
        out += encodeRune(held);
        held = code;
        continue;
      }
      capitals = isUpper(code);
      code = toUpper(code);
    } else {
      if (capitals && isUpper(code)) code = toLower(code);
      else capitals = false;
      out += encodeRune(held);
    }
    held = code;
  }
  return out + encodeRune(held);
}

type WordType = 'connector' | 'punctuation' | 'upper' | 'alphabet' | 'number' | 'other';

interface Word {
  readonly type: WordType;
  readonly text: string;
}

const alphabetic = '(?:(?![\\u3400-\\u9fff\\uac00-\\ud7a3\\u3040-\\u30ff])\\p{L})';
const small = `(?:(?!\\p{Lu})${alphabetic})`;
const word = new RegExp(
  `(?<connector>[-_\\s\\x85]+)|(?<punctuation>\\p{P}+)|(?<upper>\\p{Lu}{2,}(?!${small})|\\p{Lu}+(?=\\p{Lu}${small})|\\p{Lu}${small}*)|` +
    `(?<alphabet>${small}+)|(?<number>\\p{N}+)|(?<other>[^\\p{L}\\p{N}\\p{P}\\s_-]+|.)`,
  'gsu',
);

/** Of one word, in bytes: a text of signs has as many of them. */
const WORD = 64;

function wordsOf(text: string, meter: Meter): readonly Word[] {
  return Array.from(toText(text).matchAll(word), ({ 0: found, groups = {} }) => {
    meter.step();
    meter.make(WORD);
    const types = ['connector', 'punctuation', 'upper', 'alphabet', 'number', 'other'] as const;
    return { type: types.find((type) => groups[type] !== undefined) ?? 'other', text: found };
  });
}

/** snake_case and kebab-case: words by a connector; numbers stay with the letters around them. */
export function joined(text: string, by: string, meter: Meter): string {
  const words = wordsOf(text, meter);
  let out = '';
  let at = 0;
  const take = (): Word | undefined => words[at++];
  const write = ({ type, text: found }: Word): void => {
    if (type === 'connector') out += by.repeat(Array.from(found).length);
    else out += type === 'upper' ? found.toLowerCase() : found;
  };
  const joins = (next: Word | undefined): boolean => {
    return next !== undefined && next.type !== 'connector' && next.type !== 'punctuation';
  };
  /** Letters and numbers that follow a number belong to it. */
  const tail = (next: Word | undefined): Word | undefined => {
    let found = next;
    while (found?.type === 'alphabet' || found?.type === 'number') {
      write(found);
      found = take();
    }
    if (joins(found)) out += by;
    return found;
  };
  let current = take();
  while (current !== undefined && at < words.length) {
    write(current);
    const { type } = current;
    let next = take();
    if (type === 'number') next = tail(next);
    else if (type !== 'connector' && type !== 'punctuation') next = afterWord(next);
    current = next;
  }
  if (current !== undefined) write(current);
  return toBytes(out);

  function afterWord(next: Word | undefined): Word | undefined {
    if (next?.type !== 'number') {
      if (joins(next)) out += by;
      return next;
    }
    if (at >= words.length) return next;
    const following = take();
    if (following?.type !== 'alphabet') {
      write(next);
      if (joins(following)) out += by;
      return following;
    }
    out += by;
    write(next);
    return tail(following);
  }
}
