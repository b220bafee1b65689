/** The proleptic Gregorian calendar in whole numbers without bounds, as Go's `time` counts. */

export interface Civil {
  readonly year: bigint;
  /** From 1. */
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly nanosecond: number;
}

const DAY = 86_400n;
/** Days of 400 years, after which the calendar repeats. */
const ERA = 146_097n;

/** Rounds towards the past; the remainder is never negative. */
export function parted(value: bigint, by: bigint): readonly [whole: bigint, rest: bigint] {
  const rest = ((value % by) + by) % by;
  return [(value - rest) / by, rest];
}

/** Days since 1970-01-01. Years begin with March within: the leap day is then their last. */
export function daysOf(year: bigint, month: number, day: number): bigint {
  const shifted = month <= 2 ? year - 1n : year;
  const [era, yearOfEra] = parted(shifted, 400n);
  const dayOfYear = BigInt(Math.floor((153 * ((month + 9) % 12) + 2) / 5)) + BigInt(day - 1);
  return era * ERA + yearOfEra * 365n + yearOfEra / 4n - yearOfEra / 100n + dayOfYear - 719_468n;
}

function dateOf(days: bigint): readonly [year: bigint, month: number, day: number] {
  const [era, dayOfEra] = parted(days + 719_468n, ERA);
  const yearOfEra = (dayOfEra - dayOfEra / 1_460n + dayOfEra / 36_524n - dayOfEra / 146_096n) / 365n;
  const dayOfYear = Number(dayOfEra - (365n * yearOfEra + yearOfEra / 4n - yearOfEra / 100n));
  const shifted = Math.floor((5 * dayOfYear + 2) / 153);
  const month = shifted < 10 ? shifted + 3 : shifted - 9;
  const year = yearOfEra + era * 400n + (month <= 2 ? 1n : 0n);
  return [year, month, dayOfYear - Math.floor((153 * shifted + 2) / 5) + 1];
}

/** Seconds since 1970 as a clock on the wall shows them. */
export function civilOf(seconds: bigint, nanosecond: number): Civil {
  const [days, rest] = parted(seconds, DAY);
  const [year, month, day] = dateOf(days);
  const within = Number(rest);
  const [hour, minute] = [Math.floor(within / 3_600), Math.floor(within / 60) % 60];
  return { year, month, day, hour, minute, second: within % 60, nanosecond };
}

export function secondsOf({ year, month, day, hour, minute, second }: Civil): bigint {
  return daysOf(year, month, day) * DAY + BigInt(hour * 3_600 + minute * 60 + second);
}

/** 0 is Sunday. */
export function weekdayOf({ year, month, day }: Civil): number {
  return Number(parted(daysOf(year, month, day) + 4n, 7n)[1]);
}

/** From 1. */
export function yearDayOf({ year, month, day }: Civil): number {
  return Number(daysOf(year, month, day) - daysOf(year, 1, 1)) + 1;
}

export function daysIn(year: bigint, month: number): number {
  const next = month === 12 ? daysOf(year + 1n, 1, 1) : daysOf(year, month + 1, 1);
  return Number(next - daysOf(year, month, 1));
}

const MONTHS = 'January February March April May June July August September October November December';
export const MONTH_NAMES: readonly string[] = MONTHS.split(' ');
export const DAY_NAMES: readonly string[] = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ');
