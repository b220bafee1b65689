/** One value out of a secret: its key, or a path of gjson (dots, indexes, `#`, `\` before a dot that is meant). */
import { isObject, parseJson } from '../client/json.ts';
import { goFloat, goJson } from '../lib/go-text.ts';
import { ProviderProblem, type Found, type Reference } from './contract.ts';

/** The bytes of a value: texts as they are, numbers without exponent, what has parts as JSON, null as nothing. */
export function bytesOf(value: unknown): Uint8Array {
  if (value === null || value === undefined) return new Uint8Array();
  if (typeof value === 'string') return Buffer.from(value, 'utf8');
  if (typeof value === 'number') return Buffer.from(goFloat(value), 'utf8');
  return Buffer.from(goJson(value), 'utf8');
}

function segmentsOf(path: string): readonly string[] {
  if (/[*?|@{}[\]()!]/.test(path.replaceAll(/\\./g, ''))) {
    const remedy = 'name one value by keys, dots and indexes';
    throw new ProviderProblem(
      'unsuitable',
      `property "${path}": wildcards, queries and modifiers are not offered: ${remedy}`,
    );
  }
  return [...path.matchAll(/((?:\\.|[^.\\])*)(?:\.|$)/gs)]
    .slice(0, -1)
    .map(([, segment = '']) => segment.replaceAll(/\\(.)/gs, '$1'));
}

function step(value: unknown, segment: string): unknown {
  if (Array.isArray(value)) {
    if (segment === '#') return value.length;
    return /^\d+$/.test(segment) ? (value[Number(segment)] as unknown) : undefined;
  }
  return isObject(value) && Object.hasOwn(value, segment) ? value[segment] : undefined;
}

/** Rejects a path that is not offered. */
export function propertyOf(data: Readonly<Record<string, unknown>>, property: string): Found<Uint8Array> {
  // Keys win over paths: one with dots in it needs no escape.
  if (Object.hasOwn(data, property)) return { found: true, value: bytesOf(data[property]) };
  const value = segmentsOf(property).reduce<unknown>(step, data);
  return value === undefined ? { found: false } : { found: true, value: bytesOf(value) };
}

/** The JSON object that a secret is; undefined where it is something else. */
export function objectIn(value: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const parsed = parseJson(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(value));
    return isObject(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/** Of a secret that is there: that it lacks a value is a mistake of somebody, not its removal. */
export const lacks = ({ key, property = '' }: Pick<Reference, 'key' | 'property'>): ProviderProblem =>
  new ProviderProblem('unsuitable', `cannot find secret data for key: "${property}" (of "${key}")`);

/** The property of an object that is asked for; without one, all of it as JSON. Throws `ProviderProblem`. */
export function selectedOf(data: Readonly<Record<string, unknown>>, reference: Reference): Uint8Array {
  const { property = '' } = reference;
  if (property === '') return Buffer.from(goJson(data), 'utf8');
  const found = propertyOf(data, property);
  if (found.found) return found.value;
  throw lacks(reference);
}

/** As `selectedOf` of a secret that is bytes to its store: without a property they are left as they are. */
export function selectedIn(value: Uint8Array, reference: Reference): Uint8Array {
  const { key, property = '' } = reference;
  if (property === '') return value;
  const data = objectIn(value);
  if (data === undefined) throw new ProviderProblem('unsuitable', `"${key}" is no JSON object: it has no property`);
  return selectedOf(data, reference);
}
