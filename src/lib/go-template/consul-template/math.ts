/** Arithmetic of mixed numbers; the last argument is the first operand, for pipes: `{{ 7 | subtract 2 }}` is 5. */
import { fn, type FunctionMap, type GoFunction } from '../function.ts';
import { FunctionError } from '../template-error.ts';
import { int64, integerOf, isUnsigned, SizedInt, typeOf, type Value } from '../value.ts';

type Operation = 'add' | 'subtract' | 'multiply' | 'divide' | 'modulo';

function onIntegers(operation: Operation, a: bigint, b: bigint): bigint {
  if (operation === 'add') return a + b;
  if (operation === 'subtract') return a - b;
  if (operation === 'multiply') return a * b;
  if (b === 0n) throw new FunctionError('runtime error: integer divide by zero');
  return operation === 'divide' ? a / b : a % b;
}

function onFloats(operation: Exclude<Operation, 'modulo'>, a: number, b: number): number {
  if (operation === 'add') return a + b;
  if (operation === 'subtract') return a - b;
  return operation === 'multiply' ? a * b : a / b;
}

/** Go shows the value, too; it may be a secret. */
const unknownType = (name: string, value: Value): FunctionError =>
  new FunctionError(`${name}: unknown type (${typeOf(value)})`);

/** Whether it is an integer; throws for what is no number. */
function isWhole(name: string, value: Value): boolean {
  if (integerOf(value) !== undefined) return true;
  if (typeof value === 'number') return false;
  throw unknownType(name, value);
}

function arithmetic(operation: Operation): GoFunction {
  return fn(['any', 'any'], ([b, a]) => {
    const whole = [isWhole(operation, a), isWhole(operation, b)];
    if (operation === 'modulo' || whole.every(Boolean)) {
      const [left, right] = [integerOf(a), integerOf(b)];
      if (left === undefined) throw unknownType(operation, a);
      if (right === undefined) throw unknownType(operation, b);
      const result = onIntegers(operation, left, right);
      return isUnsigned(a) && isUnsigned(b) ? new SizedInt('uint64', result) : int64(result);
    }
    return onFloats(operation, Number(integerOf(a) ?? a), Number(integerOf(b) ?? b));
  });
}

/** What an integer of any type is once Go's reflection has read it. */
function widened(value: Value): Value {
  const whole = integerOf(value);
  if (whole === undefined) return value;
  return isUnsigned(value) ? new SizedInt('uint64', whole) : int64(whole);
}

function extreme(name: string, first: (a: number | bigint, b: number | bigint) => boolean): GoFunction {
  return fn(['any', 'any'], ([b, a]) => {
    const both = [isWhole(name, a), isWhole(name, b)].every(Boolean);
    const [left, right] = [integerOf(a) ?? Number(a), integerOf(b) ?? Number(b)];
    return widened((both ? first(left, right) : first(Number(left), Number(right))) ? a : b);
  });
}

export const mathFunctions: FunctionMap = {
  add: arithmetic('add'),
  subtract: arithmetic('subtract'),
  multiply: arithmetic('multiply'),
  divide: arithmetic('divide'),
  modulo: arithmetic('modulo'),
  minimum: extreme('minimum', (a, b) => a < b),
  maximum: extreme('maximum', (a, b) => a > b),
};
