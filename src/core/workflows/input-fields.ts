/** The fields that a workflow takes: OpenBao's names of types, coerced by the rules of every other parameter. */
import { fail, isLockstepError } from '../../errors.ts';
import { field, type Field, type JsonObject } from '../../framework/field.ts';
import type { Json } from '../../lib/hcl/free.ts';

export interface InputField {
  readonly name: string;
  readonly type: InputType;
  readonly required: boolean;
  readonly fallback: Json | undefined;
  readonly allowed: readonly Json[];
}

const wrong = (name: string, expected: string): Error => fail('badRequest', `field "${name}": expected ${expected}`);

/** What takes the place of a field that was not sent, and how one that was is read. */
interface Type {
  readonly zero: unknown;
  readonly read: (raw: unknown, name: string) => unknown;
}

const by = (base: (help: string) => Field<unknown>, zero: unknown): Type => ({ zero, read: base('').coerce });

const slice = (raw: unknown): readonly unknown[] => (Array.isArray(raw) ? raw : [raw]);

/** Text with commas is one element. */
const texts: Type = {
  zero: [],
  read: (raw, name) => (raw === '' ? [] : slice(raw).map((each) => field.string('').coerce(each, name))),
};

const integers: Type = {
  zero: [],
  read: (raw, name) => {
    const given = typeof raw === 'string' ? field.list('').coerce(raw, name) : slice(raw);
    return (given ?? []).map((each) => field.integer('').coerce(each, name));
  },
};

/** Go's `\w(([\w-.]+)?\w)?`: what names of roles are. */
const NAME = /^\w(?:[\w.-]*\w)?$/;

const name: Type = {
  zero: '',
  read: (raw, at) => {
    const text = field.string('').coerce(raw, at) ?? '';
    if (!NAME.test(text)) throw wrong(at, 'a name: letters, digits, `_`, and `-` and `.` inside');
    return text;
  },
};

const moment: Type = {
  zero: '0001-01-01T00:00:00Z',
  read: (raw, at) => {
    const seconds = typeof raw === 'number' || (typeof raw === 'string' && /^\d{1,12}$/.test(raw));
    const date = new Date(seconds ? Number(raw) * 1_000 : typeof raw === 'string' && RFC_3339.test(raw) ? raw : NaN);
    if (Number.isNaN(date.getTime())) throw wrong(at, 'a time as RFC 3339, or seconds since 1970');
    return date.toISOString().replace(/\.000Z$/, 'Z');
  },
};

const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;

const lower: Type = { zero: '', read: (raw, at) => field.string('').coerce(raw, at)?.toLowerCase() };

const TYPES = {
  string: by(field.string, ''),
  lower_case_string: lower,
  name_string: name,
  int: by(field.integer, 0),
  int64: by(field.integer, 0),
  float: by(field.number, 0),
  bool: by(field.boolean, false),
  duration_second: by(field.duration, 0),
  signed_duration_second: by(field.signedDuration, 0),
  time: moment,
  map: by(field.object, {}),
  kv_pairs: by(field.map, {}),
  slice: { zero: [], read: slice },
  string_slice: texts,
  comma_string_slice: by(field.list, []),
  comma_int_slice: integers,
} as const satisfies Readonly<Record<string, Type>>;

export type InputType = keyof typeof TYPES;
export const INPUT_TYPES = Object.keys(TYPES);

export const isInputType = (type: unknown): type is InputType => typeof type === 'string' && Object.hasOwn(TYPES, type);

/** The value of each field. Throws `badRequest`, which names the field and never its value. */
export function readInput(fields: readonly InputField[], sent: JsonObject): JsonObject {
  return Object.fromEntries(fields.map((each) => [each.name, valueOf(each, sent)]));
}

function valueOf({ name: at, type, required, fallback, allowed }: InputField, sent: JsonObject): unknown {
  const given = Object.hasOwn(sent, at);
  if (!given && required) throw fail('badRequest', `missing required field "${at}"`);
  const { zero, read } = TYPES[type];
  const raw = given ? sent[at] : fallback;
  const value = raw === undefined || raw === null ? zero : (read(raw, at) ?? zero);
  if (given && allowed.length > 0 && !allowed.some((each) => same(each, value))) {
    throw wrong(at, 'one of its allowed values');
  }
  return value;
}

const same = (one: Json, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);

/** For a document: a default that its own type does not take is refused when it is written. */
export function problemOfDefault(each: InputField): string | undefined {
  try {
    readInput([{ ...each, required: false }], {});
    return undefined;
  } catch (error) {
    if (!isLockstepError(error)) throw error;
    return error.message;
  }
}
