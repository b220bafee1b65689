/** Patterns run on RE2: their time grows with the text, never by backtracking. */
import { createRequire } from 'node:module';
import type * as Re2 from 're2js';
import { toBytes, toText } from '../bytes.ts';
import { fn, type FunctionMap } from '../function.ts';
import type { Meter } from '../meter.ts';
import { FunctionError } from '../template-error.ts';
import { GoList, strings, type Value } from '../value.ts';

/** A pattern's program grows with it, `a{1000}` a thousandfold. */
const MOST = 1_000;

/** Instructions of a pattern's program that are run for a character in the time of a step. */
const INSTRUCTIONS = 25;

/**
 * Tells of each character that is looked at. Once through a text takes linear time, but each match is looked for anew, and what
 * was seen behind the one before is seen again: all matches of `a.*b|a` in a text of `a` take its square.
 */
class Watched extends String {
  readonly #seen: () => void;

  constructor(text: string, seen: () => void) {
    super(text);
    this.#seen = seen;
  }

  override charCodeAt(at: number): number {
    this.#seen();
    return super.charCodeAt(at);
  }
}

interface Match {
  readonly start: number;
  readonly end: number;
  readonly groups: readonly (string | undefined)[];
  readonly names: Readonly<Record<string, number>>;
}

class Pattern {
  readonly #pattern: Re2.RE2JS;

  constructor(source: string, meter: Meter) {
    if (source.length > MOST) throw new FunctionError(`a pattern has at most ${MOST} bytes`);
    const { RE2JS } = createRequire(import.meta.url)('re2js') as typeof Re2;
    if (toBytes(toText(source)) !== source) throw new FunctionError('error parsing regexp: invalid UTF-8');
    try {
      this.#pattern = RE2JS.compile(toText(source));
    } catch {
      throw new FunctionError('error parsing regexp');
    }
    meter.step(this.#pattern.programSize());
  }

  /** Without overlaps, an empty one not right behind another, as Go's `FindAll`. */
  all(text: string, most: number, meter: Meter): readonly Match[] {
    const size = this.#pattern.programSize();
    const matcher = this.#pattern.matcher(
      new Watched(text, () => meter.step(size / INSTRUCTIONS)) as unknown as string,
    );
    const found: Match[] = [];
    const names = this.#pattern.namedGroups();
    let last = -1;
    while (matcher.find()) {
      const [start, end] = [matcher.start(), matcher.end()];
      if (start === end && start === last) continue;
      if (most >= 0 && found.length >= most) break;
      last = end;
      meter.step();
      const groups = Array.from({ length: matcher.groupCount() + 1 }, (_, place) => matcher.group(place) ?? undefined);
      found.push({ start, end, groups, names });
    }
    return found;
  }
}

function findAll(source: string, text: string, most: number, meter: Meter): readonly Match[] {
  return new Pattern(source, meter).all(toText(text), most, meter);
}

/** `regexMatch` takes a wrong pattern for one that does not match. */
function matches(source: string, text: string, meter: Meter): boolean {
  try {
    return findAll(source, text, 1, meter).length > 0;
  } catch (error) {
    if (error instanceof FunctionError) return false;
    throw error;
  }
}

const find = fn(['string', 'string'], ([source, text], meter) => {
  return toBytes(findAll(source, text, 1, meter)[0]?.groups[0] ?? '');
});
const every = fn(['string', 'string', 'int'], ([source, text, most], meter) => {
  const found = most === 0n ? [] : findAll(source, text, Number(most), meter);
  return new GoList(
    found.map(({ groups }) => toBytes(groups[0] ?? '')),
    'string',
    found.length === 0,
  );
});
const replace = fn(['string', 'string', 'string'], ([source, text, by], meter) => {
  const template = toText(by);
  return replaced({ source, text }, (match) => expanded(template, match), meter);
});
const replaceLiteral = fn(['string', 'string', 'string'], ([source, text, by], meter) => {
  const literal = toText(by);
  return replaced({ source, text }, () => literal, meter);
});
const split = fn(['string', 'string', 'int'], ([source, text, most], meter) =>
  parted(source, text, Number(most), meter),
);

export const regexFunctions: FunctionMap = {
  regexMatch: fn(['string', 'string'], ([source, text], meter) => matches(source, text, meter)),
  mustRegexMatch: fn(['string', 'string'], ([source, text], meter) => findAll(source, text, 1, meter).length > 0),
  regexFind: find,
  mustRegexFind: find,
  regexFindAll: every,
  mustRegexFindAll: every,
  regexReplaceAll: replace,
  mustRegexReplaceAll: replace,
  regexReplaceAllLiteral: replaceLiteral,
  mustRegexReplaceAllLiteral: replaceLiteral,
  regexSplit: split,
  mustRegexSplit: split,
  regexQuoteMeta: fn(['string'], ([text]) => text.replace(/[\\.+*?()|[\]{}^$]/g, '\\$&')),
};

function replaced(
  { source, text }: { source: string; text: string },
  by: (match: Match) => string,
  meter: Meter,
): string {
  const plain = toText(text);
  const out: string[] = [];
  let at = 0;
  const found = findAll(source, text, -1, meter);
  if (found.length === 0) return text;
  for (const match of found) {
    const piece = plain.slice(at, match.start) + by(match);
    meter.make(piece.length);
    out.push(piece);
    at = match.end;
  }
  return toBytes(out.join('') + plain.slice(at));
}

/** `$1`, `${name}`, `$$`; a name is as long as it can be, and one that is not there is empty. */
function expanded(template: string, { groups, names }: Match): string {
  return template.replace(/\$(?:\$|\{(\w+)\}|(\w+))/g, (_whole, braced?: string, bare?: string) => {
    const name = braced ?? bare;
    if (name === undefined) return '$';
    const index = /^\d+$/.test(name) ? Number(name) : names[name];
    return (index === undefined ? undefined : groups[index]) ?? '';
  });
}

function parted(source: string, text: string, most: number, meter: Meter): Value {
  const pattern = new Pattern(source, meter);
  if (most === 0) return new GoList([], 'string', true);
  if (source !== '' && text === '') return strings(['']);
  const plain = toText(text);
  const parts: string[] = [];
  let from = 0;
  let end = 0;
  for (const match of pattern.all(plain, most, meter)) {
    if (most > 0 && parts.length === most - 1) break;
    end = match.start;
    if (match.end !== 0) parts.push(plain.slice(from, end));
    from = match.end;
  }
  if (end !== plain.length) parts.push(plain.slice(from));
  return strings(parts.map(toBytes));
}
