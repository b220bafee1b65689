/**
 * `getHours` and the like, of a time in a zone. The package goes by way of the machine's own zone, where an hour can be
 * missing, and rounds to a millisecond, which can be the next day's.
 */
import { BoundedMap } from '../bounded-map.ts';
import { library } from './library.ts';
import type { CelFunc } from '@bufbuild/cel';
import type { Timestamp } from '@bufbuild/protobuf/wkt';

const NANOSECONDS = 1_000_000;
const DAY = 86_400_000;
const MINUTE = 60_000;

/** As cel-go reads it: hours of any number of digits, below a day. */
const OFFSET = /^([+-]?)(\d{1,8}):(\d{1,8})$/;
/** `GMT`, or `GMT-00:44:30`. */
const LONG_OFFSET = /GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/;

/** Each takes a while to make. There are some six hundred names. */
const formats = new BoundedMap<string, Intl.DateTimeFormat>(64);

function formatOf(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone);
  if (known !== undefined) return known;
  // The name is checked here. Kept are names as they are spelt: of each there are many spellings, since its case is free.
  const made = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' });
  formats.set(zone, made);
  return made;
}

function namedOffset(zone: string, at: Date): number {
  // Intl takes offsets too, in spellings of its own.
  if (!/^[A-Za-z]/.test(zone)) throw new Error('there is no such time zone');
  const [, sign, hours, minutes, seconds] = LONG_OFFSET.exec(formatOf(zone).format(at)) ?? [];
  const offset = Number(hours ?? 0) * 60 * MINUTE + Number(minutes ?? 0) * MINUTE + Number(seconds ?? 0) * 1_000;
  return sign === '-' ? -offset : offset;
}

/** Milliseconds to the east. By a name of the tz database, or `+01:30`; empty is UTC. */
function offsetOf(zone: string, at: Date): number {
  if (zone === '') return 0;
  const [, sign, hours, minutes] = OFFSET.exec(zone) ?? [];
  if (hours === undefined) return namedOffset(zone, at);
  if (Number(hours) > 23 || Number(minutes) > 59) throw new Error('there is no such time zone');
  const offset = (Number(hours) * 60 + Number(minutes)) * MINUTE;
  return sign === '-' ? -offset : offset;
}

function dayOfYear(date: Date): number {
  const first = new Date(date);
  first.setUTCMonth(0, 1);
  return Math.round((date.getTime() - first.getTime()) / DAY);
}

/** Of a date whose parts in UTC are those in the zone. */
const PARTS: Readonly<Record<string, (date: Date) => number>> = {
  getFullYear: (date) => date.getUTCFullYear(),
  getMonth: (date) => date.getUTCMonth(),
  getDate: (date) => date.getUTCDate(),
  getDayOfMonth: (date) => date.getUTCDate() - 1,
  getDayOfWeek: (date) => date.getUTCDay(),
  getDayOfYear: dayOfYear,
  getHours: (date) => date.getUTCHours(),
  getMinutes: (date) => date.getUTCMinutes(),
  getSeconds: (date) => date.getUTCSeconds(),
  getMilliseconds: (date) => date.getUTCMilliseconds(),
};

function dateIn({ seconds, nanos }: Timestamp, zone: string): Date {
  const at = new Date(Number(seconds) * 1_000 + Math.floor(nanos / NANOSECONDS));
  return new Date(at.getTime() + offsetOf(zone, at));
}

export function calendarFunctions(): CelFunc[] {
  const { cel, wellKnown } = library();
  const TIMESTAMP = cel.objectType(wellKnown.TimestampSchema);
  const { INT, STRING } = cel.CelScalar;
  return Object.entries(PARTS).flatMap(([name, part]) => [
    cel.celMethod(name, TIMESTAMP, [], INT, function () {
      return BigInt(part(dateIn(this.message, '')));
    }),
    cel.celMethod(name, TIMESTAMP, [STRING], INT, function (zone) {
      return BigInt(part(dateIn(this.message, zone)));
    }),
  ]);
}
