/** How sprig makes numbers and texts of any value. */
import { parseFloat64, parseInteger, fitsInt } from '../number.ts';
import type { Meter } from '../meter.ts';
import { sprintValue } from '../print.ts';
import { FunctionError } from '../template-error.ts';
import { elementsOf, GoBytes, GoList, GoObject, integerOf, isTrue, kindOf, type Value } from '../value.ts';

/** 0 for what is no number. */
export function toInteger(value: Value): bigint {
  const integer = integerOf(value);
  if (integer !== undefined) return BigInt.asIntN(64, integer);
  if (typeof value === 'number') return truncated(value);
  if (typeof value === 'boolean') return value ? 1n : 0n;
  if (value instanceof GoObject && value.kind === 'string') return toInteger(value.print());
  if (typeof value !== 'string') return 0n;
  const parsed = parseInteger(value.replace(/\.0*$/, ''));
  return parsed !== undefined && fitsInt(parsed) ? parsed : 0n;
}

/** Beyond 64 bits the processor's answer, as Go on amd64 gives it. */
function truncated(value: number): bigint {
  const least = -(2n ** 63n);
  if (!Number.isFinite(value)) return least;
  const whole = BigInt(Math.trunc(value));
  return fitsInt(whole) ? whole : least;
}

export function toFloat(value: Value): number {
  if (typeof value === 'number') return value;
  const integer = integerOf(value);
  if (integer !== undefined) return Number(integer);
  if (typeof value === 'boolean') return value ? 1 : 0;
  const text = value instanceof GoObject && value.kind === 'string' ? value.print() : value;
  return typeof text === 'string' ? (parseFloat64(text) ?? 0) : 0;
}

/** A value as a text: what `toString` gives. */
export function textOf(value: Value, meter: Meter): string {
  if (typeof value === 'string') meter.read(value.length);
  return value instanceof GoBytes ? value.bytes : sprintValue(value, meter);
}

/** What `join` and `toStrings` make of a value: nils are left out. */
export function textsOf(value: Value, meter: Meter): string[] {
  const items = elementsOf(value) ?? (value === null ? [] : [value]);
  meter.step(items.length);
  return items.filter((item) => item !== null).map((item) => textOf(item, meter));
}

export const isEmpty = (value: Value): boolean => !isTrue(value);

/** The elements of a list, or the error of a function that is `doing` something with what is none. */
export function listOf(value: Value, doing: string, meter: Meter): readonly Value[] {
  if (value === null) throw nilPointer();
  const items = elementsOf(value);
  if (items === undefined) throw new FunctionError(`${doing} ${kindOf(value)}`);
  meter.step(items.length);
  meter.make(8 * items.length);
  return items;
}

export function nilPointer(): FunctionError {
  return new FunctionError('runtime error: invalid memory address or nil pointer dereference');
}

export const nilList = (): GoList => new GoList([], undefined, true);
