/** Doubles as Go writes them (`strconv.FormatFloat`): a program that makes a name of a number must make the same one as in cel-go. */

interface Shortest {
  readonly sign: '-' | '';
  readonly digits: string;
  /** Of the first digit, to the base of ten. */
  readonly exponent: number;
}

/** The fewest digits that read back as the same number. Of finite ones. */
function shortest(value: number): Shortest {
  const [mantissa = '', exponent = ''] = Math.abs(value).toExponential().split('e');
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  return { sign, digits: mantissa.replace('.', ''), exponent: Number(exponent) };
}

function pointed({ sign, digits, exponent }: Shortest): string {
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0');
  const fraction = digits.slice(exponent + 1);
  return sign + whole + (fraction === '' ? '' : `.${fraction}`);
}

/** `%g`: with an exponent below 0.0001 and from a million on. */
export function generalText(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  const parts = shortest(value);
  const { sign, digits, exponent } = parts;
  if (exponent >= -4 && exponent < 6) return pointed(parts);
  const fraction = digits.slice(1);
  const power = String(Math.abs(exponent)).padStart(2, '0');
  return `${sign}${digits.slice(0, 1)}${fraction === '' ? '' : `.${fraction}`}e${exponent < 0 ? '-' : '+'}${power}`;
}

/** `%f` with as many digits as it takes: never an exponent. */
export const plainText = (value: number): string => (Number.isFinite(value) ? pointed(shortest(value)) : String(value));
