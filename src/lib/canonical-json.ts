/** Writes numbers that a double cannot hold; what has a `toJSON` is written as that says. */
const scalar = (value: unknown): string => JSON.stringify(value) ?? 'null';

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !('toJSON' in value && typeof value.toJSON === 'function');
}

/**
 * One text for one value, whoever writes it: keys sorted by their UTF-16 units, no spaces, members that are undefined
 * left out. In the manner of RFC 8785, save that numbers keep the digits that they were read with.
 */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (!isPlain(value)) return scalar(value);
  const members = Object.keys(value)
    .sort()
    .filter((name) => value[name] !== undefined)
    .map((name) => `${JSON.stringify(name)}:${canonicalJson(value[name])}`);
  return `{${members.join(',')}}`;
}
