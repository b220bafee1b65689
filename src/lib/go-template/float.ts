/** Go's `strconv.FormatFloat(value, format, precision, 64)`. Precision -1 is the fewest digits that tell the value. */

interface Digits {
  readonly negative: boolean;
  /** Without zeros at the end; empty for zero. */
  readonly digits: string;
  /** Where the point stands, counted from the first digit. */
  readonly point: number;
}

export type FloatFormat = 'e' | 'f' | 'g' | 'b' | 'x';

export function formatFloat(value: number, format: FloatFormat, precision: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  if (format === 'b') return binary(value);
  if (format === 'x') return hexadecimal(value, precision);
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  return sign + (precision < 0 ? shortest(value, format) : rounded(value, format, precision));
}

function shortest(value: number, format: 'e' | 'f' | 'g'): string {
  const digits = shortestDigits(value);
  if (format === 'f') return fixed(digits, Math.max(digits.digits.length - digits.point, 0));
  if (format === 'e') return scientific(digits, Math.max(digits.digits.length - 1, 0));
  const exponent = digits.point - 1;
  if (exponent < -4 || exponent >= 6) {
    return scientific(digits, Math.max(digits.digits.length - 1, 0));
  }
  return fixed(digits, Math.max(digits.digits.length - digits.point, 0));
}

function rounded(value: number, format: 'e' | 'f' | 'g', precision: number): string {
  const exact = exactDigits(value);
  if (format === 'f') return fixed(round(exact, exact.point + precision), precision);
  if (format === 'e') return scientific(round(exact, precision + 1), precision);
  const digits = round(exact, Math.max(precision, 1));
  const exponent = digits.point - 1;
  const most = Math.max(precision, 1);
  const least = most > digits.digits.length && digits.digits.length >= digits.point ? digits.digits.length : most;
  if (exponent < -4 || exponent >= least) {
    return scientific(digits, Math.max(Math.min(digits.digits.length, most) - 1, 0));
  }
  return fixed(digits, Math.max(digits.digits.length - digits.point, 0));
}

function shortestDigits(value: number): Digits {
  const [mantissa = '', exponent = '0'] = Math.abs(value).toExponential().split('e');
  const digits = mantissa.replace('.', '').replace(/0+$/, '');
  return { negative: value < 0, digits, point: digits === '' ? 0 : Number(exponent) + 1 };
}

/** Mantissa and exponent: the value is their `m * 2 ** e`. */
function parts(value: number): readonly [mantissa: bigint, exponent: number] {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, Math.abs(value));
  const bits = view.getBigUint64(0);
  const exponent = Number(bits >> 52n);
  const fraction = bits & (2n ** 52n - 1n);
  return exponent === 0 ? [fraction, -1074] : [fraction | (2n ** 52n), exponent - 1075];
}

/** Every digit of the decimal that a float is. */
function exactDigits(value: number): Digits {
  const [mantissa, exponent] = parts(value);
  const scaled = exponent >= 0 ? mantissa << BigInt(exponent) : mantissa * 5n ** BigInt(-exponent);
  const text = scaled.toString();
  const digits = text.replace(/0+$/, '');
  return { negative: value < 0, digits, point: digits === '' ? 0 : text.length - Math.max(-exponent, 0) };
}

/** To so many digits; halves go to the even one. */
function round(exact: Digits, count: number): Digits {
  const { digits, point, negative } = exact;
  if (count >= digits.length) return exact;
  if (count < 0) return { negative, digits: '', point: 0 };
  const next = digits.charCodeAt(count) - 48;
  const odd = count > 0 && digits.charCodeAt(count - 1) % 2 === 1;
  const up = next > 5 || (next === 5 && (digits.length > count + 1 || odd));
  const kept = digits.slice(0, count);
  if (!up) return trimmed({ negative, digits: kept, point });
  const more = (BigInt(kept === '' ? '0' : kept) + 1n).toString().padStart(count, '0');
  return trimmed({ negative, digits: more, point: point + more.length - count });
}

function trimmed({ digits, point, negative }: Digits): Digits {
  const kept = digits.replace(/0+$/, '');
  return { negative, digits: kept, point: kept === '' ? 0 : point };
}

function fixed({ digits, point }: Digits, decimals: number): string {
  const whole = point > 0 ? digits.slice(0, point).padEnd(point, '0') : '0';
  if (decimals <= 0) return whole;
  const fraction = point < 0 ? '0'.repeat(Math.min(-point, decimals)) + digits : digits.slice(Math.max(point, 0));
  return `${whole}.${fraction.slice(0, decimals).padEnd(decimals, '0')}`;
}

function scientific({ digits, point }: Digits, decimals: number): string {
  const first = digits === '' ? '0' : digits.charAt(0);
  const rest = decimals > 0 ? `.${digits.slice(1, decimals + 1).padEnd(decimals, '0')}` : '';
  const exponent = digits === '' ? 0 : point - 1;
  const sign = exponent < 0 ? '-' : '+';
  return `${first}${rest}e${sign}${String(Math.abs(exponent)).padStart(2, '0')}`;
}

function binary(value: number): string {
  const [mantissa, exponent] = parts(value);
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  return `${sign}${mantissa}p${exponent < 0 ? '-' : '+'}${Math.abs(exponent)}`;
}

function hexadecimal(value: number, precision: number): string {
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  const [mantissa, exponent] = parts(value);
  if (mantissa === 0n) return `${sign}0x0${precision > 0 ? `.${'0'.repeat(precision)}` : ''}p+00`;
  const shift = 60 - (mantissa.toString(2).length - 1);
  const scaled = roundedHex(mantissa << BigInt(shift), precision);
  const carried = scaled >> 61n > 0n ? 1 : 0;
  const digits = ((scaled >> BigInt(carried)) & (2n ** 60n - 1n)).toString(16).padStart(15, '0');
  const kept = precision < 0 ? digits.replace(/0+$/, '') : digits.slice(0, precision).padEnd(precision, '0');
  const power = exponent + 60 - shift + carried;
  const exponential = `p${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
  return `${sign}0x1${kept === '' ? '' : `.${kept}`}${exponential}`;
}

/** A mantissa of 61 bits to so many hexadecimal digits after the first bit; halves go to the even one. */
function roundedHex(mantissa: bigint, precision: number): bigint {
  if (precision < 0 || precision >= 15) return mantissa;
  const drop = BigInt(60 - precision * 4);
  const half = 1n << (drop - 1n);
  const rest = mantissa & ((1n << drop) - 1n);
  const kept = mantissa >> drop;
  const up = rest > half || (rest === half && kept % 2n === 1n);
  return (kept + (up ? 1n : 0n)) << drop;
}
