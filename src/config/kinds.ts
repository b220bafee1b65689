/** The kinds of values that configuration keys take. */
import { constants } from 'node:os';
import { isAbsolute } from 'node:path';
import { durationMs, formatShortDuration } from '../lib/duration.ts';
import { isBody, type Value } from '../lib/hcl/ast.ts';
import { Secret } from '../lib/secret.ts';
import { parseAddress, parseEndpoint, parseNetwork, parseUrl, formatAddress, type Address } from './address.ts';
import { Mismatch, type Key } from './schema.ts';

export interface Options {
  readonly env?: string;
  readonly flag?: boolean;
}

/** Makes keys of one kind: with a default or required, the value is never undefined. */
interface Maker<T> {
  (help: string, options: Options & { readonly default: T }): Key<T>;
  (help: string, options: Options & { readonly required: true }): Key<T>;
  (help: string, options?: Options): Key<T | undefined>;
}

interface Kind<T> {
  readonly type: string;
  readonly parse: (raw: Value) => T;
  readonly warn?: (raw: Value) => string | undefined;
  /** How the reference shows a default. */
  readonly show?: (value: T) => string;
}

function maker<T>(kind: Kind<T>): Maker<T> {
  const make = (
    help: string,
    options: Options & { readonly default?: T; readonly required?: true } = {},
  ): Key<unknown> => ({
    role: 'key',
    type: kind.type,
    help,
    required: options.required ?? false,
    fallback: options.default,
    shown: options.default === undefined ? undefined : (kind.show ?? String)(options.default),
    parse: kind.parse,
    warn: kind.warn,
    variable: options.env,
    flag: options.flag ?? false,
  });
  return make as Maker<T>;
}

/** Where the bytes of a key come from: a file that is read when it is needed, a variable, or the text itself. */
export type KeySource =
  | { readonly from: 'file'; readonly path: string }
  | { readonly from: 'variable'; readonly variable: string }
  | { readonly from: 'value'; readonly value: Secret<string> };

/** As Go's strconv.ParseBool and the numbers 1 and 0, which Vault's files use too. */
const booleans: ReadonlyMap<Value, boolean> = new Map<Value, boolean>([
  ...['true', 't', 'TRUE', 'True', 'T', '1', 1].map((raw) => [raw, true] as const),
  ...['false', 'f', 'FALSE', 'False', 'F', '0', 0].map((raw) => [raw, false] as const),
]);
const byteUnits: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
  tib: 1024 ** 4,
};

function toText(raw: Value, type = 'a string'): string {
  if (typeof raw !== 'string' || raw.includes('\0')) throw new Mismatch(type);
  return raw;
}

function toBoolean(raw: Value): boolean {
  const value = typeof raw === 'boolean' ? raw : booleans.get(raw);
  if (value === undefined) throw new Mismatch('true or false');
  return value;
}

function toInteger(raw: Value): number {
  const value = typeof raw === 'string' && /^-?[0-9]{1,16}$/.test(raw) ? Number(raw) : raw;
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw new Mismatch('a whole number');
  return value;
}

function toCount(raw: Value): number {
  const value = toInteger(raw);
  if (value < 0) throw new Mismatch('a whole number from 0 on');
  return value;
}

function toFraction(raw: Value): number {
  const value = typeof raw === 'string' && /^0?\.[0-9]+$/.test(raw) ? Number(raw) : raw;
  if (typeof value !== 'number' || !(value > 0 && value < 1)) throw new Mismatch('a number between 0 and 1');
  return value;
}

function toBytes(raw: Value): number {
  const match = typeof raw === 'string' ? /^([0-9]{1,15}) ?([kmgt]?i?b|)$/i.exec(raw) : undefined;
  const value = match ? Number(match[1]) * (byteUnits[match[2]?.toLowerCase() ?? ''] ?? Number.NaN) : raw;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw new Mismatch('a number of bytes, such as 1048576 or "1GiB"');
  }
  return value;
}

function showBytes(value: number): string {
  for (const unit of ['TiB', 'GiB', 'MiB', 'KiB']) {
    const size = byteUnits[unit.toLowerCase()] ?? 1;
    if (value >= size && value % size === 0) return `"${value / size}${unit}"`;
  }
  return String(value);
}

function toSeconds(raw: Value): number {
  try {
    return durationMs(raw, 'duration') / 1000;
  } catch {
    throw new Mismatch('a duration, such as "90s", "1h30m" or 3600 (seconds)');
  }
}

/** Vault takes lists as `["a", "b"]` and as `"a,b"`. */
function toList(raw: Value): readonly string[] {
  if (typeof raw === 'string') return raw.trim() === '' ? [] : raw.split(',').map((item) => item.trim());
  if (typeof raw !== 'object' || isBody(raw)) throw new Mismatch('a list of strings');
  return raw.map((item) => toText(item, 'a list of strings'));
}

/** Permission bits: octal text, or the number that HCL reads from `0640`. */
function toMode(raw: Value): number {
  const value = typeof raw === 'string' && /^0?[0-7]{3}$/.test(raw) ? Number.parseInt(raw, 8) : raw;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > 0o777) {
    throw new Mismatch('a file mode in octal, such as "0640"');
  }
  return value;
}

function toOwner(raw: Value): string | number {
  const value = typeof raw === 'string' && /^[0-9]{1,10}$/.test(raw) ? Number(raw) : raw;
  if (typeof value === 'string' && value !== '') return value;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 2 ** 32) return value;
  throw new Mismatch('a name or a numeric id');
}

/** A list is run as it is, text by the shell. */
function toCommand(raw: Value): readonly string[] {
  if (typeof raw === 'string' && raw.trim() !== '') return ['/bin/sh', '-c', raw];
  const list = typeof raw === 'string' ? [] : toList(raw);
  if (list.length === 0) throw new Mismatch('a command: a list of strings, or text for the shell');
  return list;
}

function toSignal(raw: Value): NodeJS.Signals {
  const name = toText(raw, 'the name of a signal').toUpperCase();
  const found = Object.keys(constants.signals).find((each) => each === name || each === `SIG${name}`);
  if (found === undefined) throw new Mismatch('the name of a signal, such as "SIGTERM"');
  return found as NodeJS.Signals;
}

function toPath(raw: Value): string {
  const path = toText(raw, 'a path');
  if (path === '') throw new Mismatch('a path, not an empty string');
  return path;
}

function toAbsolutePath(raw: Value): string {
  const path = toText(raw, 'an absolute path');
  if (!isAbsolute(path)) throw new Mismatch('an absolute path');
  return path;
}

function toKeySource(raw: Value): KeySource {
  const text = toText(raw, 'a key: "file:///path", "env://VARIABLE", or 32 bytes in base64 or hex');
  if (text.startsWith('file://')) return { from: 'file', path: toAbsolutePath(text.slice('file://'.length)) };
  if (!text.startsWith('env://')) return { from: 'value', value: new Secret(text) };
  const variable = text.slice('env://'.length);
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(variable)) throw new Mismatch('a key: "env://" and the name of a variable');
  return { from: 'variable', variable };
}

function pick<V extends string>(values: readonly V[], raw: Value): V {
  const found = values.find((value) => typeof raw === 'string' && value === raw.toLowerCase());
  if (found === undefined) throw new Mismatch(choice(values));
  return found;
}

/** `"a", "b" or "c"` */
function choice(values: readonly string[]): string {
  const names = values.map(quoted);
  return names.length === 1 ? names.join() : `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
}

function oneOf<const V extends string>(values: readonly V[]): Maker<V> {
  return maker<V>({ type: choice(values), parse: (raw) => pick(values, raw), show: quoted });
}

/**
 * A limit as Vault's listeners take it: 0 is the default, a negative number is no limit (Infinity). Bytes can carry a
 * unit.
 */
function limit(help: string, standard: number): Key<number> {
  const parse = (raw: Value): number => {
    const value = typeof raw === 'number' && raw < 0 ? toInteger(raw) : raw === '-1' ? -1 : toBytes(raw);
    if (value < 0) return Number.POSITIVE_INFINITY;
    return value === 0 ? standard : value;
  };
  return maker<number>({ type: 'a limit', parse, show: showBytes })(help, { default: standard });
}

/** Without slashes at its ends. Not the root one: what is limited to that is not limited. */
function toNamespace(raw: Value): string {
  const path = toText(raw).replace(/^\/|\/$/g, '');
  const bad = path.split('/').some((segment) => segment === '' || segment === '.' || segment === '..');
  if (bad || path === 'root') throw new Mismatch('the path of a namespace, such as "team/a"');
  return path;
}

/** TLS below 1.2 is never spoken: an older minimum, as in files from long ago, is raised. */
const outdated: ReadonlySet<Value> = new Set(['tls10', 'tls11']);
const tlsVersions = ['tls12', 'tls13'] as const;
const tlsMinimum = maker<(typeof tlsVersions)[number]>({
  type: choice(tlsVersions),
  parse: (raw) => (outdated.has(raw) ? 'tls12' : pick(tlsVersions, raw)),
  warn: (raw) => (outdated.has(raw) ? 'raised to "tls12"' : undefined),
  show: quoted,
});

function quoted(value: string): string {
  return `"${value}"`;
}

export const key = {
  text: maker<string>({ type: 'a string', parse: (raw) => toText(raw), show: quoted }),
  /** Never shown. */
  secret: maker<Secret<string>>({ type: 'a secret string', parse: (raw) => new Secret(toText(raw)) }),
  path: maker<string>({ type: 'a path', parse: toPath, show: quoted }),
  absolutePath: maker<string>({ type: 'an absolute path', parse: toAbsolutePath, show: quoted }),
  boolean: maker<boolean>({ type: 'true or false', parse: toBoolean }),
  integer: maker<number>({ type: 'a whole number', parse: toInteger }),
  /** A whole number from 0 on. */
  count: maker<number>({ type: 'a whole number from 0 on', parse: toCount }),
  /** More than 0 and less than 1. */
  fraction: maker<number>({ type: 'a number between 0 and 1', parse: toFraction }),
  bytes: maker<number>({ type: 'a number of bytes', parse: toBytes, show: showBytes }),
  /** Seconds, with a fraction where one was given. */
  duration: maker<number>({
    type: 'a duration',
    parse: toSeconds,
    show: (value) => quoted(formatShortDuration(value)),
  }),
  list: maker<readonly string[]>({ type: 'a list of strings', parse: toList, show: JSON.stringify }),
  address: maker<Address>({
    type: 'an address',
    parse: (raw) => parseAddress(toText(raw, 'an address, such as "127.0.0.1:8200"')),
    show: (value) => quoted(formatAddress(value)),
  }),
  url: maker<string>({ type: 'a URL', parse: (raw) => parseUrl(toText(raw, 'a URL')), show: quoted }),
  endpoint: maker<string>({ type: 'a URL', parse: (raw) => parseEndpoint(toText(raw, 'a URL')), show: quoted }),
  networks: maker<readonly string[]>({
    type: 'a list of addresses and networks',
    parse: (raw) => toList(raw).map(parseNetwork),
    show: JSON.stringify,
  }),
  mode: maker<number>({
    type: 'a file mode',
    parse: toMode,
    show: (value) => quoted(value.toString(8).padStart(4, '0')),
  }),
  namespace: maker<string>({ type: 'the path of a namespace', parse: toNamespace, show: quoted }),
  owner: maker<string | number>({ type: 'a name or a numeric id', parse: toOwner }),
  command: maker<readonly string[]>({ type: 'a command', parse: toCommand }),
  signal: maker<NodeJS.Signals>({ type: 'a signal', parse: toSignal, show: quoted }),
  keySource: maker<KeySource>({ type: 'a key', parse: toKeySource }),
  tlsMinimum,
  tlsMaximum: oneOf(tlsVersions),
  oneOf,
  limit,
} as const;
