/**
 * One value out of a secret: its key, or a path of gjson (dots, indexes, `#`, the wildcards `*` and `?`, `\` before one of these that
 * is meant): https://github.com/tidwall/gjson/blob/master/SYNTAX.md
 */
import { isObject, parseJson } from '../client/json.ts';
import { byBytes, goFloat, goJson } from '../lib/go-text.ts';
import { ProviderProblem, type Found, type Reference } from './contract.ts';

/** The bytes of a value: texts as they are, numbers without exponent, what has parts as JSON, null as nothing. */
export function bytesOf(value: unknown): Uint8Array {
  if (value === null || value === undefined) return new Uint8Array();
  if (typeof value === 'string') return Buffer.from(value, 'utf8');
  if (typeof value === 'number') return Buffer.from(goFloat(value), 'utf8');
  return Buffer.from(goJson(value), 'utf8');
}

/** A name as it stands in a path: its characters, and those that stand for others. */
interface Segment {
  /** Without escapes. */
  readonly text: string;
  /** Undefined: the name is `text`. `*` is any characters, none too; `?` is one. */
  readonly wildcard: readonly (string | typeof ANY | typeof ONE)[] | undefined;
}

const ANY = Symbol('any characters');
const ONE = Symbol('one character');

function segmentOf(escaped: string): Segment {
  const tokens = [...escaped.matchAll(/\\(.)|([^\\])/gsu)].map(([, literal, bare = '']) => {
    if (literal !== undefined) return literal;
    return bare === '*' ? ANY : bare === '?' ? ONE : bare;
  });
  const text = tokens.filter((each) => typeof each === 'string').join('');
  return { text, wildcard: tokens.some((each) => typeof each === 'symbol') ? tokens : undefined };
}

function segmentsOf(path: string): readonly Segment[] {
  if (/[|@{}[\]()!]/.test(path.replaceAll(/\\./gs, ''))) {
    const remedy = 'name one value by keys, dots, indexes, * and ?';
    throw new ProviderProblem('unsuitable', `property "${path}": queries and modifiers are not offered: ${remedy}`);
  }
  return [...path.matchAll(/((?:\\.|[^.\\])*)(?:\.|$)/gs)].slice(0, -1).map(([, segment = '']) => segmentOf(segment));
}

/** In time that grows with the product of both lengths, whatever the pattern. */
function matches(name: string, wildcard: NonNullable<Segment['wildcard']>): boolean {
  const characters: readonly string[] = name.match(/./gsu) ?? [];
  let [at, from, star, tried] = [0, 0, -1, 0];
  while (at < characters.length) {
    const token = wildcard[from];
    if (token === ANY) [star, tried, from] = [from, at, from + 1];
    else if (token === ONE || token === characters[at]) [at, from] = [at + 1, from + 1];
    else if (star < 0) return false;
    // What the last `*` stands for is one character longer.
    else [tried, at, from] = [tried + 1, tried + 1, star + 1];
  }
  return wildcard.slice(from).every((each) => each === ANY);
}

/** How many values a path may look at: several `*` in one multiply. */
const MOST_STEPS = 100_000;

class Walk {
  #steps = 0;

  /** Undefined: nothing is there. */
  along(value: unknown, [segment, ...rest]: readonly Segment[]): unknown {
    if (segment === undefined) return value;
    this.#steps += 1;
    if (this.#steps > MOST_STEPS)
      throw new ProviderProblem(
        'unsuitable',
        `a property with wildcards looked at more than ${String(MOST_STEPS)} values`,
      );
    if (Array.isArray(value)) return this.#ofList(value, segment, rest);
    return isObject(value) ? this.#ofObject(value, segment, rest) : undefined;
  }

  #ofList(list: readonly unknown[], { text, wildcard }: Segment, rest: readonly Segment[]): unknown {
    if (wildcard !== undefined) return undefined;
    if (text !== '#') return /^\d+$/.test(text) ? this.along(list[Number(text)], rest) : undefined;
    if (rest.length === 0) return list.length;
    return list.map((each) => this.along(each, rest)).filter((each) => each !== undefined);
  }

  /** The first by name, of those that lead to a value. */
  #ofObject(object: Readonly<Record<string, unknown>>, { text, wildcard }: Segment, rest: readonly Segment[]): unknown {
    if (wildcard === undefined) return Object.hasOwn(object, text) ? this.along(object[text], rest) : undefined;
    const names = Object.keys(object).filter((name) => matches(name, wildcard));
    for (const name of names.sort(byBytes)) {
      const found = this.along(object[name], rest);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

/** Rejects a path that is not offered. */
export function propertyOf(data: Readonly<Record<string, unknown>>, property: string): Found<Uint8Array> {
  // Keys win over paths: one with dots in it needs no escape.
  if (Object.hasOwn(data, property)) return { found: true, value: bytesOf(data[property]) };
  const value = new Walk().along(data, segmentsOf(property));
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
