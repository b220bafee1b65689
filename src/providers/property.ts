/** One value out of a secret: its key, or a path of gjson (dots, indexes, `#`, `\` before a dot that is meant). */
import { isObject } from '../client/json.ts';
import { goFloat, goJson } from '../lib/go-text.ts';
import { ProviderProblem, type Found } from './contract.ts';

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
