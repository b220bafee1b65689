/** What becomes of keys and values between the store and the Secret: decoded, converted, rewritten, checked. */
import { isObject, parseJson } from '../../client/json.ts';
import { byBytes, goJson } from '../../lib/go-text.ts';
import { compilePattern, type Pattern } from '../../lib/re2.ts';
import { ProviderProblem } from '../../providers/contract.ts';
import { bytesOf } from '../../providers/property.ts';
import type { RemoteRef, Rewrite } from './definition.ts';
import { render } from './render.ts';

export type Values = ReadonlyMap<string, Uint8Array>;

const unsuitable = (message: string): ProviderProblem => new ProviderProblem('unsuitable', message);

const STANDARD = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const URL_SAFE = /^(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-]{2}==|[A-Za-z0-9_-]{3}=)?$/;

/** Padding is expected, line ends are overlooked, as in Go. */
function base64(value: Uint8Array, form: RegExp): Uint8Array | undefined {
  const text = Buffer.from(value)
    .toString('latin1')
    .replaceAll(/[\r\n]/g, '');
  return form.test(text) ? Buffer.from(text, 'base64') : undefined;
}

/** Throws `ProviderProblem`, which does not repeat the value. */
export function decoded(value: Uint8Array, strategy: RemoteRef['decodingStrategy'] = 'None'): Uint8Array {
  if (strategy === 'None') return value;
  const standard = strategy === 'Base64URL' ? undefined : base64(value, STANDARD);
  const urlSafe = strategy === 'Base64' ? undefined : base64(value, URL_SAFE);
  const found = standard ?? urlSafe;
  if (found !== undefined) return found;
  if (strategy === 'Auto') return value;
  throw unsuitable(`error applying decoding strategy ${strategy} to data: the value is not of that form`);
}

const FOREIGN = /[^\p{L}\p{N}._-]/gu;

const character = (each: string, strategy: 'Default' | 'Unicode'): string =>
  strategy === 'Default' ? '_' : `_U${(each.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}_`;

/** Throws `ProviderProblem` where two keys would become one. */
export function converted(values: Values, strategy: 'Default' | 'Unicode' = 'Default'): Values {
  const result = new Map<string, Uint8Array>();
  for (const [key, value] of values) {
    const name = key.replaceAll(FOREIGN, (each) => character(each, strategy));
    if (result.has(name)) throw unsuitable(`secret name collision during conversion: ${name}`);
    result.set(name, value);
  }
  return result;
}

/** Those that a Secret can hold; a key without a name is left out. Throws `ProviderProblem`. */
export function checked(values: Values): Values {
  const kept = [...values].filter(([key]) => key !== '');
  for (const [key] of kept) {
    const [wrong] = key.match(FOREIGN) ?? [];
    const hint = 'invalid secret keys (TIP: use rewrite or conversionStrategy to change keys)';
    if (key.length > 253) throw unsuitable(`${hint}: key has length ${String(key.length)} but max is 253`);
    if (wrong !== undefined) throw unsuitable(`${hint}: key has invalid character ${wrong}: ${key}`);
  }
  return new Map(kept);
}

/** Throws `ProviderProblem`. */
export function rewritePattern({ source }: Pick<NonNullable<Rewrite['regexp']>, 'source'>): Pattern {
  try {
    return compilePattern(source);
  } catch (error) {
    throw unsuitable(`rewrite.regexp: ${error instanceof Error ? error.message : 'not valid'}`);
  }
}

function byPattern(regexp: NonNullable<Rewrite['regexp']>, values: Values): Values {
  if (regexp.target.length > LONGEST_KEY)
    throw unsuitable(`rewrite.regexp: target has more than ${String(LONGEST_KEY)} characters`);
  const pattern = rewritePattern(regexp);
  return new Map([...values].map(([key, value]) => [pattern.replace(key, regexp.target), value]));
}

/** As templates of `rewrite.transform` are called where they are wrong. */
export const TRANSFORM = 'rewrite.transform';

/** `.value` is the key. */
function byTemplate({ template }: NonNullable<Rewrite['transform']>, values: Values): Values {
  const nameOf = (key: string): string =>
    Buffer.from(render(TRANSFORM, template, new Map([['value', Buffer.from(key, 'utf8')]]))).toString('utf8');
  return new Map([...values].map(([key, value]) => [nameOf(key), value]));
}

type Merge = NonNullable<Rewrite['merge']>;

/** All members, those of later keys over those of earlier ones, and the names that came more than once. */
function membersOfAll({ priority = [], priorityPolicy }: Merge, values: Values) {
  const others = [...values.keys()].filter((key) => !priority.includes(key)).sort(byBytes);
  const members = new Map<string, unknown>();
  const conflicts = new Set<string>();
  for (const key of [...others, ...priority]) {
    const value = values.get(key);
    if (value === undefined && priorityPolicy === 'IgnoreNotFound') continue;
    if (value === undefined) throw unsuitable(`merge failed with key "${key}" not found in input map`);
    for (const [name, each] of Object.entries(objectOf(value, key))) {
      if (members.has(name)) conflicts.add(name);
      members.set(name, each);
    }
  }
  return { members, conflicts };
}

function merged(merge: Merge, values: Values): Values {
  const { members, conflicts } = membersOfAll(merge, values);
  if (merge.conflictPolicy !== 'Ignore' && conflicts.size > 0) {
    throw unsuitable(`merge failed with conflicts: ${[...conflicts].join(', ')}`);
  }
  if (merge.strategy !== 'JSON') return new Map([...members].map(([name, each]) => [name, bytesOf(each)]));
  const { into = '' } = merge;
  if (into === '') throw unsuitable("merge failed with missing 'into' field");
  return new Map([...values, [into, Buffer.from(goJson(Object.fromEntries(members)), 'utf8')]]);
}

function objectOf(value: Uint8Array, key: string): Readonly<Record<string, unknown>> {
  try {
    const parsed = parseJson(Buffer.from(value).toString('utf8'));
    if (isObject(parsed)) return parsed;
  } catch {
    // Said below.
  }
  throw unsuitable(`merge failed: "${key}" is no JSON object`);
}

/** Characters of a key between two operations: `$1$1` again and again would fill the memory. What a Secret holds has 253 at most. */
const LONGEST_KEY = 1_024;
/** Characters of keys that all operations together may go over: nobody else is served meanwhile. */
const MOST_REWRITTEN = 1024 * 1024;

/** Each operation on what the one before gave. Throws `ProviderProblem`. */
export function rewritten(values: Values, operations: readonly Rewrite[]): Values {
  let work = 0;
  return operations.reduce((given, { regexp, transform, merge }) => {
    if (merge !== undefined) return merged(merge, given);
    for (const key of given.keys()) work += key.length + 1;
    if (work > MOST_REWRITTEN)
      throw unsuitable('rewrite: too many operations on too many keys: find by a narrower name');
    if (regexp !== undefined) return fitting(byPattern(regexp, given));
    if (transform !== undefined) return fitting(byTemplate(transform, given));
    return given;
  }, values);
}

function fitting(values: Values): Values {
  const tooLong = [...values.keys()].some((key) => key.length > LONGEST_KEY);
  if (!tooLong) return values;
  throw unsuitable(`rewrite makes a key of more than ${String(LONGEST_KEY)} characters`);
}
