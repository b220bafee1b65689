/** Go's `eq`, `lt` and what is made of them: which types may be compared, and how. */
import { type Reflected, unboxed } from './reflected.ts';
import { FunctionError } from './template-error.ts';
import { GoBytes, GoList, GoObject, integerOf, isUnsigned, typeOf, type Value } from './value.ts';

type Basic = 'bool' | 'int' | 'uint' | 'float' | 'string';

function basicKind(value: Value | undefined): Basic | undefined {
  if (typeof value === 'string' || isTextual(value)) return 'string';
  if (typeof value === 'number') return 'float';
  if (typeof value === 'boolean') return 'bool';
  return integerOf(value) === undefined ? undefined : isUnsigned(value) ? 'uint' : 'int';
}

const isTextual = (value: Value | undefined): value is GoObject => value instanceof GoObject && value.kind === 'string';
/** What is compared of a value: of a named text type its text. */
const plain = (value: Value | undefined): Value | undefined => (isTextual(value) ? value.print() : value);

const isInteger = (kind: Basic | undefined): boolean => kind === 'int' || kind === 'uint';

export function eq(first: Reflected, others: readonly Reflected[]): boolean {
  if (others.length === 0) throw new FunctionError('missing argument for comparison');
  const left = unboxed(first);
  return others.some((other) => equal(left, unboxed(other)));
}

function equal(left: Value | undefined, right: Value | undefined): boolean {
  const [one, two] = [basicKind(left), basicKind(right)];
  if (isInteger(one) && isInteger(two)) return integerOf(left) === integerOf(right);
  if (one !== two) {
    if (left === undefined || right === undefined) return false;
    throw incompatible(left, right);
  }
  return one === undefined ? same(left, right) : plain(left) === plain(right);
}

function incompatible(left: Value, right: Value): FunctionError {
  return new FunctionError(`incompatible types for comparison: ${typeOf(left)} and ${typeOf(right)}`);
}

function same(left: Value | undefined, right: Value | undefined): boolean {
  if (left === undefined || right === undefined) return isNil(left) === isNil(right);
  if (isNil(left) || isNil(right)) return isNil(left) && isNil(right);
  if (left instanceof GoObject && right instanceof GoObject) return left.type === right.type && left.equals(right);
  if (isSlice(left) !== isSlice(right)) {
    throw new FunctionError(`non-comparable types ${typeOf(left)} and ${typeOf(right)}`);
  }
  throw new FunctionError(`non-comparable type ${typeOf(right)}`);
}

const isSlice = (value: Value): boolean => value instanceof GoList || value instanceof GoBytes;

function isNil(value: Value | undefined): boolean {
  return value === undefined || value === null || (value instanceof GoList && value.isNil);
}

export function lt(first: Reflected, second: Reflected): boolean {
  const [left, right] = [unboxed(first), unboxed(second)];
  if (left === undefined || right === undefined) throw badType();
  const [one, two] = [basicKind(left), basicKind(right)];
  if (one === undefined || two === undefined) throw badType();
  return less(left, right, [one, two]);
}

function less(first: Value, second: Value, [one, two]: readonly [Basic, Basic]): boolean {
  const [left, right] = [plain(first) ?? null, plain(second) ?? null];
  if (isInteger(one) && isInteger(two)) return (integerOf(left) ?? 0n) < (integerOf(right) ?? 0n);
  if (one !== two) throw incompatible(left, right);
  if (typeof left === 'string' && typeof right === 'string') return left < right;
  if (typeof left === 'number' && typeof right === 'number') return left < right;
  throw badType();
}

function badType(): FunctionError {
  return new FunctionError('invalid type for comparison');
}

export function le(first: Reflected, second: Reflected): boolean {
  return lt(first, second) || eq(first, [second]);
}
