/** Go's `time.Duration`: nanoseconds in 64 bits. */

const UNITS: Readonly<Record<string, bigint>> = {
  ...{ ns: 1n, us: 1_000n, Âµs: 1_000n, 'Î¼s': 1_000n, ms: 1_000_000n },
  ...{ s: 1_000_000_000n, m: 60_000_000_000n, h: 3_600_000_000_000n },
};
const FARTHEST = 2n ** 63n;

/** `time.ParseDuration` of bytes; undefined for what is none. */
export function parseGoDuration(text: string): bigint | undefined {
  const sign = text.startsWith('-') ? -1n : 1n;
  let rest = text.replace(/^[+-]/, '');
  if (rest === '0') return 0n;
  let total = 0n;
  do {
    const found = /^(?=\.?\d)(\d*)(?:\.(\d*))?(ns|us|\xc2\xb5s|\xce\xbcs|ms|s|m|h)/.exec(rest);
    if (found === null) return undefined;
    const [whole, ...parts] = found;
    total += sizeOf(parts);
    if (total > FARTHEST) return undefined;
    rest = rest.slice(whole.length);
  } while (rest !== '');
  return total === FARTHEST && sign > 0n ? undefined : sign * total;
}

/** Digits of a whole number, and of a fraction, beyond which more of them change nothing. */
const MOST_DIGITS = 40;

/** `BigInt('')` is 0. */
function sizeOf([digits = '', part = '', name = '']: readonly (string | undefined)[]): bigint {
  const unit = UNITS[name] ?? 0n;
  const whole = digits.replace(/^0+/, '');
  if (whole.length > MOST_DIGITS) return 2n * FARTHEST;
  const fraction = part.slice(0, MOST_DIGITS);
  return BigInt(whole) * unit + (BigInt(fraction) * unit) / 10n ** BigInt(fraction.length);
}

/** `Duration.String`, as bytes. */
export function durationText(nanoseconds: bigint): string {
  const size = nanoseconds < 0n ? -nanoseconds : nanoseconds;
  const sign = nanoseconds < 0n ? '-' : '';
  if (size === 0n) return '0s';
  const small = [
    ['ns', 1n, 1_000n],
    ['Âµs', 1_000n, 1_000_000n],
    ['ms', 1_000_000n, 1_000_000_000n],
  ] as const;
  const found = small.find(([, , below]) => size < below);
  if (found !== undefined) return `${sign}${decimal(size, found[1])}${found[0]}`;
  const minutes = size / 60_000_000_000n;
  const seconds = `${decimal(size % 60_000_000_000n, 1_000_000_000n)}s`;
  if (minutes === 0n) return sign + seconds;
  return minutes < 60n ? `${sign}${minutes}m${seconds}` : `${sign}${minutes / 60n}h${minutes % 60n}m${seconds}`;
}

function decimal(value: bigint, unit: bigint): string {
  const places = String(unit).length - 1;
  const part = String(value % unit)
    .padStart(places, '0')
    .slice(0, places)
    .replace(/0+$/, '');
  return `${value / unit}${part === '' ? '' : `.${part}`}`;
}
