/**
 * The values of Go's templates. Go tells integers from floats, and so must this: a `bigint` is an `int`, a `number` a
 * `float64`, other integers carry their type. Strings are bytes (bytes.ts). `null` is a nil interface.
 */

export type Value = string | bigint | number | boolean | null | SizedInt | GoBytes | GoList | GoMap | GoObject;

export type IntType = 'int8' | 'int16' | 'int32' | 'int64' | 'uint' | 'uint8' | 'uint16' | 'uint32' | 'uint64';

/** An integer of another type than `int`. */
export class SizedInt {
  readonly type: IntType;
  readonly value: bigint;

  constructor(type: IntType, value: bigint) {
    this.type = type;
    this.value = wrap(type, value);
  }
}

const bits: Readonly<Record<IntType, number>> = {
  ...{ int8: 8, int16: 16, int32: 32, int64: 64 },
  ...{ uint: 64, uint8: 8, uint16: 16, uint32: 32, uint64: 64 },
};

/** Overflow wraps around, as in Go. */
function wrap(type: IntType, value: bigint): bigint {
  return type.startsWith('u') ? BigInt.asUintN(bits[type], value) : BigInt.asIntN(bits[type], value);
}

export const int = (value: bigint | number): bigint => BigInt.asIntN(64, BigInt(value));
export const int64 = (value: bigint | number): SizedInt => new SizedInt('int64', BigInt(value));

/** `[]byte`. */
export class GoBytes {
  readonly bytes: string;

  constructor(bytes: string) {
    this.bytes = bytes;
  }
}

/** A slice; `element` is the type of its elements as Go writes it. */
export class GoList {
  readonly items: readonly Value[];
  readonly element: string;
  /** A nil slice is JSON's null. */
  readonly isNil: boolean;

  constructor(items: readonly Value[], element = ANY, isNil = false) {
    this.items = items;
    this.element = element;
    this.isNil = isNil;
  }
}

/** A map from strings, shared and changed in place by `set` and `merge` as Go's maps are. */
export class GoMap {
  readonly entries: Map<string, Value>;
  readonly element: string;

  constructor(entries: Iterable<readonly [string, Value]> = [], element = ANY) {
    this.entries = new Map(entries);
    this.element = element;
  }

  /** Sorted by the bytes of the keys: what Go's templates and printing do. */
  sorted(): readonly (readonly [string, Value])[] {
    return [...this.entries].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  }
}

export const ANY = 'interface {}';

export type Method = (args: readonly Value[]) => Value;

/** A value of another Go type, such as `time.Time`: it prints as a text, and has the methods that are named. */
export abstract class GoObject {
  abstract readonly type: string;
  abstract readonly kind: 'struct' | 'ptr' | 'int' | 'string';
  /** What `String()` gives. */
  abstract print(): string;
  /** What `encoding/json` makes of it, as JSON. */
  abstract json(): string;
  abstract equals(other: GoObject): boolean;

  method(_name: string): GoMethod | undefined {
    return undefined;
  }
}

export interface GoMethod {
  readonly params: readonly ParamName[];
  readonly call: Method;
}

/** What a function may ask its arguments to be. */
export type ParamName = keyof ParamTypes;

export interface ParamTypes {
  /** Any value. */
  any: Value;
  string: string;
  int: bigint;
  int64: bigint;
  float64: number;
  bool: boolean;
  /** `map[string]interface {}` */
  dict: GoMap;
  /** Any `GoObject` whose type is `time.Time`. */
  time: GoObject;
}

/** Go's name of a type, as `%T` prints it. */
export function typeOf(value: Value): string {
  if (value === null) return '<nil>';
  if (typeof value === 'string' || typeof value === 'object') return typeOfObject(value);
  if (typeof value === 'bigint') return 'int';
  return typeof value === 'number' ? 'float64' : 'bool';
}

function typeOfObject(value: string | SizedInt | GoBytes | GoList | GoMap | GoObject): string {
  if (typeof value === 'string') return 'string';
  if (value instanceof GoList) return `[]${value.element}`;
  if (value instanceof GoMap) return `map[string]${value.element}`;
  return value instanceof GoBytes ? '[]uint8' : value.type;
}

/** Go's `reflect.Kind`, by name. */
export function kindOf(value: Value): string {
  if (value === null) return 'invalid';
  if (value instanceof GoList || value instanceof GoBytes) return 'slice';
  if (value instanceof GoMap) return 'map';
  return value instanceof GoObject ? value.kind : typeOf(value);
}

/** The number of an integer of any type. */
export function integerOf(value: Value | undefined): bigint | undefined {
  if (typeof value === 'bigint') return value;
  return value instanceof SizedInt ? value.value : undefined;
}

export function isUnsigned(value: Value | undefined): boolean {
  return value instanceof SizedInt && value.type.startsWith('u');
}

/** The length, where there is one. */
export function lengthOf(value: Value): number | undefined {
  if (typeof value === 'string') return value.length;
  if (value instanceof GoBytes) return value.bytes.length;
  if (value instanceof GoList) return value.items.length;
  return value instanceof GoMap ? value.entries.size : undefined;
}

/** What `if` takes for true. */
export function isTrue(value: Value): boolean {
  if (value === null) return false;
  if (value instanceof GoObject) return value.kind !== 'string' || value.print() !== '';
  if (typeof value === 'boolean') return value;
  if (typeof value === 'number') return value !== 0;
  const length = lengthOf(value);
  return length === undefined ? integerOf(value) !== 0n : length > 0;
}

/** The elements of a slice. */
export function elementsOf(value: Value): readonly Value[] | undefined {
  if (value instanceof GoList) return value.items;
  if (!(value instanceof GoBytes)) return undefined;
  return Array.from(value.bytes, (byte) => new SizedInt('uint8', BigInt(byte.charCodeAt(0))));
}

export const strings = (items: readonly string[]): GoList => new GoList(items, 'string');
