/** Values of `initialize` requests that are worked out when the request is made. */
import { readFile } from 'node:fs/promises';
import { isObject, isSource, referenceOf, textOf, type EvalType } from '../config/initialize.ts';
import type { Json } from '../config/schema.ts';
import { fail } from '../errors.ts';
import type { JsonObject } from '../framework/field.ts';

interface Made {
  readonly request: JsonObject;
  readonly response: JsonObject;
}

/** What was asked and answered so far. */
export class History {
  readonly variable: (name: string) => string | undefined;
  readonly #made = new Map<string, Made>();
  /** Read once each: one may be a pipe. */
  readonly #files = new Map<string, Promise<string>>();

  constructor(variable: (name: string) => string | undefined) {
    this.variable = variable;
  }

  get size(): number {
    return this.#made.size;
  }

  add(block: string, request: string, made: Made): void {
    this.#made.set(`${block} ${request}`, made);
  }

  at(reference: string): Made | undefined {
    return this.#made.get(reference);
  }

  file(path: string): Promise<string> {
    const found = this.#files.get(path) ?? read(path);
    this.#files.set(path, found);
    return found;
  }
}

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    throw fail('invalidConfig', `the file ${path} cannot be read (${reason})`);
  }
}

/** The value with all its sources worked out. Throws `invalidConfig`; messages name places, never values. */
export async function worked(value: Json, history: History): Promise<unknown> {
  if (typeof value !== 'object') return value;
  if (isSource(value)) return typed(await raw(value, history), value['eval_type'] as EvalType, placeOf(value));
  if (!isObject(value)) return Promise.all(value.map((item) => worked(item, history)));
  const entries: (readonly [string, unknown])[] = [];
  for (const [name, inner] of Object.entries(value)) entries.push([name, await worked(inner, history)]);
  return Object.fromEntries(entries);
}

type Source = Readonly<Record<string, Json>>;

async function raw(source: Source, history: History): Promise<unknown> {
  const kind = source['eval_source'];
  if (kind === 'file') return history.file(textOf(source['path']));
  if (kind === 'env') {
    const found = history.variable(textOf(source['env_var']));
    if (found === undefined && source['require_present'] === true) {
      throw fail('invalidConfig', `the environment variable ${textOf(source['env_var'])} is not set`);
    }
    return found ?? '';
  }
  const made = history.at(referenceOf(source));
  return selected(kind === 'request' ? made?.request : made?.response, source);
}

function selected(from: unknown, source: Source): unknown {
  const selector = source['field_selector'] ?? '';
  const path = Array.isArray(selector) ? selector.map(textOf) : [textOf(selector)];
  let found = from;
  for (const name of path) {
    const inside = typeof found === 'object' && found !== null && Object.hasOwn(found, name);
    if (!inside) throw fail('invalidConfig', `${placeOf(source)} has no field ${path.join('.')}`);
    found = (found as Readonly<Record<string, unknown>>)[name];
  }
  return found;
}

function placeOf(source: Source): string {
  const kind = textOf(source['eval_source']);
  if (kind === 'env') return `the variable ${textOf(source['env_var'])}`;
  if (kind === 'file') return `the file ${textOf(source['path'])}`;
  return `the ${kind} of "${referenceOf(source).replace(' ', '" "')}"`;
}

const CONVERSIONS: Readonly<Record<EvalType, (value: unknown) => unknown>> = {
  any: (value) => value,
  string: (value) =>
    typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined,
  int: (value) => numberOf(value, /^\s*[+-]?\d{1,15}\s*$/),
  float64: (value) => numberOf(value, /^\s*[+-]?\d+(\.\d+)?([eE][+-]?\d+)?\s*$/),
  bool: (value) => (typeof value === 'boolean' ? value : BOOLEANS.get(String(value).trim().toLowerCase())),
  '[]string': (value) => listOf(typeof value === 'string' ? (parsed(value) ?? value) : value),
  map: (value) => {
    const found = typeof value === 'string' ? parsed(value) : value;
    return typeof found === 'object' && found !== null && !Array.isArray(found) ? found : undefined;
  },
};

const BOOLEANS = new Map([
  ['true', true],
  ['1', true],
  ['false', false],
  ['0', false],
]);

function numberOf(value: unknown, shape: RegExp): number | undefined {
  const text = typeof value === 'number' ? String(value) : value;
  return typeof text === 'string' && shape.test(text) ? Number(text) : undefined;
}

/** A list, or text with commas. */
function listOf(value: unknown): readonly string[] | undefined {
  if (Array.isArray(value)) return value.every((item) => typeof item === 'string') ? value : undefined;
  if (typeof value !== 'string') return undefined;
  return value.trim() === '' ? [] : value.split(',').map((item) => item.trim());
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function typed(value: unknown, type: EvalType, place: string): unknown {
  const found = CONVERSIONS[type](value);
  if (found === undefined) throw fail('invalidConfig', `${place} does not hold what eval_type "${type}" says`);
  return found;
}
