/** Dates. The engine knows no clock: whoever wants these functions hands one in. */
import { fn, type FunctionMap } from '../function.ts';
import type { Meter } from '../meter.ts';
import { fitsInt, MAX_INT, MIN_INT, parseDecimal } from '../number.ts';
import { FunctionError } from '../template-error.ts';
import { durationText, parseGoDuration } from '../time/duration.ts';
import { parseTime } from '../time/parse.ts';
import { GoTime, NANOSECONDS, ZERO_TIME } from '../time/time.ts';
import { loadZone, UTC } from '../time/zone.ts';
import { type GoObject, SizedInt, type Value } from '../value.ts';

/** Milliseconds since 1970. */
export type Clock = () => number;

const HTML = '2006-01-02';
/** To look a zone up, in steps. */
const ZONE = 1_000;

export function dateFunctions(clock: Clock): FunctionMap {
  const now = (): GoTime => new GoTime(BigInt(clock()) * 1_000_000n);
  const inZone = (layout: string, value: Value, zone: string, meter: Meter): string => {
    if (zone !== 'Local') meter.step(ZONE);
    return (timeOf(value) ?? now()).in(loadZone(zone) ?? UTC).format(layout);
  };
  const dateInZone = fn(['string', 'any', 'string'], ([layout, value, zone], meter) => {
    return inZone(layout, value, zone, meter);
  });
  const dateModify = fn(['string', 'time'], ([text, time]) => moved(text, time) ?? time);
  const mustDateModify = fn(['string', 'time'], ([text, time]) => {
    return moved(text, time) ?? failed('time: invalid duration');
  });
  return {
    now: fn([], now),
    date: fn(['string', 'any'], ([layout, value], meter) => inZone(layout, value, 'Local', meter)),
    dateInZone,
    date_in_zone: dateInZone,
    dateModify,
    date_modify: dateModify,
    mustDateModify,
    must_date_modify: mustDateModify,
    htmlDate: fn(['any'], ([value], meter) => inZone(HTML, value, 'Local', meter)),
    htmlDateInZone: fn(['any', 'string'], ([value, zone], meter) => inZone(HTML, value, zone, meter)),
    toDate: fn(['string', 'string'], ([layout, text]) => parseTime(layout, text) ?? ZERO_TIME),
    mustToDate: fn(['string', 'string'], ([layout, text]) => {
      return parseTime(layout, text) ?? failed('parsing time: the text does not follow the layout');
    }),
    unixEpoch: fn(['time'], ([time]) => String(momentOf(time).seconds)),
    ago: fn(['any'], ([value]) => durationText(wholeSeconds(since(timeOf(value) ?? now(), now())))),
    duration: fn(['any'], ([value]) => durationText(BigInt.asIntN(64, secondsIn(value) * NANOSECONDS))),
    durationRound: fn(['any'], ([value]) => rounded(durationIn(value, now))),
  };
}

function failed(text: string): never {
  throw new FunctionError(text);
}

/** The one object whose type is `time.Time`. */
function momentOf(time: GoObject): GoTime {
  return time instanceof GoTime ? time : failed(`wrong type ${time.type}`);
}

function moved(text: string, time: GoObject): GoTime | undefined {
  const by = parseGoDuration(text);
  const from = momentOf(time);
  return by === undefined ? undefined : new GoTime(from.nanoseconds + by, from.zone);
}

/** Whole numbers are seconds since 1970; undefined for what is neither them nor a time. */
function timeOf(value: Value): GoTime | undefined {
  if (value instanceof GoTime) return value;
  if (typeof value === 'bigint') return new GoTime(value * NANOSECONDS);
  const isSeconds = value instanceof SizedInt && (value.type === 'int64' || value.type === 'int32');
  return isSeconds ? new GoTime(value.value * NANOSECONDS) : undefined;
}

/** What does not fit into 64 bits is the farthest that does. */
function since(time: GoTime, now: GoTime): bigint {
  const passed = now.nanoseconds - time.nanoseconds;
  return fitsInt(passed) ? passed : passed > 0n ? MAX_INT : MIN_INT;
}

/** Halves away from zero. */
function wholeSeconds(nanoseconds: bigint): bigint {
  const half = nanoseconds < 0n ? -NANOSECONDS / 2n : NANOSECONDS / 2n;
  const whole = ((nanoseconds + half) / NANOSECONDS) * NANOSECONDS;
  return fitsInt(whole) ? whole : nanoseconds > 0n ? MAX_INT : MIN_INT;
}

function secondsIn(value: Value): bigint {
  if (value instanceof SizedInt && value.type === 'int64') return value.value;
  const number = typeof value === 'string' ? (parseDecimal(value) ?? 0n) : 0n;
  return fitsInt(number) ? number : number > 0n ? MAX_INT : MIN_INT;
}

function durationIn(value: Value, now: () => GoTime): bigint {
  if (typeof value === 'string') return parseGoDuration(value) ?? 0n;
  if (value instanceof SizedInt && value.type === 'int64') return value.value;
  return value instanceof GoTime ? since(value, now()) : 0n;
}

const HOUR = 3_600n * NANOSECONDS;
const STEPS = [
  ...[['y', 8_760n * HOUR] as const, ['mo', 720n * HOUR] as const, ['d', 24n * HOUR] as const],
  ...[['h', HOUR] as const, ['m', 60n * NANOSECONDS] as const, ['s', NANOSECONDS] as const],
];

/** In the largest unit of which there is more than one. */
function rounded(nanoseconds: bigint): string {
  const size = nanoseconds < 0n ? -nanoseconds : nanoseconds;
  const step = STEPS.find(([, unit]) => size > unit);
  return step === undefined ? '0s' : `${size / step[1]}${step[0]}`;
}
