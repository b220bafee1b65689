/** Distinguished names as text (RFC 4514). */

const SPECIAL = '"+,;<>\\#';

/** A value as it stands in a DN. What is no plain ASCII is written byte by byte, as upstream writes it: aliases are made of it. */
export function escapedValue(value: string): string {
  const bytes = Buffer.from(value, 'utf8');
  let text = '';
  for (const [at, byte] of bytes.entries()) {
    const char = String.fromCharCode(byte);
    const edge = char === ' ' && (at === 0 || at === bytes.length - 1);
    if (byte < 0x20 || byte > 0x7e) text += `\\${byte.toString(16).padStart(2, '0')}`;
    else text += edge || SPECIAL.includes(char) ? `\\${char}` : char;
  }
  return text;
}

interface Pair {
  readonly type: string;
  readonly value: string;
}

/** Splits where `separators` stand unescaped. */
function split(text: string, separators: string): readonly string[] {
  const parts = [''];
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charAt(at);
    if (separators.includes(char)) parts.push('');
    else {
      const taken = char === '\\' ? text.slice(at, at + 2) : char;
      parts.push(`${parts.pop() ?? ''}${taken}`);
      at += taken.length - 1;
    }
  }
  return parts;
}

const HEX_PAIR = /^[\da-f]{2}/i;

/** undefined: it is not written as RFC 4514 says. */
function unescaped(raw: string): string | undefined {
  const bytes: Buffer[] = [];
  for (let at = 0; at < raw.length; at += 1) {
    const char = raw.charAt(at);
    if (char !== '\\') {
      const point = String.fromCodePoint(raw.codePointAt(at) ?? 0);
      bytes.push(Buffer.from(point, 'utf8'));
      at += point.length - 1;
      continue;
    }
    const rest = raw.slice(at + 1);
    if (rest === '') return undefined;
    const hex = HEX_PAIR.test(rest);
    bytes.push(hex ? Buffer.from(rest.slice(0, 2), 'hex') : Buffer.from(rest.charAt(0), 'utf8'));
    at += hex ? 2 : 1;
  }
  return Buffer.concat(bytes).toString('utf8');
}

/** Blanks around a value are none of it, but for an escaped one at its end. */
const trimmed = (raw: string): string => raw.trimStart().replace(/(?<!\\) +$/, '');

function pairOf(text: string): Pair | undefined {
  const [type = '', ...rest] = text.split('=');
  if (rest.length === 0 || !/^(?:[a-z][\da-z-]*|\d+(?:\.\d+)*)$/i.test(type.trim())) return undefined;
  const value = unescaped(trimmed(rest.join('=')));
  return value === undefined ? undefined : { type: type.trim(), value };
}

/** All pairs of a DN, the most specific first; undefined: it is none. */
function pairsOf(dn: string): readonly Pair[] | undefined {
  const pairs = split(dn, ',;').flatMap((rdn) => split(rdn, '+').map(pairOf));
  return pairs.every((pair) => pair !== undefined) ? pairs : undefined;
}

/** The first common name in a DN; what is no DN, or has none, as it is. */
export const commonNameOf = (dn: string): string =>
  pairsOf(dn)?.find(({ type }) => type.toLowerCase() === 'cn')?.value ?? dn;
