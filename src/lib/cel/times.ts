/**
 * What makes times, and what is made of them: as cel-go does it, where the package has it otherwise. It takes a whole number
 * for milliseconds, takes days that no month has, and counts a duration in seconds.
 */
import { goFloat, goGeneral } from '../go-text.ts';
import { library } from './library.ts';
import type { CelFunc } from '@bufbuild/cel';
import type { Duration, Timestamp } from '@bufbuild/protobuf/wkt';

/** As the specification bounds them: the years 1 to 9999. */
const FIRST = -62_135_596_800n;
const LAST = 253_402_300_799n;

const SECOND = 1_000_000_000n;
const LONGEST = 2n ** 63n - 1n;
const MINUTE = 60n * SECOND;

/** Nanoseconds. The micro sign and the Greek letter are two characters. */
const UNITS: Readonly<Record<string, bigint>> = {
  ...{ ns: 1n, us: 1_000n, '\u00b5s': 1_000n, '\u03bcs': 1_000n, ms: 1_000_000n },
  ...{ s: SECOND, m: MINUTE, h: 60n * MINUTE },
};
const PART = '(?:\\d+(?:\\.\\d*)?|\\.\\d+)(?:ns|[u\u00b5\u03bc]s|ms|s|m|h)';
const DURATION = new RegExp(`^[+-]?(?:0|(?:${PART})+)$`);
/** Of what a text can say, the rest is noughts. */
const LONGEST_TEXT = 128;

function nanosecondsOf(part: string): bigint {
  const [, whole = '', fraction = '', unit = ''] = /^(\d*)\.?(\d*)(\D+)$/.exec(part) ?? [];
  const size = UNITS[unit] ?? 0n;
  return BigInt(whole === '' ? '0' : whole) * size + (BigInt(`0${fraction}`) * size) / 10n ** BigInt(fraction.length);
}

/** Go's `time.ParseDuration`. */
function parsedDuration(text: string): Duration {
  if (text.length > LONGEST_TEXT || !DURATION.test(text)) throw new Error('the text is no duration');
  const parts = text.match(new RegExp(PART, 'g')) ?? [];
  const sum = parts.reduce((total, part) => total + nanosecondsOf(part), 0n);
  const nanoseconds = text.startsWith('-') ? -sum : sum;
  if (nanoseconds > LONGEST || nanoseconds < -LONGEST - 1n) throw new Error('the duration is out of range');
  const { protobuf, wellKnown } = library();
  return protobuf.create(wellKnown.DurationSchema, {
    seconds: nanoseconds / SECOND,
    nanos: Number(nanoseconds % SECOND),
  });
}

/** The day, and the hour, that the text has; that it is a time at all is for the package to say. */
const DAY = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d)/;

function parsedTimestamp(text: string): Timestamp {
  const { protobuf, wellKnown } = library();
  const [, year, month, day, hour] = (DAY.exec(text) ?? []).map(Number);
  const date = new Date(0);
  date.setUTCFullYear(year ?? 0, (month ?? 0) - 1, day);
  if (hour === undefined || hour > 23 || date.getUTCDate() !== day) throw new Error('the text is no time');
  return protobuf.fromJson(wellKnown.TimestampSchema, text.replace(/(\.\d{9})\d+/, '$1'));
}

/** RFC 3339, with as many digits of a second as it takes. */
export function timestampText({ seconds, nanos }: Pick<Timestamp, 'seconds' | 'nanos'>): string {
  const whole = new Date(Number(seconds) * 1_000).toISOString().slice(0, 'yyyy-mm-ddThh:mm:ss'.length);
  const fraction = String(nanos).padStart(9, '0').replace(/0+$/, '');
  return `${whole}${fraction === '' ? '' : `.${fraction}`}Z`;
}

/** Seconds, as the double that Go makes of them. */
export const durationText = ({ seconds, nanos }: Pick<Duration, 'seconds' | 'nanos'>): string =>
  `${goFloat(Number(seconds) + nanos / Number(SECOND))}s`;

export function timeFunctions(): CelFunc[] {
  const { cel, protobuf, wellKnown } = library();
  const TIMESTAMP = cel.objectType(wellKnown.TimestampSchema);
  const DURATION_TYPE = cel.objectType(wellKnown.DurationSchema);
  const { INT, STRING, DOUBLE } = cel.CelScalar;
  return [
    cel.celFunc('timestamp', [INT], TIMESTAMP, (seconds) => {
      if (seconds < FIRST || seconds > LAST) throw new Error('the time is out of range');
      return protobuf.create(wellKnown.TimestampSchema, { seconds });
    }),
    cel.celFunc('timestamp', [STRING], TIMESTAMP, parsedTimestamp),
    cel.celFunc('duration', [STRING], DURATION_TYPE, parsedDuration),
    cel.celFunc('int', [DURATION_TYPE], INT, ({ message: { seconds, nanos } }) => seconds * SECOND + BigInt(nanos)),
    cel.celFunc('string', [TIMESTAMP], STRING, ({ message }) => timestampText(message)),
    cel.celFunc('string', [DURATION_TYPE], STRING, ({ message }) => durationText(message)),
    cel.celFunc('string', [DOUBLE], STRING, goGeneral),
  ];
}
