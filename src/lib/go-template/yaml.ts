/** `toYaml` and `fromYaml`, as the External Secrets Operator has them by way of sigs.k8s.io/yaml: JSON's values alone. */
import { parseYaml } from '../yaml-text.ts';
import { isPrint, runesOf, toText } from './bytes.ts';
import { formatFloat } from './float.ts';
import { fn, type FunctionMap } from './function.ts';
import type { Meter } from './meter.ts';
import { fitsInt, parseDecimal } from './number.ts';
import { quote } from './quote.ts';
import { valueOf } from './sprig/json.ts';
import { BoundError } from './template-error.ts';
import { GoBytes, GoList, GoMap, GoObject, integerOf, type Value } from './value.ts';

/** To read a byte of YAML, in steps: a hundred times what JSON takes. */
export const READING = 1 / 2;

export const yamlFunctions: FunctionMap = {
  toYaml: fn(['any'], ([value], meter) => yamlText(value, meter)),
  fromYaml: fn(['string'], ([text], meter) => {
    meter.make(16 * text.length);
    meter.step(READING * text.length);
    return read(text, meter);
  }),
};

/** Without a line's end. */
export const yamlText = (value: Value, meter: Meter): string =>
  block(value, { indent: 0, depth: 0, meter }).replace(/^\n/, '');

interface Place {
  readonly indent: number;
  readonly depth: number;
  readonly meter: Meter;
}

/** What follows a key or a dash: a scalar on the line, or a line break and what lies within. */
function block(value: Value, place: Place): string {
  place.meter.within(place.depth);
  const margin = ' '.repeat(place.indent);
  if (value instanceof GoMap && value.entries.size > 0) {
    const inner = { ...place, indent: place.indent + 2, depth: place.depth + 1 };
    const lines = value.sorted().map(([key, item]) => {
      // A list stands under its key without an indent.
      const text = block(item, item instanceof GoList ? { ...inner, indent: place.indent } : inner);
      return `${margin}${scalar(key, place)}:${text.startsWith('\n') ? '' : ' '}${text}`;
    });
    return joined(lines, place.meter);
  }
  if (value instanceof GoList && value.items.length > 0) {
    const inner = { ...place, indent: place.indent + 2, depth: place.depth + 1 };
    return joined(
      value.items.map((item) => `${margin}- ${block(item, inner).trimStart()}`),
      place.meter,
    );
  }
  return leaf(value, place);
}

function joined(lines: readonly string[], meter: Meter): string {
  const text = `\n${lines.join('\n')}`;
  meter.make(text.length);
  return text;
}

function leaf(value: Value, place: Place): string {
  if (typeof value === 'string') return scalar(value, place);
  if (value === null || (value instanceof GoList && value.isNil)) return 'null';
  if (value instanceof GoMap) return '{}';
  if (value instanceof GoList) return '[]';
  return typeof value === 'number' ? number(value) : opaque(value, place);
}

function opaque(value: Value, place: Place): string {
  if (value instanceof GoBytes) return scalar(Buffer.from(value.bytes, 'latin1').toString('base64'), place);
  // A number of an API's reply is one here, too.
  if (value instanceof GoObject) return value.kind === 'string' ? digits(value.print()) : scalar(value.print(), place);
  return value === true ? 'true' : (integerOf(value)?.toString() ?? 'false');
}

function digits(text: string): string {
  const whole = parseDecimal(text);
  return whole !== undefined && fitsInt(whole) ? text : formatFloat(Number(text), 'g', -1);
}

/** Whole numbers of JSON become integers on the way. */
function number(value: number): string {
  return Number.isInteger(value) && Math.abs(value) < 1e21 ? formatFloat(value, 'f', -1) : formatFloat(value, 'g', -1);
}

/** What YAML 1.1 would read as something else than a text. */
const other =
  /^(|~|null|Null|NULL|y|Y|yes|Yes|YES|on|On|ON|n|N|no|No|NO|off|Off|OFF|true|True|TRUE|false|False|FALSE|<<|=|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)|[-+]?(0b[01_]+|0x[\da-fA-F_]+|0o?[0-7_]+|\d[\d_]*)|[-+]?(\.\d[\d_]*|\d[\d_]*(\.[\d_]*)?)([eE][-+]?\d+)?|[-+]?\d[\d_]*(:[0-5]?\d)+(\.[\d_]*)?|\d{4}-\d\d?-\d\d?([Tt ].*)?)$/;

function scalar(text: string, { indent, meter }: Place): string {
  meter.make(2 * text.length);
  if (other.test(text)) return quote(text);
  if (isSpecial(text)) return quote(text);
  if (text.includes('\n')) return literal(text, indent);
  const plain = !/^[\s\-?:,[\]{}#&*!|>'"%@`]/.test(text) && !/\s$|: |:$| #/.test(text) && !/^(---|\.\.\.)/.test(text);
  const dashed = /^[-?:][^\s,[\]{}]/.test(text) && !/\s$|: |:$| #|^---/.test(text);
  return plain || dashed ? text : `'${text.replaceAll("'", "''")}'`;
}

function isSpecial(text: string): boolean {
  for (const { code, width } of runesOf(text)) {
    if ((code === 0xfffd && width === 1) || (code !== 10 && !isPrint(code))) return true;
  }
  return false;
}

function literal(text: string, indent: number): string {
  const chomp = !text.endsWith('\n') ? '-' : /(^|\n)\n$/.test(text) ? '+' : '';
  const hint = /^[\s]/.test(text) ? '2' : '';
  const margin = ' '.repeat(Math.max(indent, 2));
  const body = chomp === '-' ? text : text.slice(0, -1);
  return `|${hint}${chomp}\n${body
    .split('\n')
    .map((line) => (line === '' ? '' : margin + line))
    .join('\n')}`;
}

/** What is no YAML map gives a map with `Error`, as the operator's does; it says no value. */
function read(text: string, meter: Meter): GoMap {
  let value: Value;
  // The library takes controls for letters.
  if (/[\0-\x08\v\f\x0e-\x1f\x7f]/.test(text)) return noYaml();
  try {
    value = valueOf(parseYaml(toText(text), { version: '1.1', maxAliasCount: 100, customTags: plainTags }), meter);
  } catch (error) {
    if (error instanceof RangeError || error instanceof BoundError) throw error;
    return noYaml();
  }
  if (value === null) return new GoMap();
  if (value instanceof GoMap) return value;
  const kind = value instanceof GoList ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value;
  const problem = `json: cannot unmarshal ${kind} into Go value of type map[string]interface {}`;
  return wrong(`error unmarshaling JSON: while decoding JSON: ${problem}`);
}

function noYaml(): GoMap {
  return wrong('error converting YAML to JSON: yaml: the text is not valid');
}

function wrong(problem: string): GoMap {
  return new GoMap([['Error', problem]]);
}

/** Dates stay texts, as they do by way of JSON. */
function plainTags(tags: readonly unknown[]): never {
  return tags.filter((tag) => !String((tag as { tag?: unknown }).tag).endsWith(':timestamp')) as never;
}
