/** Fields of an object of any kind: which are ours, and what a change of it is. Pure. */
import { isObject } from '../../../client/json.ts';
import type { ManagedFields } from '../../../kube/objects.ts';
import { canonicalJson } from '../../../lib/canonical-json.ts';
import type { Json } from './paths.ts';

/** Of the API server's `FieldsV1`: these stand for members of lists, which are ours as a whole or not at all. */
const OF_LIST = /^[kvi]:/;

function isLeaf(fields: unknown): boolean {
  return !isObject(fields) || Object.keys(fields).every((name) => name === '.' || OF_LIST.test(name));
}

/** Without what `fields` names; what is empty then goes too. */
function minus(object: Json, fields: Json): Json {
  const kept = Object.entries(object).flatMap(([name, value]): (readonly [string, unknown])[] => {
    const own = Object.hasOwn(fields, `f:${name}`) ? fields[`f:${name}`] : undefined;
    if (own === undefined) return [[name, value]];
    if (isLeaf(own) || !isObject(own) || !isObject(value)) return [];
    const left = minus(value, own);
    return Object.keys(left).length === 0 ? [] : [[name, left]];
  });
  return Object.fromEntries(kept);
}

/** The content of an object without what this manager wrote into it. Metadata and status stand aside. */
export function othersOf(object: Json, manager: string, managed: readonly ManagedFields[] = []): Json {
  const mine = managed.filter((each) => each.manager === manager && (each.subresource ?? '') === '');
  return mine.reduce((left, { fieldsV1 = {} }) => minus(left, fieldsV1), contentOf(object));
}

/** All but what says which object it is. */
export function contentOf(object: Json): Json {
  const { apiVersion: _version, kind: _kind, metadata: _metadata, status: _status, ...content } = object;
  return content;
}

/** What makes `after` of `before`: a JSON Merge Patch (RFC 7396), in which null takes away. Undefined: nothing has to be done. */
export function patchOf(before: Json, after: Json): Json | undefined {
  const gone = Object.keys(before).filter((name) => !Object.hasOwn(after, name));
  const changed = Object.entries(after).flatMap(([name, value]): (readonly [string, unknown])[] => {
    const old = Object.hasOwn(before, name) ? before[name] : undefined;
    if (isObject(old) && isObject(value)) {
      const inner = patchOf(old, value);
      return inner === undefined ? [] : [[name, inner]];
    }
    return canonicalJson(old) === canonicalJson(value) ? [] : [[name, value]];
  });
  const patch = [...gone.map((name) => [name, null] as const), ...changed];
  return patch.length === 0 ? undefined : Object.fromEntries(patch);
}

/** Whether something that `before` has is not in `after`, however deep. */
export function losesFields(before: Json, after: Json): boolean {
  return Object.entries(before).some(([name, value]) => {
    if (!Object.hasOwn(after, name)) return true;
    const next = after[name];
    return isObject(value) && isObject(next) && losesFields(value, next);
  });
}

/** The part of `object` that has the members of `shape`. */
export function partOf(object: unknown, shape: unknown): unknown {
  if (!isObject(shape) || !isObject(object)) return object;
  return Object.fromEntries(
    Object.keys(shape).map((name) => [
      name,
      partOf(Object.hasOwn(object, name) ? object[name] : undefined, shape[name]),
    ]),
  );
}

/** The names of its members all the way down, and none of its values. */
export function shapeOf(value: unknown): unknown {
  if (!isObject(value)) return true;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, shapeOf(each)]));
}
