/**
 * Fields of a path table: what each parameter accepts and how it is coerced, by Vault's rules ("72h" and 259200 are one
 * duration, "a,b" and ["a","b"] one list). A coercion that fails throws `badRequest` naming the field, never its value.
 */
import { fail } from '../errors.ts';
import { durationSeconds, type DurationOptions } from '../lib/duration.ts';

export type FieldKind =
  | 'string'
  | 'secret'
  | 'integer'
  | 'number'
  | 'boolean'
  | 'duration'
  | 'time'
  | 'list'
  | 'map'
  | 'object'
  | 'objects'
  | 'any'
  | 'enum';

export interface Field<T> {
  readonly kind: FieldKind;
  readonly help: string;
  /** `raw` is undefined when the parameter was not given; then the default (or undefined) is returned. */
  readonly coerce: (raw: unknown, name: string) => T;
  readonly required: boolean;
  /** Shown in OpenAPI and help. */
  readonly fallback?: unknown;
  readonly values?: readonly string[];
  /** Kept working for old clients, not shown first. */
  readonly deprecated?: boolean;
}

export type Fields = Readonly<Record<string, Field<unknown>>>;
export type Values<F extends Fields> = { readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never };
export type JsonObject = Readonly<Record<string, unknown>>;

type Options<T> = { readonly default: T; readonly deprecated?: boolean };
type Given<T> = (raw: unknown, name: string) => T;

function make<T>(kind: FieldKind, help: string, given: Given<T>): Field<T | undefined>;
function make<T>(kind: FieldKind, help: string, given: Given<T>, options: Options<T> | undefined): Field<T>;
function make<T>(kind: FieldKind, help: string, given: Given<T>, options?: Options<T>): Field<T | undefined> {
  return {
    kind,
    help,
    required: false,
    ...(options === undefined ? {} : { fallback: options.default }),
    ...(options?.deprecated === undefined ? {} : { deprecated: options.deprecated }),
    coerce: (raw, name) => (raw === undefined || raw === null ? options?.default : given(raw, name)),
  };
}

/** A maker of optional fields: without a default the value may be undefined. */
interface Maker<T> {
  (help: string): Field<T | undefined>;
  (help: string, options: Options<T>): Field<T>;
}
const maker =
  <T>(kind: FieldKind, given: Given<T>): Maker<T> =>
  (help: string, options?: Options<T>) =>
    make(kind, help, given, options);

const wrong = (name: string, expected: string): Error => fail('badRequest', `field "${name}": expected ${expected}`);

function toText(raw: unknown, name: string): string {
  if (typeof raw === 'string') return raw;
  if (typeof raw === 'number' || typeof raw === 'boolean') return String(raw);
  throw wrong(name, 'a string');
}

function toInteger(raw: unknown, name: string): number {
  const value = typeof raw === 'string' && /^[+-]?\d{1,16}$/.test(raw) ? Number(raw) : raw;
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw wrong(name, 'an integer');
  return value;
}

function toNumber(raw: unknown, name: string): number {
  const value = typeof raw === 'string' && /^[+-]?\d{1,16}(\.\d{1,16})?$/.test(raw) ? Number(raw) : raw;
  if (typeof value !== 'number' || !Number.isFinite(value)) throw wrong(name, 'a number');
  return value;
}

/** A map: of an object, `constructor` would be a member too. */
const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ['1', true],
  ['t', true],
  ['true', true],
  ['0', false],
  ['f', false],
  ['false', false],
  ['', false],
]);

function toBoolean(raw: unknown, name: string): boolean {
  if (typeof raw === 'boolean') return raw;
  const known =
    typeof raw === 'string' || typeof raw === 'number' ? BOOLEANS.get(String(raw).toLowerCase()) : undefined;
  if (known === undefined) throw wrong(name, 'a boolean');
  return known;
}

function toList(raw: unknown, name: string): readonly string[] {
  if (Array.isArray(raw)) return raw.map((item: unknown) => toText(item, name).trim());
  const text = toText(raw, name).trim();
  return text === '' ? [] : text.split(',').map((item) => item.trim());
}

/** JSON has one kind of number; Vault refuses one with a fraction here, though it takes `1.5h`. */
function toSeconds(raw: unknown, name: string, options: DurationOptions = {}): number {
  if (typeof raw === 'number' && !Number.isInteger(raw)) throw wrong(name, 'whole seconds, or a number with its unit');
  return durationSeconds(raw, name, options);
}

export function isObject(raw: unknown): raw is JsonObject {
  return typeof raw === 'object' && raw !== null && !Array.isArray(raw);
}

function toObject(raw: unknown, name: string): JsonObject {
  if (isObject(raw)) return raw;
  // A command line sends each K=V as text.
  throw wrong(name, typeof raw === 'string' ? 'an object, not text: send it in a JSON document' : 'an object');
}

/** Vault takes a map as an object, as `k=v` strings, or as JSON text. */
function toMap(raw: unknown, name: string): Readonly<Record<string, string>> {
  if (isObject(raw)) {
    const entries = Object.entries(raw).map(([key, value]) => [key, toText(value, name)] as const);
    return Object.fromEntries(entries);
  }
  if (typeof raw === 'string' && raw.trimStart().startsWith('{')) return toMap(parseJson(raw, name), name);
  const pairs = toList(raw, name).map((pair) => {
    const at = pair.indexOf('=');
    if (at < 1) throw wrong(name, 'an object, or key=value pairs');
    return [pair.slice(0, at).trim(), pair.slice(at + 1).trim()] as const;
  });
  return Object.fromEntries(pairs);
}

function parseJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw wrong(name, 'JSON');
  }
}

function toObjects(raw: unknown, name: string): readonly JsonObject[] {
  if (!Array.isArray(raw)) throw wrong(name, 'a list of objects');
  return raw.map((item) => toObject(item, name));
}

export const field = {
  string: maker('string', toText),
  /** A string that is never shown: not in errors, logs or help output. */
  secret: maker('secret', toText),
  integer: maker('integer', toInteger),
  /** May have a fraction. */
  number: maker('number', toNumber),
  boolean: maker('boolean', toBoolean),
  /** Whole seconds. */
  duration: maker('duration', (raw, name) => toSeconds(raw, name)),
  /** As `duration`, where a negative one has a meaning. */
  signedDuration: maker('duration', (raw, name) => toSeconds(raw, name, { negative: true })),
  /** An RFC 3339 moment, as text. */
  time: maker('time', toText),
  list: maker('list', toList),
  /** String to string. */
  map: maker('map', toMap),
  /** Any JSON object. */
  object: maker('object', toObject),
  objects: maker('objects', toObjects),
  any: maker('any', (raw: unknown) => raw),
  /** One of `values`. */
  enum: <const V extends string>(help: string, values: readonly V[], fallback?: NoInfer<V>): Field<V | undefined> => ({
    kind: 'enum',
    help,
    values,
    required: false,
    ...(fallback === undefined ? {} : { fallback }),
    coerce: (raw, name) => {
      if (raw === undefined || raw === null || raw === '') return fallback;
      const found = values.find((value) => value === raw);
      if (found === undefined) throw wrong(name, `one of ${values.join(', ')}`);
      return found;
    },
  }),
  /** A path parameter (`:name` or `:name...`): always there. */
  name: (help: string): Field<string> => ({
    kind: 'string',
    help,
    required: true,
    coerce: (raw, name) => toText(raw ?? '', name),
  }),
  /** A parameter that must be given. */
  required: <T>(base: Field<T | undefined>): Field<T> => ({
    ...base,
    required: true,
    coerce: (raw, name) => {
      const value = base.coerce(raw, name);
      if (value === undefined || value === '') throw fail('badRequest', `missing "${name}"`);
      return value;
    },
  }),
} as const;
