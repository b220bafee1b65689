/** Numbers in texts, as Go's `strconv` reads them. */

/** Whether underscores stand between digits alone, or after a base's prefix. */
function underscoresFit(text: string): boolean {
  const digits = text.replace(/^[+-]/, '');
  const [, prefix = '', rest = digits] = /^(0[xXbBoO])(.*)$/s.exec(digits) ?? [];
  const body = prefix === '' ? rest : `0${rest}`;
  const digit = /^0[xX]$/.test(prefix) ? '[\\da-fA-F]' : '\\d';
  return !new RegExp(`(?<!${digit})_|_(?!${digit})`).test(body);
}

/** More digits than any type holds, of whatever base. */
const MOST_DIGITS = 1_000;
const BEYOND = 10n ** 100n;

/** The time that `BigInt` takes grows faster than the digits: what has too many is just as well a number that fits nowhere. */
const whole = (digits: string): bigint => (digits.length > MOST_DIGITS ? BEYOND : BigInt(digits));

/** `strconv.ParseInt(text, 0, 64)` without the bound; undefined for what is no integer. */
export function parseInteger(text: string): bigint | undefined {
  if (!underscoresFit(text)) return undefined;
  const [, sign = '', digits = ''] = /^([+-]?)(.*)$/s.exec(text.replaceAll('_', '')) ?? [];
  const octal = /^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits;
  if (!/^(0[xX][\da-fA-F]+|0[oO][0-7]+|0[bB][01]+|0|[1-9]\d*)$/.test(octal)) return undefined;
  const value = whole(octal.toLowerCase());
  return sign === '-' ? -value : value;
}

/** `strconv.ParseInt(text, 10, 64)` without the bound. */
export function parseDecimal(text: string): bigint | undefined {
  if (!/^[+-]?\d+$/.test(text)) return undefined;
  const size = whole(text.replace(/^[+-]?0*(?=\d)/, ''));
  return text.startsWith('-') ? -size : size;
}

export const MAX_INT = 2n ** 63n - 1n;
export const MIN_INT = -(2n ** 63n);

export const fitsInt = (value: bigint): boolean => value >= MIN_INT && value <= MAX_INT;
export const fitsUint = (value: bigint): boolean => value >= 0n && value < 2n ** 64n;

/** `strconv.ParseFloat(text, 64)`; undefined for what is no number or too large for one. */
export function parseFloat64(text: string): number | undefined {
  const special = /^([+-]?)(?:(inf(?:inity)?)|(nan))$/i.exec(text);
  if (special !== null) return special[3] === undefined ? (special[1] === '-' ? -Infinity : Infinity) : NaN;
  // A decimal float takes underscores only where a base's prefix does, which it has none of: Go refuses them there.
  if (text.includes('_') && (!/^[+-]?0[xX]/.test(text) || !underscoresFit(text))) return undefined;
  const plain = text.replaceAll('_', '');
  if (/^[+-]?0[xX]/.test(plain)) return hexFloat(plain);
  // No two parts of a pattern may take the same digits: the time would grow with their square.
  if (!/^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/.test(plain)) return undefined;
  const value = Number(plain);
  return Number.isFinite(value) ? value : undefined;
}

function hexFloat(text: string): number | undefined {
  const found = /^([+-]?)0[xX]([\da-fA-F]*)(?:\.([\da-fA-F]*))?[pP]([+-]?\d+)$/.exec(text);
  if (found === null) return undefined;
  const [, sign, above = '', part = '', exponent = '0'] = found;
  if (above + part === '') return undefined;
  const mantissa = Number(BigInt(`0x${above}${part}`));
  const value = mantissa * 2 ** (Number(exponent) - 4 * part.length);
  return Number.isFinite(value) ? (sign === '-' ? -value : value) : undefined;
}
