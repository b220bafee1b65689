/** What the language has as syntax and is a function here, so that it pays: see `metered.ts`. */
import { library } from './library.ts';
import type { CelFunc, CelList, CelValue } from '@bufbuild/cel';
import type { Meter } from './meter.ts';

/** What an index, a `has` or a selection names is not there. The name is the program's own. */
const noSuch = (what: string): Error => new Error(`no such ${what}`);

/** A list has an index for a whole number of any type. */
function positionOf(index: CelValue): number {
  if (typeof index === 'number') return index;
  if (typeof index === 'bigint') return Number(index);
  if (library().cel.isCelUint(index)) return Number(index.value);
  throw new Error('the index of a list is a number');
}

function at(container: CelValue, key: CelValue, meter: Meter): CelValue {
  const { cel } = library();
  if (cel.isCelList(container)) {
    const position = positionOf(key);
    const found = Number.isInteger(position) ? container.get(position) : undefined;
    if (found === undefined) throw noSuch('index');
    return found;
  }
  if (!cel.isCelMap(container)) throw new Error('only a list or a map has an index');
  if (typeof key === 'object' && !cel.isCelUint(key)) throw new Error('unsupported type of key');
  // The package looks through all keys for a number, since it may be there as a uint.
  if (typeof key !== 'string' && typeof key !== 'boolean') meter.spend(container.size);
  const found = container.get(key);
  if (found === undefined) throw noSuch('key');
  return found;
}

function has(operand: CelValue, field: string): boolean {
  const { cel, reflection } = library();
  // Not `CelMap.has`, for which a null is nothing.
  if (cel.isCelMap(operand)) return operand.get(field) !== undefined;
  // As cel-go: what is no container has no field.
  if (cel.isCelList(operand)) throw new Error('a list has no fields');
  if (!reflection.isReflectMessage(operand)) return false;
  const found = operand.desc.fields.find(({ name }) => name === field);
  if (found === undefined) throw noSuch('field');
  return operand.isSet(found);
}

/** To set a field of a message, also one that does not fit, in steps. */
const FIELD = 8;

export function syntaxFunctions(meter: Meter): CelFunc[] {
  const { cel } = library();
  const { DYN, INT, STRING, BOOL, DOUBLE, UINT } = cel.CelScalar;
  const MAP = cel.mapType(DYN, DYN);
  /** The lists of loops that go on, by what fills them. Nothing else has a hold of one before its loop has ended. */
  const growing = new WeakMap<CelList, CelValue[]>();
  const inMap = (key: CelValue, map: CelValue): boolean => {
    if (!cel.isCelMap(map)) return false;
    if (typeof key !== 'string' && typeof key !== 'boolean') meter.spend(map.size);
    return map.get(key as Parameters<typeof map.get>[0]) !== undefined;
  };
  return [
    cel.celFunc('@range', [DYN], DYN, (range) => {
      meter.spendFlat(range);
      return range;
    }),
    cel.celFunc('@step', [DYN, INT], DYN, (condition, nodes) => {
      meter.spend(Number(nodes));
      return condition;
    }),
    cel.celFunc('@append', [cel.listType(DYN), DYN], cel.listType(DYN), (list, added) => {
      meter.spend(1);
      const elements = growing.get(list);
      if (elements !== undefined) {
        elements.push(added);
        return list;
      }
      const first = [...list, added];
      const fresh = cel.celList(first);
      growing.set(fresh, first);
      return fresh;
    }),
    cel.celFunc('@field', [DYN], DYN, (value) => {
      meter.spend(FIELD);
      meter.spendDeep(value);
      // The package keeps the maps of messages as plain objects, on which this key would be nothing, in silence.
      if (cel.isCelMap(value) && value.has('__proto__')) throw new Error('a message has no map with the key __proto__');
      return value;
    }),
    cel.celFunc('@index', [DYN, DYN], DYN, (container, key) => {
      meter.spend(1);
      return at(container, key, meter);
    }),
    cel.celFunc('@has', [DYN, STRING], BOOL, (operand, field) => {
      meter.spend(1);
      return has(operand, field);
    }),
    ...[STRING, DOUBLE, INT, BOOL, UINT].map((key) =>
      cel.celFunc('@in', [key, MAP], BOOL, (value: CelValue, map: CelValue) => inMap(value, map)),
    ),
  ];
}
