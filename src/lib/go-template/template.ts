/**
 * Go's `text/template`: https://pkg.go.dev/text/template. Pure: it reads nothing but its data, knows no clock and no
 * chance, and calls only what the host registers. Bounded, so that a template of a stranger ends.
 */
import { toBytes, toText } from './bytes.ts';
import { builtins, reflective } from './builtins.ts';
import { execute } from './execute.ts';
import type { MissingKey } from './evaluate.ts';
import { type FunctionMap, type GoFunction, variadic } from './function.ts';
import { type Bounds, defaultBounds, Meter } from './meter.ts';
import { parse } from './parser.ts';
import { FunctionError, TemplateError } from './template-error.ts';
import { GoBytes, GoList, GoMap, GoObject, SizedInt, type Value } from './value.ts';

export { TemplateError } from './template-error.ts';
export type { Bounds } from './meter.ts';
export type { FunctionMap } from './function.ts';

export interface TemplateOptions {
  /** What templates may call beside Go's own functions. They may take the place of those. */
  readonly functions?: FunctionMap;
  /** A key that a map has not: an error (default), the zero value, or `<no value>`. */
  readonly missingKey?: MissingKey;
  readonly bounds?: Partial<Bounds>;
  /** Registers `executeTemplate`, which renders another template of the text into a value. */
  readonly executeTemplate?: boolean;
  readonly delimiters?: { readonly left?: string; readonly right?: string };
}

export interface Template {
  /** Renders; throws a TemplateError. Bytes that are no UTF-8 become U+FFFD. */
  execute(data: unknown): string;
  /** Renders what may be no text. */
  executeToBytes(data: unknown): Uint8Array;
}

/** Throws a TemplateError for what Go would not parse either. */
export function parseTemplate(name: string, text: string, options: TemplateOptions = {}): Template {
  const bounds = { ...defaultBounds, ...options.bounds };
  const own = options.functions ?? {};
  const functions =
    options.executeTemplate === true ? { ...own, executeTemplate: nested((...call) => nest(...call)) } : own;
  const source = toBytes(text);
  const title = toBytes(name);
  if (source.length > bounds.text) {
    const problem = `template: ${title}: exceeded the bound of ${bounds.text} bytes of text`;
    throw new TemplateError(problem, 'bound', { line: 1, column: -1 });
  }
  const names = new Set([functions, builtins, reflective].flatMap((map) => Object.keys(map)));
  const delimiters = { left: options.delimiters?.left ?? '{{', right: options.delimiters?.right ?? '}}' };
  const templates = parse(title, source, { ...delimiters, functions: names, depth: bounds.depth });
  const { missingKey = 'error' } = options;
  const context = { name: title, text: source, functions, missingKey };
  const nest: Nest = (root, data, meter) => execute({ ...context, meter }, templates, data, root);
  const render = (data: unknown): string => {
    return execute({ ...context, meter: new Meter(bounds) }, templates, toValue(data));
  };
  return {
    execute: (data) => toText(render(data)),
    executeToBytes: (data) => Buffer.from(render(data), 'latin1'),
  };
}

type Nest = (root: string, data: Value, meter: Meter) => string;

/** Another template of the same text, as a value. */
function nested(nest: Nest): GoFunction {
  return variadic(['string'], 'any', ([root], rest, meter) => {
    if (rest.length > 1) {
      const problem = 'executeTemplate: wrong number of arguments, expected 1 or 2';
      throw new FunctionError(`${problem}, but got ${rest.length + 1}`);
    }
    try {
      return nest(root, rest[0] ?? null, meter);
    } catch (error) {
      if (!(error instanceof TemplateError) || error.reason === 'bound') throw error;
      throw new FunctionError(toBytes(error.message));
    }
  });
}

/**
 * What the host has, as Go's `encoding/json` would have it: numbers are floats, a `bigint` is an int, `Uint8Array` is
 * `[]byte`. Values of the engine stay as they are.
 */
export function toValue(data: unknown): Value {
  if (typeof data === 'string') return toBytes(data);
  if (typeof data === 'number' || typeof data === 'bigint' || typeof data === 'boolean') return data;
  if (data === null || data === undefined) return null;
  if (isValue(data)) return data;
  if (data instanceof Uint8Array) return new GoBytes(Buffer.from(data).toString('latin1'));
  if (Array.isArray(data)) return new GoList(data.map(toValue));
  const entries = data instanceof Map ? [...(data as Map<string, unknown>)] : Object.entries(data);
  return new GoMap(entries.map(([key, value]) => [toBytes(key), toValue(value)] as const));
}

function isValue(data: unknown): data is GoMap | GoList | GoBytes | GoObject | SizedInt {
  const types = [GoMap, GoList, GoBytes, GoObject, SizedInt];
  return types.some((type) => data instanceof type);
}

/** `map[string]string`, which may hold any bytes: what the External Secrets Operator gives its templates. */
export function stringMap(values: Readonly<Record<string, string | Uint8Array>>): GoMap {
  const entries = Object.entries(values).map(([key, value]) => {
    const bytes = typeof value === 'string' ? toBytes(value) : Buffer.from(value).toString('latin1');
    return [toBytes(key), bytes] as const;
  });
  return new GoMap(entries, 'string');
}
