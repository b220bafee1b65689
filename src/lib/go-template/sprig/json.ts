/** Go's `encoding/json`: keys sorted, floats as it writes them, numbers read as floats. */
import { REPLACEMENT, runesOf, toBytes, toText } from '../bytes.ts';
import { formatFloat } from '../float.ts';
import { fn, type FunctionMap } from '../function.ts';
import type { Meter } from '../meter.ts';
import { FunctionError } from '../template-error.ts';
import { GoBytes, GoList, GoMap, GoObject, integerOf, type Value } from '../value.ts';

const shortNames: Readonly<Record<string, string>> = {
  ...{ '"': '\\"', '\\': '\\\\', '\b': '\\b', '\f': '\\f', '\n': '\\n', '\r': '\\r', '\t': '\\t' },
};

export interface JsonStyle {
  /** `<`, `>` and `&` are escaped, as encoding/json does unless told not to. */
  readonly html: boolean;
  readonly indent: string;
}

/** Throws a FunctionError for what JSON cannot hold. */
export function jsonText(value: Value, style: JsonStyle, meter: Meter, depth = 0): string {
  meter.within(depth);
  if (value === null || (value instanceof GoList && value.isNil)) return 'null';
  if (typeof value === 'string') return quoted(value, style.html, meter);
  const inner = (item: Value): string => jsonText(item, style, meter, depth + 1);
  if (value instanceof GoList) return enclosed('[]', value.items.map(inner), { style, depth, meter });
  if (!(value instanceof GoMap)) return leaf(value);
  const between = style.indent === '' ? ':' : ': ';
  const entries = value.sorted().map(([key, item]) => quoted(key, style.html, meter) + between + inner(item));
  return enclosed('{}', entries, { style, depth, meter });
}

function leaf(value: Value): string {
  if (typeof value === 'number') return number(value);
  if (value instanceof GoBytes) return `"${Buffer.from(value.bytes, 'latin1').toString('base64')}"`;
  return value instanceof GoObject ? value.json() : value === true ? 'true' : (integerOf(value)?.toString() ?? 'false');
}

function enclosed(
  brackets: string,
  parts: readonly string[],
  { style, depth, meter }: { style: JsonStyle; depth: number; meter: Meter },
): string {
  const [open = '', close = ''] = brackets;
  meter.make(parts.reduce((sum, part) => sum + part.length + style.indent.length * (depth + 1) + 2, 2));
  if (parts.length === 0) return brackets;
  if (style.indent === '') return open + parts.join(',') + close;
  const outer = `\n${style.indent.repeat(depth)}`;
  return open + parts.map((part) => outer + style.indent + part).join(',') + outer + close;
}

function quoted(text: string, html: boolean, meter: Meter): string {
  meter.make(6 * text.length);
  let out = '"';
  for (const { code, width, at } of runesOf(text)) {
    const char = text.slice(at, at + width);
    const invalid = code === REPLACEMENT && width === 1;
    const escaped = code < 0x20 || code === 0x2028 || code === 0x2029 || (html && '<>&'.includes(char));
    const hex = `\\u${code.toString(16).padStart(4, '0')}`;
    out += shortNames[char] ?? (escaped || invalid ? hex : char);
  }
  return `${out}"`;
}

function number(value: number): string {
  if (!Number.isFinite(value)) throw new FunctionError('json: unsupported value');
  const size = Math.abs(value);
  if (size === 0 || (size >= 1e-6 && size < 1e21)) return formatFloat(value, 'f', -1);
  // e-09 is e-9 there.
  return formatFloat(value, 'e', -1).replace(/e-0(\d)$/, 'e-$1');
}

/** Texts of JSON as values; undefined for what is none. */
function decode(text: string, meter: Meter): Value | undefined {
  meter.make(16 * text.length);
  try {
    return valueOf(JSON.parse(toText(text)), meter);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** A list or a map without anything within, in bytes: two characters of JSON are one. */
const CONTAINER = 64;

/** What a parser of JSON or YAML gives. A `bigint` is an int. */
export function valueOf(data: unknown, meter: Meter, depth = 0): Value {
  meter.within(depth);
  if (typeof data === 'string') return toBytes(data);
  if (typeof data === 'number' || typeof data === 'boolean' || typeof data === 'bigint') return data;
  if (data === null || typeof data !== 'object') return null;
  meter.make(CONTAINER);
  if (Array.isArray(data)) return new GoList(data.map((item) => valueOf(item, meter, depth + 1)));
  return new GoMap(Object.entries(data).map(([key, item]) => [toBytes(key), valueOf(item, meter, depth + 1)] as const));
}

type Encoded = readonly [name: string, style: JsonStyle];

const encoders: readonly Encoded[] = [
  ['Json', { html: true, indent: '' }],
  ['PrettyJson', { html: true, indent: '  ' }],
  ['RawJson', { html: false, indent: '' }],
];

/** `toJson` of what JSON cannot hold is empty; `mustToJson` and `toRawJson` fail. */
function orEmpty(encodeIt: () => string): string {
  try {
    return encodeIt();
  } catch (error) {
    if (error instanceof FunctionError) return '';
    throw error;
  }
}

export const jsonFunctions: FunctionMap = {
  ...Object.fromEntries(
    encoders.flatMap(([name, style]) => [
      [
        `to${name}`,
        fn(['any'], ([value], meter) => {
          return style.html ? orEmpty(() => jsonText(value, style, meter)) : jsonText(value, style, meter);
        }),
      ],
      [`mustTo${name}`, fn(['any'], ([value], meter) => jsonText(value, style, meter))],
    ]),
  ),
  fromJson: fn(['string'], ([text], meter) => {
    return decode(text, meter) ?? null;
  }),
  mustFromJson: fn(['string'], ([text], meter) => {
    const value = decode(text, meter);
    if (value === undefined) throw new FunctionError('the text is not valid JSON');
    return value;
  }),
};
