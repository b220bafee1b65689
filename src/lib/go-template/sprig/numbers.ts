import { fn, type FunctionMap, variadic } from '../function.ts';
import type { Meter } from '../meter.ts';
import { fitsInt, MAX_INT, MIN_INT, parseDecimal } from '../number.ts';
import { sprintValue } from '../print.ts';
import { FunctionError } from '../template-error.ts';
import { GoList, int, int64, type Value } from '../value.ts';
import { toFloat, toInteger } from './cast.ts';
import { Decimal } from './decimal.ts';

const most = (values: readonly bigint[]): bigint => values.reduce((a, b) => (b > a ? b : a));
const least = (values: readonly bigint[]): bigint => values.reduce((a, b) => (b < a ? b : a));

const max = variadic(['any'], 'any', ([first], rest) => int64(most([first, ...rest].map(toInteger))));

export const numberFunctions: FunctionMap = {
  atoi: fn(['string'], ([text]) => atoi(text)),
  int: fn(['any'], ([value]) => int(toInteger(value))),
  int64: fn(['any'], ([value]) => int64(toInteger(value))),
  float64: fn(['any'], ([value]) => toFloat(value)),
  toDecimal: fn(['any'], ([value], meter) => int64(octal(sprintValue(value, meter)))),
  add1: fn(['any'], ([value]) => int64(toInteger(value) + 1n)),
  add: variadic([], 'any', (_, values) => int64(values.map(toInteger).reduce((a, b) => a + b, 0n))),
  sub: fn(['any', 'any'], ([a, b]) => int64(toInteger(a) - toInteger(b))),
  mul: variadic(['any'], 'any', ([first], rest) => {
    return int64([first, ...rest].map(toInteger).reduce((a, b) => BigInt.asIntN(64, a * b)));
  }),
  div: fn(['any', 'any'], ([a, b]) => int64(toInteger(a) / divisor(b))),
  mod: fn(['any', 'any'], ([a, b]) => int64(toInteger(a) % divisor(b))),
  max,
  biggest: max,
  min: variadic(['any'], 'any', ([first], rest) => int64(least([first, ...rest].map(toInteger)))),
  maxf: variadic(['any'], 'any', ([first], rest) => Math.max(...[first, ...rest].map(toFloat))),
  minf: variadic(['any'], 'any', ([first], rest) => Math.min(...[first, ...rest].map(toFloat))),
  add1f: fn(['any'], ([value]) => exact([value, 1n], 'plus')),
  addf: variadic([], 'any', (_, values, meter) => exact([0, ...values], 'plus', meter)),
  subf: variadic(['any'], 'any', ([first], rest, meter) => exact([first, ...rest], 'minus', meter)),
  mulf: variadic(['any'], 'any', ([first], rest, meter) => exact([first, ...rest], 'times', meter)),
  divf: variadic(['any'], 'any', ([first], rest, meter) => exact([first, ...rest], 'by', meter)),
  ceil: fn(['any'], ([value]) => Math.ceil(toFloat(value))),
  floor: fn(['any'], ([value]) => Math.floor(toFloat(value))),
  round: variadic(['any', 'int'], 'float64', ([value, places], [on = 0.5]) => {
    const power = 10 ** Number(places);
    const digit = power * toFloat(value);
    return (digit % 1 >= on ? Math.ceil(digit) : Math.floor(digit)) / power;
  }),
  until: fn(['int'], ([count], meter) => ints(range([0n, count, count < 0n ? -1n : 1n], meter))),
  untilStep: fn(['int', 'int', 'int'], (bounds, meter) => ints(range(bounds, meter))),
  seq: variadic([], 'int', (_, bounds, meter) => range(sequence(bounds), meter).join(' ')),
};

/** What does not fit is the nearest that does, and what is no number 0. */
function atoi(text: string): bigint {
  const value = parseDecimal(text);
  if (value === undefined) return 0n;
  return fitsInt(value) ? value : value > 0n ? MAX_INT : MIN_INT;
}

function octal(text: string): bigint {
  const found = /^([+-]?)([0-7]+)$/.exec(text);
  if (found === null) return 0n;
  const value = BigInt(`0o${found[2]}`) * (found[1] === '-' ? -1n : 1n);
  return fitsInt(value) ? value : 0n;
}

function divisor(value: Value): bigint {
  const number = toInteger(value);
  if (number === 0n) throw new FunctionError('runtime error: integer divide by zero');
  return number;
}

/** Products grow with each factor. */
function exact(operands: readonly Value[], operation: 'plus' | 'minus' | 'times' | 'by', meter?: Meter): number {
  meter?.step(operands.length ** 2 / 1_000);
  const values = operands.map((value) => Decimal.of(toFloat(value)));
  return values.reduce((result, value) => result[operation](value)).toNumber();
}

const ints = (values: readonly bigint[]): GoList => new GoList(values, 'int');

function range([start, stop, step]: readonly [bigint, bigint, bigint], meter: Meter): readonly bigint[] {
  const distance = stop - start;
  if (step === 0n || distance === 0n || distance > 0n !== step > 0n) return [];
  const count = (distance + step + (step > 0n ? -1n : 1n)) / step;
  meter.step(Number(count));
  meter.make(8 * Number(count));
  return Array.from({ length: Number(count) }, (_, place) => start + BigInt(place) * step);
}

/** The end is part of it, unlike that of `untilStep`. */
function sequence(bounds: readonly bigint[]): readonly [bigint, bigint, bigint] {
  const none = [0n, 0n, 1n] as const;
  const [first, second, third] = bounds;
  if (first === undefined || bounds.length > 3) return none;
  if (second === undefined) return sequence([1n, first]);
  if (third === undefined) {
    const step = second < first ? -1n : 1n;
    return [first, second + step, step];
  }
  if (third < first) return second > 0n ? none : [first, third - 1n, second];
  return [first, third + 1n, second];
}
