/** `format`: what cel-go puts in for a clause where the package puts something else, or nothing. The rest is the package's. */
import { goFloat } from '../go-text.ts';
import { library } from './library.ts';
import { compareTexts } from './order.ts';
import { durationText, timestampText } from './times.ts';
import type { CelFunc, CelList, CelMap, CelValue } from '@bufbuild/cel';

function mapText(map: CelMap): string {
  const members = Array.from(map.entries(), ([key, value]): [string, string] => [textOf(key), textOf(value)]);
  const sorted = members.sort(([left], [right]) => compareTexts(left, right));
  return `{${sorted.map(([key, value]) => `${key}: ${value}`).join(', ')}}`;
}

function objectText(value: Exclude<CelValue, string | number | bigint | boolean | null>): string {
  const { cel, protobuf, reflection, wellKnown } = library();
  if (value instanceof Uint8Array) return new TextDecoder('utf-8', { ignoreBOM: true }).decode(value);
  if (cel.isCelUint(value)) return String(value.value);
  if (cel.isCelType(value)) return value.name;
  if (cel.isCelList(value)) return `[${Array.from(value, textOf).join(', ')}]`;
  if (cel.isCelMap(value)) return mapText(value);
  const message = reflection.isReflectMessage(value) ? value.message : undefined;
  if (protobuf.isMessage(message, wellKnown.TimestampSchema)) return timestampText(message);
  if (protobuf.isMessage(message, wellKnown.DurationSchema)) return durationText(message);
  throw new Error('%s takes no messages');
}

/** By `%s`. */
function textOf(value: CelValue): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return goFloat(value);
  if (value === null || typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  return objectText(value);
}

function numberOf(value: CelValue): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  return library().cel.isCelUint(value) ? Number(value.value) : undefined;
}

/** Two digits of an exponent at least. */
const scientific = (value: number, precision: number): string =>
  value.toExponential(precision).replace(/e([+-])(\d)$/, 'e$10$2');

interface Clause {
  readonly letter: string;
  /** Digits behind the point. */
  readonly precision: number;
  readonly value: CelValue;
}

/** The text for a clause, or another number; undefined where the package knows. */
function instead({ letter, precision, value }: Clause): string | number | undefined {
  const number = numberOf(value);
  if (letter === 's') return textOf(value);
  if (number === undefined || !Number.isFinite(number)) return undefined;
  if (letter === 'd' && typeof value === 'number') return goFloat(value);
  if (letter === 'e') return scientific(number, precision);
  return letter === 'f' ? number : undefined;
}

/** Digits behind the point where a clause does not say. */
const USUAL = 6;

export function formatFunctions(packaged: CelFunc | undefined): CelFunc[] {
  const { cel } = library();
  const { STRING, DYN } = cel.CelScalar;
  const format = (text: string, list: CelList): string => {
    const values: CelValue[] = Array.from(list);
    let next = 0;
    const ready = text.replaceAll(/%(?:%|(\.\d+)?([A-Za-z]))/g, (clause, point?: string, letter?: string) => {
      const value = letter === undefined ? undefined : values[next];
      if (letter === undefined || value === undefined) return clause;
      const precision = point === undefined ? USUAL : Number(point.slice(1));
      const fresh = instead({ letter, precision, value });
      if (fresh !== undefined) values[next] = fresh;
      next += 1;
      return typeof fresh === 'string' ? '%s' : clause;
    });
    if (/%\.(?!\d)/.test(ready.replaceAll('%%', ''))) throw new Error('a clause has no digits behind its point');
    const answer = packaged?.call(0, ready, [cel.celList(values)]);
    if (typeof answer === 'string') return answer;
    throw answer instanceof Error ? answer : new Error('the text has no such clauses');
  };
  return [
    cel.celMethod('format', STRING, [cel.listType(DYN)], STRING, function (list) {
      return format(this, list);
    }),
  ];
}
