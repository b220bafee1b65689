/** Go's `fmt.Sprintf`: formats, and what it writes where they and the values do not fit. */
import { encodeRune, runeAt } from './bytes.ts';
import { type Flags, noFlags } from './flags.ts';
import type { Meter } from './meter.ts';
import { Printer } from './print.ts';
import { integerOf, typeOf, type Value } from './value.ts';

export function sprintf(format: string, values: readonly Value[], meter: Meter): string {
  return new Formatter(format, values, meter).run();
}

/** Widths beyond this are refused, as in Go. */
const MOST = 1_000_000n;

class Formatter {
  readonly #format: string;
  readonly #values: readonly Value[];
  readonly #printer: Printer;
  #at = 0;
  #next = 0;
  #reordered = false;
  /** What stands before the verb names a value that is there. */
  #good = true;
  #afterIndex = false;
  readonly #meter: Meter;
  readonly #out: string[] = [];

  constructor(format: string, values: readonly Value[], meter: Meter) {
    this.#meter = meter;
    this.#format = format;
    this.#values = values;
    this.#printer = new Printer(meter);
  }

  run(): string {
    while (this.#at < this.#format.length) {
      const percent = this.#format.indexOf('%', this.#at);
      const end = percent < 0 ? this.#format.length : percent;
      this.#out.push(this.#format.slice(this.#at, end));
      this.#at = end + 1;
      if (percent >= 0) this.#directive();
    }
    if (!this.#reordered && this.#next < this.#values.length) this.#extra();
    return this.#out.join('');
  }

  #directive(): void {
    this.#good = true;
    this.#afterIndex = false;
    const flags = noFlags();
    this.#flags(flags);
    if (/[a-z]/.test(this.#format[this.#at] ?? '') && this.#next < this.#values.length) {
      this.#verb(this.#format.charAt(this.#at++), flags);
      return;
    }
    this.#index();
    this.#width(flags);
    this.#precision(flags);
    if (!this.#afterIndex) this.#index();
    if (this.#at >= this.#format.length) {
      this.#out.push('%!(NOVERB)');
      return;
    }
    const { code, width } = runeAt(this.#format, this.#at);
    this.#at += width;
    this.#verb(encodeRune(code), flags);
  }

  #flags(flags: Flags): void {
    for (; ; this.#at++) {
      const name = ({ '#': 'sharp', '0': 'zero', '+': 'plus', '-': 'minus', ' ': 'space' } as const)[
        this.#format[this.#at] as '#'
      ] as 'sharp' | 'zero' | 'plus' | 'minus' | 'space' | undefined;
      if (name === undefined) return;
      flags[name] = true;
    }
  }

  #verb(verb: string, flags: Flags): void {
    if (verb === '%') {
      this.#out.push('%');
    } else if (!this.#good) {
      this.#out.push(`%!${verb}(BADINDEX)`);
    } else if (this.#next >= this.#values.length) {
      this.#out.push(`%!${verb}(MISSING)`);
    } else {
      if (verb === 'v') {
        flags.sharpV = flags.sharp;
        flags.plusV = flags.plus;
        flags.sharp = false;
        flags.plus = false;
      }
      const shown = this.#printer.print(this.#values[this.#next++] ?? null, verb, flags);
      this.#meter.make(shown.length);
      this.#out.push(shown);
    }
  }

  /** `[2]` */
  #index(): void {
    this.#afterIndex = false;
    if (this.#format[this.#at] !== '[') return;
    this.#reordered = true;
    const close = this.#format.indexOf(']', this.#at + 1);
    if (close < 0 || this.#format.length - this.#at < 3) {
      this.#good = false;
      this.#at += 1;
      return;
    }
    const text = this.#format.slice(this.#at + 1, close);
    this.#at = close + 1;
    const index = /^\d+$/.test(text) && Number(text) <= Number(MOST) ? Number(text) - 1 : undefined;
    this.#afterIndex = index !== undefined;
    if (index !== undefined && index >= 0 && index < this.#values.length) this.#next = index;
    else this.#good = false;
  }

  #width(flags: Flags): void {
    if (this.#format[this.#at] === '*') {
      this.#at++;
      const width = this.#fromValue();
      if (width === undefined) this.#out.push('%!(BADWIDTH)');
      flags.width = width === undefined ? undefined : Math.abs(width);
      if ((width ?? 0) < 0) {
        flags.minus = true;
        flags.zero = false;
      }
      this.#afterIndex = false;
      return;
    }
    flags.width = this.#number();
    if (this.#afterIndex && flags.width !== undefined) this.#good = false;
  }

  #precision(flags: Flags): void {
    if (this.#format[this.#at] !== '.' || this.#at + 1 >= this.#format.length) return;
    this.#at++;
    if (this.#afterIndex) this.#good = false;
    this.#index();
    if (this.#format[this.#at] !== '*') {
      flags.precision = this.#number() ?? 0;
      return;
    }
    this.#at++;
    const precision = this.#fromValue();
    if (precision === undefined || precision < 0) this.#out.push('%!(BADPREC)');
    else flags.precision = precision;
    this.#afterIndex = false;
  }

  /** `*`: the next value. */
  #fromValue(): number | undefined {
    if (this.#next >= this.#values.length) return undefined;
    const value = integerOf(this.#values[this.#next++]);
    return value === undefined || value > MOST || value < -MOST ? undefined : Number(value);
  }

  #number(): number | undefined {
    const digits = /\d*/y;
    digits.lastIndex = this.#at;
    const text = digits.exec(this.#format)?.[0] ?? '';
    if (text === '') return undefined;
    this.#at += text.length;
    return Number(text) > Number(MOST) ? undefined : Number(text);
  }

  #extra(): void {
    const shown = this.#values.slice(this.#next).map((value) => {
      return value === null ? '<nil>' : `${typeOf(value)}=${this.#printer.print(value, 'v', noFlags())}`;
    });
    this.#out.push(`%!(EXTRA ${shown.join(', ')})`);
  }
}
