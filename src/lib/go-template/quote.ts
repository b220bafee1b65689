/** Go's `strconv`: texts in quotes, and back. */
import { encodeRune, isPrint, REPLACEMENT, runesOf } from './bytes.ts';

const named: Readonly<Record<string, string>> = {
  ...{ '\x07': '\\a', '\b': '\\b', '\f': '\\f', '\n': '\\n' },
  ...{ '\r': '\\r', '\t': '\\t', '\v': '\\v', '\\': '\\\\' },
};

interface Style {
  readonly mark?: '"' | "'";
  /** Nothing beyond ASCII is left as it is: `%+q`. */
  readonly ascii?: boolean;
}

/** `strconv.Quote`. */
export function quote(bytes: string, { mark = '"', ascii = false }: Style = {}): string {
  let out = mark as string;
  for (const { code, width, at } of runesOf(bytes)) {
    const invalid = code === REPLACEMENT && width === 1;
    out += invalid ? hex(bytes.charCodeAt(at)) : escaped(code, mark, ascii);
  }
  return out + mark;
}

/** `strconv.QuoteRune`. */
export function quoteRune(code: number, ascii = false): string {
  return quote(encodeRune(code), { mark: "'", ascii });
}

const hex = (byte: number): string => `\\x${byte.toString(16).padStart(2, '0')}`;

function escaped(code: number, mark: string, ascii: boolean): string {
  const char = String.fromCodePoint(code);
  if (char === mark) return `\\${mark}`;
  const name = named[char];
  if (name !== undefined) return name;
  if (isPrint(code) && (!ascii || code < 0x80)) return encodeRune(code);
  if (code < 0x20 || code === 0x7f) return hex(code);
  const digits = code.toString(16);
  return code < 0x10000 ? `\\u${digits.padStart(4, '0')}` : `\\U${digits.padStart(8, '0')}`;
}

const escape =
  /\\(?:(?<named>[abfnrtv\\'"])|x(?<byte>[\da-fA-F]{2})|u(?<short>[\da-fA-F]{4})|U(?<long>[\da-fA-F]{8})|(?<octal>[0-7]{3}))/y;

const unnamed: Readonly<Record<string, string>> = {
  ...{ a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' },
  ...{ '\\': '\\', "'": "'", '"': '"' },
};

/** `strconv.Unquote`: undefined for what is not quoted well. */
export function unquote(quoted: string): string | undefined {
  const mark = quoted.charAt(0);
  const inner = quoted.slice(1, -1);
  if (mark === '`') return inner.includes('`') ? undefined : inner.replaceAll('\r', '');
  let out = '';
  for (let at = 0; at < inner.length;) {
    const char = inner.charAt(at);
    if (char !== '\\') {
      if (char === mark || char === '\n') return undefined;
      out += char;
      at++;
      continue;
    }
    escape.lastIndex = at;
    const found = escape.exec(inner);
    const meant = found === null ? undefined : meaning(found.groups ?? {}, mark);
    if (meant === undefined) return undefined;
    out += meant;
    at = escape.lastIndex;
  }
  return out;
}

function meaning(
  { named: name, byte, short, long, octal }: Readonly<Record<string, string | undefined>>,
  mark: string,
) {
  if (name !== undefined) return `'"`.includes(name) && name !== mark ? undefined : unnamed[name];
  if (byte !== undefined) return String.fromCharCode(Number.parseInt(byte, 16));
  if (octal !== undefined) {
    const code = Number.parseInt(octal, 8);
    return code > 0xff ? undefined : String.fromCharCode(code);
  }
  return pointOf(short ?? long ?? '');
}

function pointOf(hex: string): string | undefined {
  const code = Number.parseInt(hex, 16);
  return code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff) ? undefined : encodeRune(code);
}

/** The code point of a character constant; undefined where it is malformed. */
export function unquoteRune(quoted: string): number | undefined {
  const bytes = unquote(quoted);
  if (bytes === undefined || bytes === '') return undefined;
  const runes = [...runesOf(bytes)];
  // An escaped byte beyond ASCII is a code point of its own here.
  if (/^'\\(x|[0-7])/.test(quoted)) return bytes.length === 1 ? bytes.charCodeAt(0) : undefined;
  return runes.length === 1 ? runes[0]?.code : undefined;
}
