/** Go's `time.Time`, as templates see it. */
import { FunctionError } from '../template-error.ts';
import { type GoMethod, GoObject, int, int64, type ParamName, type Value } from '../value.ts';
import { civilOf, DAY_NAMES, MONTH_NAMES, parted, secondsOf, weekdayOf, yearDayOf } from './calendar.ts';
import { formatted, type Shown } from './layout.ts';
import { UTC, type Zone } from './zone.ts';

export const NANOSECONDS = 1_000_000_000n;

export class GoTime extends GoObject {
  readonly type = 'time.Time';
  readonly kind = 'struct';
  /** Since 1970. */
  readonly nanoseconds: bigint;
  readonly zone: Zone;

  constructor(nanoseconds: bigint, zone: Zone = UTC) {
    super();
    this.nanoseconds = nanoseconds;
    this.zone = zone;
  }

  get seconds(): bigint {
    return parted(this.nanoseconds, NANOSECONDS)[0];
  }

  in(zone: Zone): GoTime {
    return new GoTime(this.nanoseconds, zone);
  }

  shown(): Shown {
    const [seconds, rest] = parted(this.nanoseconds, NANOSECONDS);
    const { offset, name } = this.zone.at(seconds);
    return { ...civilOf(seconds + BigInt(offset), Number(rest)), offset, zone: name };
  }

  format(layout: string): string {
    return formatted(layout, this.shown());
  }

  print(): string {
    return this.format('2006-01-02 15:04:05.999999999 -0700 MST');
  }

  json(): string {
    const { year } = this.shown();
    if (year < 0n || year > 9_999n) throw new FunctionError('json: error calling MarshalJSON: year outside of range');
    return `"${this.format('2006-01-02T15:04:05.999999999Z07:00')}"`;
  }

  equals(other: GoObject): boolean {
    return other instanceof GoTime && other.nanoseconds === this.nanoseconds;
  }

  override method(name: string): GoMethod | undefined {
    const plain = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (plain !== undefined) return method([], () => plain(this));
    const order = Object.hasOwn(orders, name) ? orders[name] : undefined;
    if (order !== undefined) {
      return method(['time'], ([other]) => other instanceof GoTime && order(this.nanoseconds, other.nanoseconds));
    }
    return name === 'Format'
      ? method(['string'], ([layout]) => (typeof layout === 'string' ? this.format(layout) : ''))
      : undefined;
  }
}

/** The zero of the type: what `toDate` gives for what is no date. */
export const ZERO_TIME = new GoTime(
  secondsOf({ year: 1n, month: 1, day: 1, hour: 0, minute: 0, second: 0, nanosecond: 0 }) * NANOSECONDS,
);

/** A month or a day of the week: a number with a name. */
class Named extends GoObject {
  readonly kind = 'int';
  readonly type: string;
  readonly #name: string;
  readonly #value: number;

  constructor(type: string, name: string, value: number) {
    super();
    this.type = type;
    this.#name = name;
    this.#value = value;
  }

  print(): string {
    return this.#name;
  }

  json(): string {
    return String(this.#value);
  }

  equals(other: GoObject): boolean {
    return other.type === this.type && other.print() === this.#name;
  }
}

const method = (params: readonly ParamName[], call: (args: readonly Value[]) => Value): GoMethod => ({ params, call });

const fields: Readonly<Record<string, (time: GoTime) => Value>> = {
  Year: (time) => int(time.shown().year),
  Month: (time) => {
    const { month } = time.shown();
    return new Named('time.Month', MONTH_NAMES[month - 1] ?? '', month);
  },
  Day: (time) => int(time.shown().day),
  Hour: (time) => int(time.shown().hour),
  Minute: (time) => int(time.shown().minute),
  Second: (time) => int(time.shown().second),
  Nanosecond: (time) => int(time.shown().nanosecond),
  Weekday: (time) => {
    const day = weekdayOf(time.shown());
    return new Named('time.Weekday', DAY_NAMES[day] ?? '', day);
  },
  YearDay: (time) => int(yearDayOf(time.shown())),
  Unix: (time) => int64(time.seconds),
  UnixMilli: (time) => int64(parted(time.nanoseconds, 1_000_000n)[0]),
  UnixNano: (time) => int64(time.nanoseconds),
  UTC: (time) => time.in(UTC),
  Local: (time) => time.in(UTC),
  String: (time) => time.print(),
  IsZero: (time) => time.equals(ZERO_TIME),
};

const orders: Readonly<Record<string, (left: bigint, right: bigint) => boolean>> = {
  After: (left, right) => left > right,
  Before: (left, right) => left < right,
  Equal: (left, right) => left === right,
};
