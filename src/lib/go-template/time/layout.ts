/** Layouts of Go's `time`: the reference time, written as it should look. */
import { FunctionError } from '../template-error.ts';
import { type Civil, DAY_NAMES, MONTH_NAMES, weekdayOf, yearDayOf } from './calendar.ts';

const ELEMENT =
  /January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|002|0[1-6]|15|1|2006|__2|_2(?!006)|2|3|4|5|PM|pm|[-Z](?:07:00:00|070000|07:00|0700|07)|[.,](?:0+|9+)(?!\d)/g;

/** Bytes of a layout: the longest of Go's own has 35. */
const MOST = 1_000;

/** Literals and elements by turns; the first is a literal. */
export function elementsOfLayout(layout: string): readonly { readonly literal: string; readonly element: string }[] {
  if (layout.length > MOST) throw new FunctionError(`a layout has at most ${MOST} bytes`);
  let at = 0;
  const found = [...layout.matchAll(ELEMENT)].map((match) => {
    const literal = layout.slice(at, match.index);
    at = match.index + match[0].length;
    return { literal, element: match[0] };
  });
  return [...found, { literal: layout.slice(at), element: '' }];
}

export interface Shown extends Civil {
  /** Seconds east of Greenwich. */
  readonly offset: number;
  readonly zone: string;
}

const two = (value: number): string => String(value).padStart(2, '0');
const hour12 = (hour: number): number => hour % 12 || 12;

const simple: Readonly<Record<string, (shown: Shown) => string>> = {
  January: ({ month }) => MONTH_NAMES[month - 1] ?? '',
  Jan: ({ month }) => (MONTH_NAMES[month - 1] ?? '').slice(0, 3),
  Monday: (shown) => DAY_NAMES[weekdayOf(shown)] ?? '',
  Mon: (shown) => (DAY_NAMES[weekdayOf(shown)] ?? '').slice(0, 3),
  MST: ({ zone, offset }) => (zone === '' ? shortOffset(offset) : zone),
  '002': (shown) => String(yearDayOf(shown)).padStart(3, '0'),
  __2: (shown) => String(yearDayOf(shown)).padStart(3, ' '),
  '01': ({ month }) => two(month),
  '1': ({ month }) => String(month),
  '02': ({ day }) => two(day),
  _2: ({ day }) => String(day).padStart(2, ' '),
  '2': ({ day }) => String(day),
  '03': ({ hour }) => two(hour12(hour)),
  '3': ({ hour }) => String(hour12(hour)),
  '15': ({ hour }) => two(hour),
  '04': ({ minute }) => two(minute),
  '4': ({ minute }) => String(minute),
  '05': ({ second }) => two(second),
  '5': ({ second }) => String(second),
  '06': ({ year }) => two(Math.abs(Number(year % 100n))),
  '2006': ({ year }) => (year < 0n ? `-${String(-year).padStart(4, '0')}` : String(year).padStart(4, '0')),
  PM: ({ hour }) => (hour >= 12 ? 'PM' : 'AM'),
  pm: ({ hour }) => (hour >= 12 ? 'pm' : 'am'),
};

export function formatted(layout: string, shown: Shown): string {
  return elementsOfLayout(layout)
    .map(({ literal, element }) => literal + (element === '' ? '' : elementText(element, shown)))
    .join('');
}

function elementText(element: string, shown: Shown): string {
  const known = simple[element];
  if (known !== undefined) return known(shown);
  return /^[.,]/.test(element) ? fraction(element, shown) : offsetText(element, shown.offset);
}

function fraction(element: string, { nanosecond }: Shown): string {
  const digits = String(nanosecond)
    .padStart(9, '0')
    .slice(0, element.length - 1)
    .padEnd(element.length - 1, '0');
  if (element[1] === '0') return `${element[0] ?? ''}${digits}`;
  const kept = digits.replace(/0+$/, '');
  return kept === '' ? '' : `${element[0] ?? ''}${kept}`;
}

function offsetText(element: string, offset: number): string {
  if (element.startsWith('Z') && offset === 0) return 'Z';
  const sign = offset < 0 ? '-' : '+';
  const size = Math.abs(offset);
  const parts = [size / 3_600, (size / 60) % 60, size % 60].map((each) => two(Math.floor(each)));
  const count = element.replaceAll(/\D/g, '').length / 2;
  return sign + parts.slice(0, count).join(element.includes(':') ? ':' : '');
}

/** What stands for a zone without a name. */
function shortOffset(offset: number): string {
  const minutes = Math.trunc(Math.abs(offset) / 60);
  return `${offset < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}${two(minutes % 60)}`;
}
