/** Where in an object `templateFrom[].target` puts what it renders. */
import { isObject } from '../../../client/json.ts';
import { ProviderProblem } from '../../../providers/contract.ts';

export type Json = Readonly<Record<string, unknown>>;

const DEEPEST = 32;
/** Names, owners and finalizers decide over whose an object is and how long it lives; the status is its controller's. */
const CLOSED: ReadonlySet<string> = new Set(['apiVersion', 'kind', 'metadata', 'status']);

const MARKS: ReadonlySet<string> = new Set(['metadata.labels', 'metadata.annotations']);

const invalid = (target: string, why: string): ProviderProblem =>
  new ProviderProblem('invalid', `templateFrom.target "${target}": ${why}`);

/** `Data`, `Labels` and `Annotations` whatever their case, as of a Secret; else names with dots between. Throws `ProviderProblem`. */
export function pathOf(target: string): readonly string[] {
  const short = target.toLowerCase();
  if (short === 'labels' || short === 'annotations') return ['metadata', short];
  if (short === 'data' || short === 'spec') return [short];
  const path = target.split('.');
  if (path.some((each) => each === '' || each === '__proto__')) throw invalid(target, 'a part of the path is no name');
  if (path.length > DEEPEST) throw invalid(target, `deeper than ${String(DEEPEST)}`);
  if (CLOSED.has(path[0] ?? '') && !MARKS.has(target)) {
    throw invalid(target, 'of metadata, labels and annotations alone are set; apiVersion, kind and status are not');
  }
  return path;
}

/** With the members of `over` in place of, or beside, those of `under`: all the way down, or (`deep` false) at this level alone. */
export function merged(under: Json, over: Json, deep = true): Json {
  const next = { ...under };
  for (const [name, value] of Object.entries(over)) {
    const before = Object.hasOwn(under, name) ? under[name] : undefined;
    const both = deep && isObject(before) && isObject(value);
    Object.defineProperty(next, name, {
      ...{ value: both ? merged(before, value) : value, enumerable: true, configurable: true, writable: true },
    });
  }
  return next;
}

/** `value` at the path: members beside those that are there, all else in place of it. Throws `ProviderProblem`. */
export function putAt(object: Json, path: readonly string[], value: unknown): Json {
  const [name = '', ...below] = path;
  const before = Object.hasOwn(object, name) ? object[name] : undefined;
  if (below.length === 0) {
    return { ...object, [name]: isObject(before) && isObject(value) ? merged(before, value, false) : value };
  }
  if (before !== undefined && !isObject(before)) throw invalid(path.join('.'), `"${name}" has no members`);
  return { ...object, [name]: putAt(before ?? {}, below, value) };
}
