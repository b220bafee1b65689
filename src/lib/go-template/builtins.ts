/** The functions that every template has. Those that see what an argument is in Go's engine are `reflective`. */
import { escapeHtml, escapeJs, escapeQuery } from './escape.ts';
import { eq, le, lt } from './comparison.ts';
import type { FunctionMap } from './function.ts';
import { variadic } from './function.ts';
import { sprint, sprintln } from './print.ts';
import { sprintf } from './printf.ts';
import { element, type Reflected, unboxed } from './reflected.ts';
import { FunctionError } from './template-error.ts';
import type { Meter } from './meter.ts';
import { GoBytes, GoList, GoMap, integerOf, isTrue, lengthOf, SizedInt, typeOf, type Value } from './value.ts';

export interface Reflective {
  readonly least: number;
  readonly most: number;
  /** Whether it takes longer for longer arguments. */
  readonly walks?: true;
  readonly call: (args: readonly Reflected[]) => Reflected;
}

const many = Number.POSITIVE_INFINITY;

export const reflective: Readonly<Record<string, Reflective>> = {
  // `and` and `or` are evaluated by the engine, which stops at the argument that decides.
  and: { least: 1, most: many, call: ([first]) => first },
  or: { least: 1, most: many, call: ([first]) => first },
  not: { least: 1, most: 1, call: ([value]) => !truth(value) },
  call: { least: 1, most: many, call: ([callee]) => called(callee) },
  eq: { least: 1, most: many, walks: true, call: ([first, ...others]) => eq(first, others) },
  ne: { least: 2, most: 2, walks: true, call: ([first, second]) => !eq(first, [second]) },
  lt: { least: 2, most: 2, walks: true, call: ([first, second]) => lt(first, second) },
  le: { least: 2, most: 2, walks: true, call: ([first, second]) => le(first, second) },
  gt: { least: 2, most: 2, walks: true, call: ([first, second]) => !le(first, second) },
  ge: { least: 2, most: 2, walks: true, call: ([first, second]) => !lt(first, second) },
  index: { least: 1, most: many, call: ([item, ...indexes]) => index(item, indexes) },
  slice: { least: 1, most: many, walks: true, call: ([item, ...indexes]) => slice(item, indexes) },
  len: { least: 1, most: 1, call: ([item]) => length(item) },
};

export const builtins: FunctionMap = {
  html: variadic([], 'any', (_, values, meter) => escapeHtml(argument(values, meter))),
  js: variadic([], 'any', (_, values, meter) => escapeJs(argument(values, meter))),
  urlquery: variadic([], 'any', (_, values, meter) => escapeQuery(argument(values, meter))),
  print: variadic([], 'any', (_, values, meter) => sprint(values, meter)),
  println: variadic([], 'any', (_, values, meter) => sprintln(values, meter)),
  printf: variadic(['string'], 'any', ([format], values, meter) => sprintf(format, values, meter)),
};

/** Go shows a value that is not there as `<no value>`. */
function argument(values: readonly Value[], meter: Meter): string {
  const shown = values.map((value) => (value === null ? '<no value>' : value));
  const text = sprint(shown, meter);
  meter.make(6 * text.length);
  return text;
}

export function truth(value: Reflected): boolean {
  const inner = unboxed(value);
  return inner !== undefined && isTrue(inner);
}

function called(callee: Reflected): Reflected {
  const inner = unboxed(callee);
  if (inner === undefined) throw new FunctionError('call of nil');
  throw new FunctionError(`non-function of type ${typeOf(inner)}`);
}

function length(item: Reflected): bigint {
  const inner = unboxed(item);
  if (inner === undefined) throw new FunctionError('len of nil pointer');
  const found = lengthOf(inner);
  if (found === undefined) throw new FunctionError(`len of type ${typeOf(inner)}`);
  return BigInt(found);
}

function indexOf(index: Reflected, most: number): number {
  const inner = unboxed(index);
  if (inner === undefined) throw new FunctionError('cannot index slice/array with nil');
  const value = integerOf(inner);
  if (value === undefined) throw new FunctionError(`cannot index slice/array with type ${typeOf(inner)}`);
  if (value < 0n || value > BigInt(most)) throw new FunctionError(`index out of range: ${value}`);
  return Number(value);
}

function index(item: Reflected, indexes: readonly Reflected[]): Reflected {
  if (unboxed(item) === undefined) throw new FunctionError('index of untyped nil');
  return indexes.reduce(indexed, unboxed(item) as Reflected);
}

function indexed(item: Reflected, at: Reflected): Reflected {
  const inner = unboxed(item);
  if (inner === undefined) throw new FunctionError('index of nil pointer');
  if (inner instanceof GoMap) return entry(inner, unboxed(at));
  const size = inner instanceof GoMap ? undefined : lengthOf(inner);
  if (size === undefined) throw new FunctionError(`can't index item of type ${typeOf(inner)}`);
  const place = indexOf(at, size);
  if (place >= size) throw new FunctionError('reflect: slice index out of range');
  return elementAt(inner, place);
}

function elementAt(value: Value, place: number): Reflected {
  if (value instanceof GoList) return element(value.items[place] ?? null, value.element);
  const bytes = value instanceof GoBytes ? value.bytes : typeof value === 'string' ? value : '';
  return new SizedInt('uint8', BigInt(bytes.charCodeAt(place)));
}

/** A key that is not there gives the zero value. */
function entry(map: GoMap, key: Value | undefined): Reflected {
  if (key === undefined) throw new FunctionError('value is nil; should be of type string');
  if (typeof key !== 'string') throw new FunctionError(`value has type ${typeOf(key)}; should be string`);
  return element(map.entries.get(key) ?? zero(map.element), map.element);
}

function zero(type: string): Value {
  return type === 'string' ? '' : null;
}

function slice(item: Reflected, indexes: readonly Reflected[]): Reflected {
  const inner = unboxed(item);
  if (inner === undefined) throw new FunctionError('slice of untyped nil');
  if (indexes.length > 3) throw new FunctionError(`too many slice indexes: ${indexes.length}`);
  const isText = typeof inner === 'string';
  if (isText && indexes.length === 3) throw new FunctionError('cannot 3-index slice a string');
  const size = isText || inner instanceof GoList || inner instanceof GoBytes ? lengthOf(inner) : undefined;
  if (size === undefined) throw new FunctionError(`can't slice item of type ${typeOf(inner)}`);
  return between(
    inner,
    size,
    indexes.map((each) => indexOf(each, size)),
  );
}

function between(inner: Value, size: number, [from = 0, to = size, most = size]: readonly number[]): Value {
  if (from > to) throw new FunctionError(`invalid slice index: ${from} > ${to}`);
  if (to > most) throw new FunctionError(`invalid slice index: ${to} > ${most}`);
  return sliced(inner, from, to);
}

export function sliced(value: Value, from: number, to: number): Value {
  if (typeof value === 'string') return value.slice(from, to);
  if (value instanceof GoBytes) return new GoBytes(value.bytes.slice(from, to));
  return value instanceof GoList ? new GoList(value.items.slice(from, to), value.element) : value;
}
