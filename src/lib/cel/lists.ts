/** cel-go's `lists` and `sets`, without what takes a macro or gives an optional value (`sortBy`, `first`). */
import { library } from './library.ts';
import { comparing } from './order.ts';
import type { CelFunc, CelList, CelValue } from '@bufbuild/cel';
import type { Meter } from './meter.ts';

type Equal = (left: CelValue, right: CelValue) => boolean;

/** How many comparisons cost as much as another step. */
const COMPARISONS = 8;

const contains = (list: CelList, value: CelValue, equal: Equal): boolean => {
  for (const each of list) if (equal(each, value)) return true;
  return false;
};

const containsAll = (list: CelList, values: CelList, equal: Equal): boolean =>
  Array.from(values).every((value) => contains(list, value, equal));

function flattened(list: CelList, depth: bigint): CelValue[] {
  const { isCelList } = library().cel;
  return Array.from(list).flatMap((each) => (isCelList(each) && depth > 0n ? flattened(each, depth - 1n) : [each]));
}

function sliced(list: CelList, start: bigint, end: bigint): CelValue[] {
  if (start < 0n || end > BigInt(list.size) || start > end) throw new Error('index out of range');
  return Array.from(list).slice(Number(start), Number(end));
}

function sorted(list: CelList): CelValue[] {
  const values = Array.from(list);
  const compare = comparing(values);
  if (compare === undefined) throw new Error('a list is sorted if its elements are of one type that has an order');
  return values.sort(compare);
}

/** Each comparison may read both of them, and there is one for each pair. */
const pays = (meter: Meter, left: CelList, right: CelList): void => {
  const units = meter.measure(left) * right.size + meter.measure(right) * left.size;
  meter.spend(units / COMPARISONS);
};

function setFunctions(meter: Meter, equal: Equal): CelFunc[] {
  const { cel } = library();
  const { BOOL, DYN } = cel.CelScalar;
  const LIST = cel.listType(DYN);
  const ask = (name: string, answer: (left: CelList, right: CelList) => boolean): CelFunc =>
    cel.celFunc(`sets.${name}`, [LIST, LIST], BOOL, (left, right) => {
      pays(meter, left, right);
      return answer(left, right);
    });
  return [
    ask('contains', (list, values) => containsAll(list, values, equal)),
    ask('equivalent', (left, right) => containsAll(left, right, equal) && containsAll(right, left, equal)),
    ask('intersects', (left, right) => Array.from(right).some((value) => contains(left, value, equal))),
  ];
}

export function listFunctions(meter: Meter, equal: Equal): CelFunc[] {
  const { cel } = library();
  const { DYN, INT } = cel.CelScalar;
  const LIST = cel.listType(DYN);
  const distinct = (list: CelList): CelValue[] => {
    pays(meter, list, list);
    const found: CelValue[] = [];
    for (const each of list) if (!found.some((other) => equal(other, each))) found.push(each);
    return found;
  };
  return [
    ...setFunctions(meter, equal),
    // Not the package's, whose lists are joined one in another and read slower with each.
    cel.celFunc('_+_', [LIST, LIST], LIST, (left, right) => [...left, ...right]),
    cel.celFunc('lists.range', [INT], LIST, (size) => {
      if (size < 0n) throw new Error('a size is not negative');
      meter.spend(Number(size));
      return Array.from({ length: Number(size) }, (_, index) => BigInt(index));
    }),
    cel.celMethod('distinct', LIST, [], LIST, function () {
      return distinct(this);
    }),
    cel.celMethod('flatten', LIST, [], LIST, function () {
      return flattened(this, 1n);
    }),
    cel.celMethod('flatten', LIST, [INT], LIST, function (depth) {
      if (depth < 0n) throw new Error('a depth is not negative');
      return flattened(this, depth);
    }),
    cel.celMethod('reverse', LIST, [], LIST, function () {
      return Array.from(this).reverse();
    }),
    cel.celMethod('slice', LIST, [INT, INT], LIST, function (start, end) {
      return sliced(this, start, end);
    }),
    cel.celMethod('sort', LIST, [], LIST, function () {
      meter.spend(meter.measure(this) * Math.log2(1 + this.size));
      return sorted(this);
    }),
  ];
}
