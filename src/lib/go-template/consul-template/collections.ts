/** Lists and maps: what is in them, and how they are merged and unfolded. */
import { fn, type FunctionMap, type GoFunction, variadic } from '../function.ts';
import type { Meter } from '../meter.ts';
import { parseInteger, fitsInt } from '../number.ts';
import { trimSpace } from '../print.ts';
import { splitText } from '../sprig/strings.ts';
import { FunctionError } from '../template-error.ts';
import {
  elementsOf,
  GoList,
  GoMap,
  GoObject,
  int64,
  integerOf,
  isTrue,
  isUnsigned,
  strings,
  typeOf,
  type Value,
} from '../value.ts';

const isNumber = (value: Value): value is GoObject => value instanceof GoObject && value.kind === 'string';

/** Whether a list holds the value, or a text its piece. Only signed integers, floats and texts are ever alike. */
function isIn(whole: Value, part: Value, meter: Meter): boolean {
  if (typeof whole === 'string') return typeof part === 'string' && whole.includes(part);
  if (isNumber(whole)) return isNumber(part) && whole.print().includes(part.print());
  const items = elementsOf(whole) ?? [];
  meter.step(items.length);
  return items.some((item) => alike(item, part));
}

function alike(item: Value, part: Value): boolean {
  if (typeof item === 'string' || typeof item === 'number') return item === part;
  if (isNumber(item)) return isNumber(part) && item.print() === part.print();
  const [one, two] = [integerOf(item), integerOf(part)];
  return one !== undefined && !isUnsigned(item) && !isUnsigned(part) && one === two;
}

function some(wanted: boolean, result: boolean): GoFunction {
  return fn(['any', 'any'], ([parts, whole], meter) => {
    if (!(parts instanceof GoList) || parts.element !== 'interface {}') {
      throw new FunctionError(`wrong type for value; expected []interface {}; got ${typeOf(parts)}`);
    }
    return parts.items.some((part) => isIn(whole, part, meter) === wanted) ? result : !result;
  });
}

interface Merging {
  readonly override: boolean;
  readonly meter: Meter;
}

/** Into the first, which keeps what it has; nested maps are merged. With `override` the second's values win, unless they are null. */
function merge(into: GoMap, from: GoMap, merging: Merging, depth = 0): GoMap {
  const { override, meter } = merging;
  meter.within(depth);
  for (const [key, value] of from.entries) {
    meter.step();
    const own = into.entries.get(key);
    if (own instanceof GoMap && value instanceof GoMap) merge(own, value, merging, depth + 1);
    else if (own === undefined || !isTrue(own) || (override && value !== null)) into.entries.set(key, value);
  }
  return into;
}

function explode(flat: GoMap, meter: Meter): GoMap {
  const root = new GoMap();
  for (const [name, value] of flat.sorted()) {
    const parts = name.split('/');
    meter.step(parts.length);
    const last = parts.pop() ?? '';
    let at = root;
    for (const part of parts) {
      const next = at.entries.get(part) ?? new GoMap();
      if (!(next instanceof GoMap))
        throw new FunctionError(`explodeMap: not a map: "${name}": "${part}" already has a value`);
      at.entries.set(part, next);
      at = next;
    }
    if (last !== '') at.entries.set(last, value);
  }
  return root;
}

function bound(value: Value): bigint {
  const whole = integerOf(value);
  if (whole !== undefined) return whole;
  if (typeof value !== 'string') throw new FunctionError(`loop: bad argument type: ${typeOf(value)}`);
  const parsed = value === '' ? 0n : parseInteger(value);
  if (parsed === undefined || !fitsInt(parsed)) throw new FunctionError('parseInt: strconv.ParseInt: invalid syntax');
  return parsed;
}

export const collectionFunctions: FunctionMap = {
  in: fn(['any', 'any'], ([whole, part], meter) => isIn(whole, part, meter)),
  contains: fn(['any', 'any'], ([part, whole], meter) => isIn(whole, part, meter)),
  containsAll: some(false, false),
  containsAny: some(true, true),
  containsNone: some(true, false),
  containsNotAll: some(false, true),
  mergeMap: fn(['dict', 'dict'], ([into, from], meter) => merge(into, from, { override: false, meter })),
  mergeMapWithOverride: fn(['dict', 'dict'], ([into, from], meter) => merge(into, from, { override: true, meter })),
  explodeMap: fn(['dict'], ([flat], meter) => explode(flat, meter)),
  loop: variadic([], 'any', (_, bounds, meter) => {
    const [first = null, second] = bounds;
    if (bounds.length < 1 || bounds.length > 2) {
      throw new FunctionError(`loop: wrong number of arguments, expected 1 or 2, but got ${bounds.length}`);
    }
    const [start, stop] = second === undefined ? [0n, bound(first)] : [bound(first), bound(second)];
    const count = Number(stop > start ? stop - start : 0n);
    meter.step(count);
    meter.make(16 * count);
    return new GoList(
      Array.from({ length: count }, (_each, place) => int64(start + BigInt(place))),
      'int64',
    );
  }),
  split: fn(['string', 'string'], ([by, text], meter) => {
    const trimmed = trimSpace(text);
    return strings(trimmed === '' ? [] : splitText(trimmed, by, -1, meter));
  }),
  splitToMap: fn(['string', 'string', 'string'], ([by, between, text], meter) => {
    const trimmed = trimSpace(text);
    const pairs = (trimmed === '' ? [] : splitText(trimmed, by, -1, meter)).flatMap((pair) => {
      const at = pair.indexOf(between);
      return at < 0 ? [] : [[pair.slice(0, at), pair.slice(at + between.length)] as const];
    });
    return new GoMap(pairs, 'string');
  }),
  join: fn(['string', 'any'], ([between, list], meter) => {
    if (list !== null && !(list instanceof GoList && list.element === 'string')) {
      throw new FunctionError(`wrong type for value; expected []string; got ${typeOf(list)}`);
    }
    const items = list === null ? [] : list.items.map(String);
    meter.make(items.reduce((sum, item) => sum + item.length + between.length, 0));
    return items.join(between);
  }),
};
