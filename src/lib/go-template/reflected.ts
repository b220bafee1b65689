import { GoMap, type ParamName, typeOf, type Value } from './value.ts';

/**
 * What stands in Go's engine as an interface: a map or a list of any values gave it. Errors and missing values tell it
 * from the value within.
 */
export class Boxed {
  readonly value: Value;

  constructor(value: Value) {
    this.value = value;
  }
}

/** A `reflect.Value`: nothing at all is not nil. */
export type Reflected = Value | Boxed | undefined;

/** As an element of a map or a list whose elements are of that type. */
export function element(value: Value, type: string): Reflected {
  return type === 'interface {}' ? new Boxed(value) : value;
}

/** Go's `indirectInterface`. */
export function unboxed(value: Reflected): Value | undefined {
  const inner = value instanceof Boxed ? value.value : value;
  return inner ?? undefined;
}

export function reflectedType(value: Value | Boxed): string {
  return value instanceof Boxed ? 'interface {}' : typeOf(value);
}

/** What an argument is to be: of a function's parameter, or untouched. */
export type Param = ParamName | 'reflect';

const typeNames: Readonly<Record<Param, string>> = {
  any: 'interface {}',
  string: 'string',
  int: 'int',
  int64: 'int64',
  float64: 'float64',
  bool: 'bool',
  dict: 'map[string]interface {}',
  time: 'time.Time',
  reflect: 'reflect.Value',
};

export const typeName = (param: Param): string => typeNames[param];

export const canBeNil = (param: Param): boolean => param === 'any' || param === 'dict' || param === 'reflect';

/** Nil, of a type that has it. */
export function nilOf(param: Param): Value | undefined {
  return param === 'any' ? null : param === 'dict' ? new GoMap() : undefined;
}

export function isAssignable(value: Value, param: Param): boolean {
  return param === 'any' || param === 'reflect' || typeOf(value) === typeNames[param];
}
