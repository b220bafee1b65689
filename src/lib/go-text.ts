/** How Go writes values, where what others wrote in Go is compared with ours byte by byte. */

/** Go orders map keys by their bytes; JavaScript's own order differs beyond the basic plane. */
export const byBytes = (one: string, other: string): number => Buffer.compare(Buffer.from(one), Buffer.from(other));

const escapes: Readonly<Record<string, string>> = {
  '<': '\\u003c',
  '>': '\\u003e',
  '&': '\\u0026',
  '\u2028': '\\u2028',
  '\u2029': '\\u2029',
};

const goString = (text: string): string =>
  JSON.stringify(text).replaceAll(/[<>&\u2028\u2029]/g, (found) => escapes[found] ?? found);

/** `json.Marshal` of what was decoded from JSON: keys in order, `<`, `>` and `&` escaped. */
export function goJson(value: unknown): string {
  if (typeof value === 'string') return goString(value);
  if (Array.isArray(value)) return `[${value.map(goJson).join(',')}]`;
  if (typeof value !== 'object' || value === null || 'toJSON' in value) return JSON.stringify(value);
  const members = Object.entries(value).sort(([one], [other]) => byBytes(one, other));
  return `{${members.map(([name, each]) => `${goString(name)}:${goJson(each)}`).join(',')}}`;
}

/** `fmt.Sprint` of a map of texts, or of bytes: `map[a:1 b:2]`, `map[a:[49] b:[50]]`. */
export function goMap(entries: Readonly<Record<string, string | Uint8Array>>): string {
  const members = Object.entries(entries).sort(([one], [other]) => byBytes(one, other));
  const shown = (value: string | Uint8Array): string => (typeof value === 'string' ? value : `[${value.join(' ')}]`);
  return `map[${members.map(([name, value]) => `${name}:${shown(value)}`).join(' ')}]`;
}

/** `strconv.FormatFloat(value, 'f', -1, 64)`: the shortest digits, never an exponent. */
export function goFloat(value: number): string {
  const text = Object.is(value, -0) ? '-0' : String(value);
  if (!text.includes('e')) return text;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = /^(-?)(\d+)(?:\.(\d+))?e([+-]\d+)$/.exec(text) ?? [];
  const digits = whole + fraction;
  const point = whole.length + Number(exponent);
  if (point >= digits.length) return sign + digits.padEnd(point, '0');
  return point > 0
    ? `${sign}${digits.slice(0, point)}.${digits.slice(point)}`
    : `${sign}0.${digits.padStart(digits.length - point, '0')}`;
}

/** `fmt.Sprintf("%g", value)`: with an exponent below 0.0001 and from a million on. */
export function goGeneral(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  // The shortest digits, as above.
  const [digits = '', exponent = ''] = value.toExponential().split('e');
  if (Number(exponent) >= -4 && Number(exponent) < 6) return goFloat(value);
  const power = String(Math.abs(Number(exponent))).padStart(2, '0');
  return `${digits}e${exponent.startsWith('-') ? '-' : '+'}${power}`;
}
