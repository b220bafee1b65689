import { fn, type FunctionMap, variadic } from '../function.ts';
import type { Meter } from '../meter.ts';
import { FunctionError } from '../template-error.ts';
import { ANY, GoBytes, GoList, GoMap, strings, typeOf, type Value } from '../value.ts';
import { isEmpty, textOf } from './cast.ts';

const merge = variadic(['dict'], 'dict', ([into], from, meter) => merged(into, from, { overwrites: false, meter }));
const mergeOverwrite = variadic(['dict'], 'dict', ([into], from, meter) => {
  return merged(into, from, { overwrites: true, meter });
});
const deepCopy = fn(['any'], ([value], meter) => {
  if (value === null) throw new FunctionError('reflect: call of reflect.Value.Type on zero Value');
  return copied(value, meter);
});

export const dictFunctions: FunctionMap = {
  dict: variadic([], 'any', (_, values, meter) => dict(values, meter)),
  get: fn(['dict', 'string'], ([map, key]) => (map.entries.has(key) ? (map.entries.get(key) ?? null) : '')),
  set: fn(['dict', 'string', 'any'], ([map, key, value]) => {
    map.entries.set(key, value);
    return map;
  }),
  unset: fn(['dict', 'string'], ([map, key]) => {
    map.entries.delete(key);
    return map;
  }),
  hasKey: fn(['dict', 'string'], ([map, key]) => map.entries.has(key)),
  pluck: variadic(['string'], 'dict', ([key], maps) => {
    const found = maps.filter((map) => map.entries.has(key));
    return new GoList(found.map((map) => map.entries.get(key) ?? null));
  }),
  // Go's order is by chance: here keys and values are sorted by key.
  keys: variadic([], 'dict', (_, maps, meter) => {
    return strings(maps.flatMap((map) => walked(map, meter).map(([key]) => key)));
  }),
  values: fn(['dict'], ([map], meter) => new GoList(walked(map, meter).map(([, value]) => value))),
  pick: variadic(['dict'], 'string', ([map], keys) => {
    return new GoMap(keys.filter((key) => map.entries.has(key)).map((key) => [key, map.entries.get(key) ?? null]));
  }),
  omit: variadic(['dict'], 'string', ([map], keys, meter) => {
    const omitted = new Set(keys);
    return new GoMap(walked(map, meter).filter(([key]) => !omitted.has(key)));
  }),
  merge,
  mustMerge: merge,
  mergeOverwrite,
  mustMergeOverwrite: mergeOverwrite,
  deepCopy,
  mustDeepCopy: deepCopy,
  dig: variadic([], 'any', (_, values) => dig(values)),
};

function walked(map: GoMap, meter: Meter): readonly (readonly [string, Value])[] {
  meter.step(map.entries.size);
  meter.make(16 * map.entries.size);
  return map.sorted();
}

function dict(values: readonly Value[], meter: Meter): GoMap {
  const map = new GoMap();
  for (let at = 0; at < values.length; at += 2) {
    const [key = null, value = ''] = values.slice(at, at + 2);
    map.entries.set(textOf(key, meter), value);
  }
  return map;
}

interface Merging {
  readonly overwrites: boolean;
  readonly meter: Meter;
}

/** What is empty is filled, or with `overwrites` what is not empty there replaces; maps within maps are merged. */
function merged(into: GoMap, sources: readonly GoMap[], how: Merging, depth = 0): GoMap {
  how.meter.within(depth);
  for (const source of sources) {
    how.meter.step(source.entries.size);
    for (const [key, value] of source.entries) {
      const there = into.entries.get(key);
      if (there instanceof GoMap && value instanceof GoMap && there.element === ANY && value.element === ANY) {
        merged(there, [value], how, depth + 1);
      } else if (takes(value, there, how.overwrites)) {
        into.entries.set(key, value);
      }
    }
  }
  return into;
}

function takes(value: Value, there: Value | undefined, overwrites: boolean): boolean {
  if (value === null) return overwrites;
  return there === undefined || (overwrites ? !isEmpty(value) : isEmpty(there));
}

function copied(value: Value, meter: Meter, depth = 0): Value {
  meter.within(depth);
  if (value instanceof GoList) {
    meter.make(8 * value.items.length);
    return new GoList(
      value.items.map((item) => copied(item, meter, depth + 1)),
      value.element,
      value.isNil,
    );
  }
  if (value instanceof GoMap) {
    meter.make(16 * value.entries.size);
    const entries = [...value.entries].map(([key, item]) => [key, copied(item, meter, depth + 1)] as const);
    return new GoMap(entries, value.element);
  }
  return value instanceof GoBytes ? new GoBytes(value.bytes) : value;
}

function dig(values: readonly Value[]): Value {
  if (values.length < 3) throw new FunctionError('dig needs at least three arguments');
  const otherwise = values.at(-2) ?? null;
  let found: Value = values.at(-1) ?? null;
  for (const key of values.slice(0, -2)) {
    if (!(found instanceof GoMap) || found.element !== ANY) throw conversion(found, 'map[string]interface {}');
    if (typeof key !== 'string') throw conversion(key, 'string');
    if (!found.entries.has(key)) return otherwise;
    found = found.entries.get(key) ?? null;
  }
  return found;
}

function conversion(value: Value, wanted: string): FunctionError {
  const is = value === null ? 'nil' : typeOf(value);
  return new FunctionError(`interface conversion: interface {} is ${is}, not ${wanted}`);
}
