/**
 * Values as Vault's clients print them, so that scripts read the same bytes: JSON as Go's `encoding/json` indents it,
 * and `%v` of `fmt` in tables. A `Map` is a struct, whose fields keep their order; a plain object is a map, whose keys
 * are sorted by their bytes.
 */
import { ExactNumber, isObject } from '../client/json.ts';

export type Struct = ReadonlyMap<string, unknown>;

/** Indented by two spaces, without a newline at the end. */
export function toJson(value: unknown, indent = ''): string {
  if (value instanceof ExactNumber) return value.source;
  const deeper = `${indent}  `;
  if (Array.isArray(value)) {
    if (value.length === 0) return '[]';
    return `[\n${value.map((item) => deeper + toJson(item, deeper)).join(',\n')}\n${indent}]`;
  }
  const entries = entriesOf(value);
  if (entries === undefined) return quote(value);
  if (entries.length === 0) return '{}';
  return `{\n${entries.map(([name, item]) => `${deeper}${quote(name)}: ${toJson(item, deeper)}`).join(',\n')}\n${indent}}`;
}

/** encoding/json escapes what could end a script element, and what JavaScript once took for a line end. */
function quote(value: unknown): string {
  const text = JSON.stringify(value ?? null);
  return text.replace(/[<>&\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** `%v`: `map[a:1 b:[x y]]`, `<nil>`. */
export function toText(value: unknown): string {
  if (value === null || value === undefined) return '<nil>';
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return `[${value.map(toText).join(' ')}]`;
  const entries = entriesOf(value);
  if (entries !== undefined) return `map[${entries.map(([name, item]) => `${name}:${toText(item)}`).join(' ')}]`;
  return value instanceof ExactNumber ? value.source : JSON.stringify(value);
}

/** `%q` of a list of strings: `["a" "b"]`. */
export function toQuoted(texts: readonly string[] | null): string {
  return `[${(texts ?? []).map((text) => JSON.stringify(text)).join(' ')}]`;
}

export function entriesOf(value: unknown): readonly (readonly [string, unknown])[] | undefined {
  if (value instanceof Map) return [...(value as Struct)];
  return isObject(value) ? sortedEntries(value) : undefined;
}

/** By the bytes of their UTF-8, as Go sorts; not by UTF-16, as JavaScript would. */
export function byteOrder(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

export function sortedEntries<T>(record: Readonly<Record<string, T>>): readonly (readonly [string, T])[] {
  return Object.entries(record).sort(([a], [b]) => byteOrder(a, b));
}
