/** `time.ParseInLocation` for UTC: a text by a layout. */
import { daysIn, MONTH_NAMES, DAY_NAMES, secondsOf } from './calendar.ts';
import { elementsOfLayout } from './layout.ts';
import { GoTime, NANOSECONDS } from './time.ts';
import { fixedZone, UTC, type Zone } from './zone.ts';

interface Read {
  year: bigint;
  month: number | undefined;
  day: number | undefined;
  yearDay: number | undefined;
  hour: number;
  minute: number;
  second: number;
  nanosecond: number;
  half: 'am' | 'pm' | undefined;
  offset: number | undefined;
  zone: string;
  utc: boolean;
}

/** Takes what an element stands for off the front; undefined where it does not stand there. */
type Reader = (text: string, read: Read) => string | undefined;

/** One or two digits, or exactly `digits`, in bounds. */
function number(
  pattern: RegExp,
  [least, most]: readonly [number, number],
  put: (read: Read, value: number) => void,
): Reader {
  return (text, read) => {
    const digits = pattern.exec(text)?.[0];
    if (digits === undefined) return undefined;
    const value = Number(digits.trim());
    if (value < least || value > most) return undefined;
    put(read, value);
    return text.slice(digits.length);
  };
}

function name(names: readonly string[], put: (read: Read, index: number) => void): Reader {
  return (text, read) => {
    const index = names.findIndex((each) => text.slice(0, each.length).toLowerCase() === each.toLowerCase());
    if (index < 0) return undefined;
    put(read, index);
    return text.slice(names[index]?.length);
  };
}

const short = (names: readonly string[]): readonly string[] => names.map((each) => each.slice(0, 3));
const putMonth = (read: Read, index: number): void => {
  read.month = index + 1;
};
const ignored = (): void => undefined;
const ONE_OR_TWO = /^\d\d?/;
const TWO = /^\d\d/;
const month = (pattern: RegExp): Reader => number(pattern, [1, 12], (read, value) => putMonth(read, value - 1));
const day = (pattern: RegExp): Reader =>
  number(pattern, [0, 99], (read, value) => {
    read.day = value;
  });
const yearDay = (pattern: RegExp): Reader =>
  number(pattern, [1, 366], (read, value) => {
    read.yearDay = value;
  });
const hour = (pattern: RegExp, most: number): Reader =>
  number(pattern, [0, most], (read, value) => {
    read.hour = value;
  });
const minute = (pattern: RegExp): Reader =>
  number(pattern, [0, 59], (read, value) => {
    read.minute = value;
  });
const second = (pattern: RegExp): Reader =>
  number(pattern, [0, 59], (read, value) => {
    read.second = value;
  });
const half =
  (am: string, pm: string): Reader =>
  (text, read) => {
    if (!text.startsWith(am) && !text.startsWith(pm)) return undefined;
    read.half = text.startsWith(pm) ? 'pm' : 'am';
    return text.slice(2);
  };

const readers: Readonly<Record<string, Reader>> = {
  January: name(MONTH_NAMES, putMonth),
  Jan: name(short(MONTH_NAMES), putMonth),
  Monday: name(DAY_NAMES, ignored),
  Mon: name(short(DAY_NAMES), ignored),
  MST: zoneName,
  '002': yearDay(/^\d{3}/),
  __2: yearDay(/^(?: {2}\d| \d\d|\d{3})/),
  '01': month(TWO),
  '1': month(ONE_OR_TWO),
  '02': day(TWO),
  _2: day(/^ ?\d\d?/),
  '2': day(ONE_OR_TWO),
  '03': hour(TWO, 12),
  '3': hour(ONE_OR_TWO, 12),
  '15': hour(ONE_OR_TWO, 23),
  '04': minute(TWO),
  '4': minute(ONE_OR_TWO),
  '05': second(TWO),
  '5': second(ONE_OR_TWO),
  '06': number(TWO, [0, 99], (read, value) => {
    read.year = BigInt(value >= 69 ? 1_900 + value : 2_000 + value);
  }),
  '2006': number(/^\d{4}/, [0, 9_999], (read, value) => {
    read.year = BigInt(value);
  }),
  PM: half('AM', 'PM'),
  pm: half('am', 'pm'),
};

/** undefined for what does not follow the layout. */
export function parseTime(layout: string, text: string): GoTime | undefined {
  const read: Read = {
    ...{ year: 0n, month: undefined, day: undefined, yearDay: undefined, hour: 0, minute: 0, second: 0 },
    ...{ nanosecond: 0, half: undefined, offset: undefined, zone: '', utc: false },
  };
  let rest: string | undefined = text;
  const elements = elementsOfLayout(layout);
  for (const [place, { literal, element }] of elements.entries()) {
    rest = withoutLiteral(rest, literal);
    if (rest === undefined) return undefined;
    if (element === '') break;
    rest = readElement(element, rest, read);
    const follows = elements[place + 1];
    const hasFraction = follows?.literal === '' && /^[.,]/.test(follows.element);
    if (rest !== undefined && /^0?5$/.test(element) && !hasFraction) rest = fraction(/^[.,]\d+/, rest, read) ?? rest;
    if (rest === undefined) return undefined;
  }
  return rest === '' ? timeOf(read) : undefined;
}

/** A space of the layout stands for any number of them. */
function withoutLiteral(text: string, literal: string): string | undefined {
  let rest = text;
  let left = literal;
  while (left !== '') {
    if (left.startsWith(' ')) {
      if (rest !== '' && !rest.startsWith(' ')) return undefined;
      left = left.replace(/^ +/, '');
      rest = rest.replace(/^ +/, '');
    } else {
      if (rest[0] !== left[0]) return undefined;
      left = left.slice(1);
      rest = rest.slice(1);
    }
  }
  return rest;
}

function readElement(element: string, text: string, read: Read): string | undefined {
  const reader = readers[element];
  if (reader !== undefined) return reader(text, read);
  if (/^[.,]0/.test(element)) return fraction(new RegExp(`^[.,]\\d{${element.length - 1}}`), text, read);
  if (/^[.,]9/.test(element)) return /^[.,]\d/.test(text) ? fraction(/^[.,]\d+/, text, read) : text;
  return offset(element, text, read);
}

function fraction(pattern: RegExp, text: string, read: Read): string | undefined {
  const found = pattern.exec(text)?.[0];
  if (found === undefined) return undefined;
  read.nanosecond = Number(found.slice(1, 10).padEnd(9, '0'));
  return text.slice(found.length);
}

function offset(element: string, text: string, read: Read): string | undefined {
  if (element.startsWith('Z') && text.startsWith('Z')) {
    read.utc = true;
    return text.slice(1);
  }
  const form = element.slice(1).replaceAll('07', '00').replaceAll('00', '(\\d\\d)');
  const found = new RegExp(`^([+-])${form}`).exec(text);
  if (found === null) return undefined;
  const [whole, sign, hours = '0', minutes = '0', seconds = '0'] = found;
  if (Number(hours) > 24 || Number(minutes) > 60 || Number(seconds) > 60) return undefined;
  const total = Number(hours) * 3_600 + Number(minutes) * 60 + Number(seconds);
  read.offset = sign === '-' ? -total : total;
  return text.slice(whole.length);
}

/** `UTC`, three or four capitals (the last of four a T), `GMT` with an offset, or a sign and hours. */
function zoneName(text: string, read: Read): string | undefined {
  if (text.startsWith('UTC')) {
    read.utc = true;
    return text.slice(3);
  }
  const found =
    /^(?:ChST|MeST|GMT[+-]\d{1,2}|GMT|WITA|[A-Z]{4}T(?![A-Z])|[A-Z]{3}T(?![A-Z])|[A-Z]{3}(?![A-Z])|[+-]\d\d?)/.exec(
      text,
    )?.[0];
  if (found === undefined) return undefined;
  read.zone = found;
  return text.slice(found.length);
}

function timeOf(read: Read): GoTime | undefined {
  const date = dateOf(read);
  const clock = hourOf(read);
  if (date === undefined || clock === undefined) return undefined;
  const seconds = secondsOf({ ...read, ...date, hour: clock });
  const zone = zoneOf(read);
  return new GoTime((seconds - BigInt(zone.at(0n).offset)) * NANOSECONDS + BigInt(read.nanosecond), zone);
}

function hourOf({ hour: read, half: which }: Read): number | undefined {
  if (which === 'pm' && read < 12) return read + 12;
  return which === 'am' && read === 12 ? 0 : read;
}

function dateOf(read: Read): { month: number; day: number } | undefined {
  return read.yearDay === undefined ? dateInMonth(read) : dateInYear(read, read.yearDay);
}

function dateInMonth({ year, month: inYear = 1, day: inMonth = 1 }: Read): { month: number; day: number } | undefined {
  return inMonth < 1 || inMonth > daysIn(year, inYear) ? undefined : { month: inYear, day: inMonth };
}

function dateInYear(read: Read, days: number): { month: number; day: number } | undefined {
  let left = days;
  let inYear = 1;
  while (inYear < 12 && left > daysIn(read.year, inYear)) left -= daysIn(read.year, inYear++);
  if (left > daysIn(read.year, inYear)) return undefined;
  const clashes = (read.month ?? inYear) !== inYear || (read.day ?? left) !== left;
  return clashes ? undefined : { month: inYear, day: left };
}

function zoneOf({ utc, offset: given, zone }: Read): Zone {
  if (utc) return UTC;
  if (given !== undefined) return given === 0 && zone === '' ? UTC : fixedZone(zone, given);
  if (zone === '') return UTC;
  // A name alone says nothing of the offset, but for these.
  const hours = /^GMT([+-]\d+)$/.exec(zone)?.[1];
  return fixedZone(zone, hours === undefined ? 0 : Number(hours) * 3_600);
}
