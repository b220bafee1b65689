/** `toTOML`: https://toml.io/en/v1.0.0, laid out as consul-template's encoder does: values first, then tables, sorted. */
import { runesOf } from '../bytes.ts';
import { formatFloat } from '../float.ts';
import type { Meter } from '../meter.ts';
import { FunctionError } from '../template-error.ts';
import { elementsOf, GoList, GoMap, GoObject, integerOf, typeOf, type Value } from '../value.ts';

const shortNames: Readonly<Record<string, string>> = {
  ...{ '\b': '\\b', '\t': '\\t', '\n': '\\n', '\f': '\\f', '\r': '\\r', '"': '\\"', '\\': '\\\\' },
};

/** A value that is no table stands alone. Throws a FunctionError for what TOML cannot hold. */
export function toToml(value: Value, meter: Meter): string {
  if (value === null || isTables(value)) throw new FunctionError(`toTOML: ${typeOf(value)} is no table`);
  if (!(value instanceof GoMap)) return scalar(value, meter, 0);
  const lines: string[] = [];
  table(value, [], { lines, meter });
  return lines.join('\n').trim();
}

interface Writing {
  readonly lines: string[];
  readonly meter: Meter;
}

const isTables = (value: Value): value is GoList =>
  value instanceof GoList && value.items.length > 0 && value.items.every((item) => item instanceof GoMap);
const isTable = (value: Value): boolean => value instanceof GoMap || isTables(value);

function table(map: GoMap, path: readonly string[], writing: Writing): void {
  const { lines, meter } = writing;
  meter.within(path.length);
  const margin = '  '.repeat(path.length);
  const entries = map.sorted().filter(([, value]) => value !== null);
  for (const [name, value] of entries.filter(([, each]) => !isTable(each))) {
    const line = `${margin}${key(name)} = ${scalar(value, meter, 0)}`;
    meter.make(line.length);
    lines.push(line);
  }
  for (const [name, value] of entries.filter(([, each]) => isTable(each))) inner(name, value, { path, writing });
}

function inner(name: string, value: Value, { path, writing }: { path: readonly string[]; writing: Writing }): void {
  const below = [...path, key(name)];
  const margin = '  '.repeat(path.length);
  const header = (brackets: readonly [string, string]): void => {
    if (path.length === 0) writing.lines.push('');
    writing.lines.push(`${margin}${brackets[0]}${below.join('.')}${brackets[1]}`);
  };
  if (value instanceof GoMap) {
    header(['[', ']']);
    table(value, below, writing);
    return;
  }
  for (const item of elementsOf(value) ?? []) {
    header(['[[', ']]']);
    if (item instanceof GoMap) table(item, below, writing);
  }
}

const key = (name: string): string => (/^[A-Za-z0-9_-]+$/.test(name) ? name : quoted(name));

function quoted(text: string): string {
  let out = '"';
  for (const { code, width, at } of runesOf(text)) {
    const char = text.slice(at, at + width);
    const control = code < 0x20 || code === 0x7f;
    out += shortNames[char] ?? (control ? `\\u${code.toString(16).padStart(4, '0')}` : char);
  }
  return `${out}"`;
}

function scalar(value: Value, meter: Meter, depth: number): string {
  meter.within(depth);
  if (typeof value === 'string') return quoted(value);
  if (typeof value === 'number') return float(value);
  if (typeof value === 'boolean') return String(value);
  if (value instanceof GoObject) return value.kind === 'string' ? value.print() : quoted(value.print());
  const items = elementsOf(value);
  if (items !== undefined) return `[${items.map((item) => scalar(item, meter, depth + 1)).join(', ')}]`;
  if (value instanceof GoMap) {
    const pairs = value.sorted().map(([name, item]) => `${key(name)} = ${scalar(item, meter, depth + 1)}`);
    return `{${pairs.join(', ')}}`;
  }
  const whole = integerOf(value);
  if (whole === undefined) throw new FunctionError(`toTOML: unsupported type ${typeOf(value)}`);
  return whole.toString();
}

function float(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  const text = formatFloat(value, 'f', -1);
  return text.includes('.') ? text : `${text}.0`;
}
