import { fail } from '../errors.ts';

/** Milliseconds. `d` is Vault's addition to the units of Go's time.ParseDuration. */
const units: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
/** Go's durations are 64-bit nanoseconds: about 292 years. */
const longestMs = 9_223_372_036_854;
const longestText = 64;
const expectation = 'use whole seconds (3600) or numbers with units (90s, 1h30m, 250ms, 2d)';

/** What a duration may be besides zero or more. */
export interface DurationOptions {
  /** Some of Vault's fields give a meaning to a negative duration; by default it is refused. */
  readonly negative?: boolean;
}

/**
 * Milliseconds, to the nanosecond, from what Vault takes as a duration: numbers and strings of digits are seconds, other
 * strings are numbers with units (`72h`, `1h30m`, `250ms`, `2d`), the empty string is zero. Throws `badRequest`, which
 * names `name` and never repeats the input.
 */
export function durationMs(raw: unknown, name: string, options: DurationOptions = {}): number {
  const ms = typeof raw === 'string' ? textMs(raw, name) : numberMs(raw, name);
  if (ms < 0 && options.negative !== true) throw fail('badRequest', `${name} must not be negative`);
  if (Math.abs(ms) > longestMs) throw fail('badRequest', `${name} is too long: the longest duration is 292 years`);
  return ms;
}

/** Whole seconds, the rest cut off, as Vault does with TTLs. Otherwise as `durationMs`. */
export function durationSeconds(raw: unknown, name: string, options: DurationOptions = {}): number {
  return Math.trunc(durationMs(raw, name, options) / 1000) + 0;
}

function numberMs(raw: unknown, name: string): number {
  const seconds = typeof raw === 'bigint' ? Number(raw) : raw;
  if (typeof seconds !== 'number' || !Number.isFinite(seconds)) {
    throw fail('badRequest', `${name} is not a duration: ${expectation}`);
  }
  return seconds * 1000;
}

function textMs(raw: string, name: string): number {
  if (raw.length > longestText) throw fail('badRequest', `${name} is not a duration: ${expectation}`);
  const negative = raw.startsWith('-');
  const magnitude = negative || raw.startsWith('+') ? raw.slice(1) : raw;
  if (magnitude === '' && magnitude !== raw) throw fail('badRequest', `${name} is not a duration: ${expectation}`);
  const seconds = /^[0-9]*$/.test(magnitude);
  const ms = seconds ? Number(magnitude) * 1000 : partsMs(magnitude, name);
  return negative && ms !== 0 ? -ms : ms;
}

/** `1h30m`: one number and unit after the other. */
function partsMs(text: string, name: string): number {
  const part = /([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h|d)/y;
  let total = 0;
  while (part.lastIndex < text.length) {
    const match = part.exec(text);
    if (match === null) throw fail('badRequest', `${name} is not a duration: ${expectation}`);
    total += Number(match[1]) * (units[match[2] ?? ''] ?? Number.NaN);
  }
  // Nanoseconds are the finest unit; beyond 2^53 of them the fraction is noise anyway.
  return Number.isSafeInteger(Math.round(total * 1e6)) ? Math.round(total * 1e6) / 1e6 : Math.round(total);
}

/** As Go prints a duration, and so as Vault shows it: `72h0m0s`, `1m30s`, `0s`, `250ms`. Input: seconds. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) throw new RangeError('a duration is a finite number of seconds');
  const sign = seconds < 0 ? '-' : '';
  const ms = Math.round(Math.abs(seconds) * 1e9) / 1e6;
  if (ms === 0) return '0s';
  if (ms < 1000) return sign + formatFraction(ms);
  const whole = Math.floor(ms / 1000);
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  const rest = `${trimmed((whole % 60) + (ms - whole * 1000) / 1000)}s`;
  if (hours > 0) return `${sign}${hours}h${minutes}m${rest}`;
  return minutes > 0 ? `${sign}${minutes}m${rest}` : sign + rest;
}

/** For people: as `formatDuration` without the parts that are zero: `72h`, `1h30m`, `0s`. Input: seconds. */
export function formatShortDuration(seconds: number): string {
  return formatDuration(seconds).replace(/m0s$/, 'm').replace(/h0m$/, 'h');
}

function formatFraction(ms: number): string {
  if (ms >= 1) return `${trimmed(ms)}ms`;
  return ms >= 1e-3 ? `${trimmed(ms * 1e3)}µs` : `${trimmed(ms * 1e6)}ns`;
}

/** At most nine decimals, none that is not needed. */
function trimmed(value: number): string {
  return String(Number(value.toFixed(9)));
}
