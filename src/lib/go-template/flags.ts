/** What stands between `%` and the verb, and how Go's `fmt` lays numbers and texts out by it. */
import { encodeRune, isPrint, runeAt, runeCount } from './bytes.ts';
import { type FloatFormat, formatFloat } from './float.ts';
import { quote, quoteRune } from './quote.ts';

export interface Flags {
  plus: boolean;
  minus: boolean;
  sharp: boolean;
  space: boolean;
  zero: boolean;
  /** `%+v` and `%#v`, which mean other things than with other verbs. */
  plusV: boolean;
  sharpV: boolean;
  width: number | undefined;
  precision: number | undefined;
}

export function noFlags(): Flags {
  const off = { plus: false, minus: false, sharp: false, space: false, zero: false, plusV: false, sharpV: false };
  return { ...off, width: undefined, precision: undefined };
}

export function pad(text: string, { width = 0, minus, zero }: Flags): string {
  const missing = width - runeCount(text);
  if (missing <= 0) return text;
  if (minus) return text + ' '.repeat(missing);
  return (zero ? '0' : ' ').repeat(missing) + text;
}

/** `%s`: no more runes than the precision. */
export function formatText(text: string, flags: Flags): string {
  return pad(truncated(text, flags), flags);
}

function truncated(text: string, { precision }: Flags): string {
  if (precision === undefined) return text;
  let end = 0;
  for (let runes = 0; runes < precision && end < text.length; runes++) end += runeAt(text, end).width;
  return text.slice(0, end);
}

/** `%q` */
export function formatQuoted(text: string, flags: Flags): string {
  const shown = truncated(text, flags);
  const raw = flags.sharp && canBackquote(shown);
  return pad(raw ? `\`${shown}\`` : quote(shown, { ascii: flags.plus }), flags);
}

/** Go's `strconv.CanBackquote`: one line of UTF-8 without controls but tabs. */
function canBackquote(text: string): boolean {
  for (let at = 0; at < text.length;) {
    const { code, width } = runeAt(text, at);
    at += width;
    const invalid = width === 1 ? code === 0xfffd : code === 0xfeff;
    if (invalid || (code < 0x20 && code !== 9) || code === 0x60 || code === 0x7f) return false;
  }
  return true;
}

/** `%x` and `%X` of a text: its bytes. */
export function formatHex(text: string, flags: Flags, upper: boolean): string {
  const bytes = text.slice(0, flags.precision ?? text.length);
  if (bytes === '') return pad('', flags);
  const digits = Array.from(bytes, (byte) => byte.charCodeAt(0).toString(16).padStart(2, '0'));
  const prefix = flags.sharp ? '0x' : '';
  const hex = prefix + digits.join(flags.space ? ` ${prefix}` : '');
  return pad(upper ? hex.toUpperCase() : hex, { ...flags, zero: flags.zero && !flags.minus });
}

export interface IntegerForm {
  readonly base: 2 | 8 | 10 | 16;
  readonly verb: string;
}

export function formatInteger(value: bigint, flags: Flags, { base, verb }: IntegerForm): string {
  const { precision, width = 0 } = flags;
  if (precision === 0 && value === 0n) return ' '.repeat(width);
  const sign = signOf(value < 0n, flags);
  const byZeros = flags.zero && !flags.minus ? width - sign.length : 0;
  const digits = (value < 0n ? -value : value).toString(base).padStart(precision ?? byZeros, '0');
  const text = sign + prefix(digits, flags, { base, verb }) + digits;
  return pad(verb === 'X' ? text.toUpperCase() : text, { ...flags, zero: false });
}

function signOf(negative: boolean, { plus, space }: Flags): string {
  return negative ? '-' : plus ? '+' : space ? ' ' : '';
}

function prefix(digits: string, { sharp }: Flags, { base, verb }: IntegerForm): string {
  const own = { 2: '0b', 8: digits.startsWith('0') ? '' : '0', 10: '', 16: '0x' }[base];
  return (verb === 'O' ? '0o' : '') + (sharp ? own : '');
}

/** `%c` */
export function formatRune(value: bigint, flags: Flags): string {
  return pad(encodeRune(codeOf(value)), flags);
}

/** `%q` of an integer. */
export function formatQuotedRune(value: bigint, flags: Flags): string {
  return pad(quoteRune(codeOf(value), flags.plus), flags);
}

function codeOf(value: bigint): number {
  const unsigned = BigInt.asUintN(64, value);
  return unsigned > 0x10ffffn ? 0xfffd : Number(unsigned);
}

/** `%U` */
export function formatUnicode(value: bigint, flags: Flags): string {
  const unsigned = BigInt.asUintN(64, value);
  const hex = `U+${unsigned
    .toString(16)
    .toUpperCase()
    .padStart(Math.max(flags.precision ?? 4, 4), '0')}`;
  const shown = flags.sharp && unsigned <= 0x10ffffn && isPrint(Number(unsigned));
  return pad(shown ? `${hex} '${encodeRune(Number(unsigned))}'` : hex, { ...flags, zero: false });
}

export function formatNumber(value: number, flags: Flags, verb: string): string {
  const format = (verb === 'F' ? 'f' : verb.toLowerCase()) as FloatFormat;
  const precision = flags.precision ?? ('feFE'.includes(verb) ? 6 : -1);
  let text = formatFloat(value, format, precision);
  if ('EGX'.includes(verb)) text = text.toUpperCase();
  return laidOut(text.replace('INF', 'Inf').replace('NAN', 'NaN'), { flags, verb, precision });
}

function laidOut(text: string, form: { flags: Flags; verb: string; precision: number }): string {
  const { flags } = form;
  const body = text.replace(/^[+-]/, '');
  const sign = signOf(text.startsWith('-'), flags);
  if (body === 'Inf' || body === 'NaN') {
    // An infinity always has a sign.
    const shown = sign === '' && body === 'Inf' ? '+' : sign;
    return pad(shown + body, { ...flags, zero: false });
  }
  const digits = flags.sharp && form.verb !== 'b' ? withPoint(body, form) : body;
  const { width = 0 } = flags;
  if (flags.zero && !flags.minus && sign !== '') return sign + digits.padStart(width - 1, '0');
  return pad(sign + digits, flags);
}

/** `%#g`: a point, and all digits. */
function withPoint(body: string, { verb, precision }: { verb: string; precision: number }): string {
  const [, number = body, tail = ''] = /^(.*?)([eEpP].*)?$/.exec(body) ?? [];
  const wanted = 'vgGx'.includes(verb) ? (precision === -1 ? 6 : precision) : 0;
  const significant = number.replace('.', '').replace(/^0+/, '').length;
  const lone = number === '0' ? 1 : significant;
  const pointed = number.includes('.') ? number : `${number}.`;
  return pointed + '0'.repeat(Math.max(wanted - lone, 0)) + tail;
}
