import type { Meter } from '../meter.ts';
import { GoBytes, GoList, GoMap, GoObject, SizedInt, type Value } from '../value.ts';

/** `reflect.DeepEqual`: types count. */
export function deepEqual(left: Value, right: Value, meter: Meter, depth = 0): boolean {
  meter.within(depth);
  if (left instanceof GoList) return right instanceof GoList && equalLists(left, right, meter, depth);
  if (left instanceof GoMap) return right instanceof GoMap && equalMaps(left, right, meter, depth);
  if (typeof left === 'string') meter.read(left.length);
  return equalLeaves(left, right);
}

function equalLeaves(left: Value, right: Value): boolean {
  if (left instanceof SizedInt) {
    return right instanceof SizedInt && left.type === right.type && left.value === right.value;
  }
  if (left instanceof GoBytes) return right instanceof GoBytes && left.bytes === right.bytes;
  if (left instanceof GoObject) return right instanceof GoObject && left.type === right.type && left.equals(right);
  return left === right;
}

function equalLists(left: GoList, right: GoList, meter: Meter, depth: number): boolean {
  if (left.element !== right.element || left.isNil !== right.isNil) return false;
  if (left.items.length !== right.items.length) return false;
  return left.items.every((item, place) => deepEqual(item, right.items[place] ?? null, meter, depth + 1));
}

function equalMaps(left: GoMap, right: GoMap, meter: Meter, depth: number): boolean {
  if (left === right) return true;
  if (left.element !== right.element || left.entries.size !== right.entries.size) return false;
  return [...left.entries].every(([key, item]) => {
    const other = right.entries.get(key);
    return other !== undefined && deepEqual(item, other, meter, depth + 1);
  });
}
