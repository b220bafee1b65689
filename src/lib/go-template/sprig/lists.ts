import { fn, type FunctionMap, variadic } from '../function.ts';
import type { Meter } from '../meter.ts';
import { sliced } from '../builtins.ts';
import { FunctionError } from '../template-error.ts';
import { GoList, kindOf, type Value } from '../value.ts';
import { isEmpty, listOf, nilList, toInteger } from './cast.ts';
import { deepEqual } from './equality.ts';

/** `must…` gives the error that the other panics with: to a template both fail alike. */
function both(name: string, func: FunctionMap[string]): FunctionMap {
  return func === undefined ? {} : { [name]: func, [`must${name.charAt(0).toUpperCase()}${name.slice(1)}`]: func };
}

const append = fn(['any', 'any'], ([list, value], meter) => {
  return new GoList([...listOf(list, 'Cannot push on type', meter), value]);
});

export const listFunctions: FunctionMap = {
  list: variadic([], 'any', (_, values) => new GoList(values)),
  tuple: variadic([], 'any', (_, values) => new GoList(values)),
  ...both('append', append),
  ...both('push', append),
  ...both(
    'prepend',
    fn(['any', 'any'], ([list, value], meter) => {
      return new GoList([value, ...listOf(list, 'Cannot prepend on type', meter)]);
    }),
  ),
  ...both(
    'first',
    fn(['any'], ([list], meter) => listOf(list, 'Cannot find first on type', meter)[0] ?? null),
  ),
  ...both(
    'last',
    fn(['any'], ([list], meter) => listOf(list, 'Cannot find last on type', meter).at(-1) ?? null),
  ),
  ...both(
    'rest',
    fn(['any'], ([list], meter) => part(listOf(list, 'Cannot find rest on type', meter), [1])),
  ),
  ...both(
    'initial',
    fn(['any'], ([list], meter) => part(listOf(list, 'Cannot find initial on type', meter), [0, -1])),
  ),
  ...both(
    'reverse',
    fn(['any'], ([list], meter) => {
      return new GoList([...listOf(list, 'Cannot find reverse on type', meter)].reverse());
    }),
  ),
  ...both(
    'compact',
    fn(['any'], ([list], meter) => {
      return new GoList(listOf(list, 'Cannot compact on type', meter).filter((item) => !isEmpty(item)));
    }),
  ),
  ...both(
    'uniq',
    fn(['any'], ([list], meter) => {
      const kept: Value[] = [];
      for (const item of listOf(list, 'Cannot find uniq on type', meter)) {
        if (!holds(kept, item, meter)) kept.push(item);
      }
      return new GoList(kept);
    }),
  ),
  ...both(
    'without',
    variadic(['any'], 'any', ([list], omitted, meter) => {
      const items = listOf(list, 'Cannot find without on type', meter);
      return new GoList(items.filter((item) => !holds(omitted, item, meter)));
    }),
  ),
  ...both(
    'has',
    fn(['any', 'any'], ([needle, list], meter) => {
      return list !== null && holds(listOf(list, 'Cannot find has on type', meter), needle, meter);
    }),
  ),
  ...both(
    'slice',
    variadic(['any'], 'any', ([list], indexes, meter) => slice(list, indexes, meter)),
  ),
  ...both(
    'chunk',
    fn(['int', 'any'], ([size, list], meter) => chunk(Number(size), listOf(list, 'Cannot chunk type', meter))),
  ),
  concat: variadic([], 'any', (_, lists, meter) => {
    const items = lists.flatMap((list) => concatenated(list, meter));
    return new GoList(items, undefined, items.length === 0);
  }),
};

function concatenated(list: Value, meter: Meter): readonly Value[] {
  const doing = 'Cannot concat type';
  if (list !== null && kindOf(list) !== 'slice') throw new FunctionError(`${doing} ${kindOf(list)} as list`);
  return listOf(list, doing, meter);
}

function part(items: readonly Value[], range: readonly [number, number?]): Value {
  return items.length === 0 ? nilList() : new GoList(items.slice(...range));
}

function holds(list: readonly Value[], value: Value, meter: Meter): boolean {
  return list.some((item) => deepEqual(value, item, meter));
}

function slice(list: Value, indexes: readonly Value[], meter: Meter): Value {
  const { length } = listOf(list, 'list should be type of slice or array but', meter);
  if (length === 0) return null;
  const [from, to] = indexes;
  const start = from === undefined ? 0n : toInteger(from);
  const end = to === undefined ? BigInt(length) : toInteger(to);
  if (start < 0n || start > end || end > BigInt(length))
    throw new FunctionError('reflect.Value.Slice: slice index out of bounds');
  return sliced(list, Number(start), Number(end));
}

function chunk(size: number, items: readonly Value[]): Value {
  // Sizes below 0 are nonsense that Go's arithmetic lets pass as long as the count comes to no less than 0.
  const count = Math.floor((items.length - 1) / size) + 1;
  if (size === 0 || count < 0) throw new FunctionError('chunk needs a size above 0');
  if (size < 0) return new GoList([], '[]interface {}');
  const chunks: Value[] = [];
  for (let at = 0; at < items.length; at += size) chunks.push(new GoList(items.slice(at, at + size)));
  return new GoList(chunks, '[]interface {}');
}
