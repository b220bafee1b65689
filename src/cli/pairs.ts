/** `key=value` arguments, as Vault's clients take them. */
import { readFileSync } from 'node:fs';
import { isObject, parseJson } from '../client/json.ts';
import type { Context } from './context.ts';
import { CommandError } from './errors.ts';
import { toText } from './go-format.ts';

export type Data = Readonly<Record<string, unknown>>;

/**
 * `key=value`; `key=@file` and `key=-` (standard input) take the whole text; `key=\@x` is the text `@x`; `@file` and `-`
 * alone are a JSON object. A key given twice is a list. Messages count arguments instead of showing them: one without
 * its `=` may be a secret.
 */
export async function parsePairs(context: Context, args: readonly string[]): Promise<Data> {
  const data: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const [at, arg] of args.entries()) {
    if (arg === '-') Object.assign(data, jsonObject(await context.stdin(), 'standard input'));
    else if (arg.startsWith('@')) Object.assign(data, jsonObject(readText(arg.slice(1)), arg.slice(1)));
    else {
      const [key, value] = splitPair(arg, at + 1);
      addTo(data, key, await valueOf(context, value));
    }
  }
  return data;
}

/** As `parsePairs`, with every value as text: queries, login parameters. */
export async function parseTextPairs(
  context: Context,
  args: readonly string[],
): Promise<Readonly<Record<string, string | readonly string[]>>> {
  const data = await parsePairs(context, args);
  const texts = Object.entries(data).map(([key, value]) => [
    key,
    Array.isArray(value) ? value.map(toText) : toText(value),
  ]);
  return Object.fromEntries(texts) as Readonly<Record<string, string | readonly string[]>>;
}

function splitPair(arg: string, position: number): [string, string] {
  const at = arg.indexOf('=');
  if (at > 0) return [arg.slice(0, at), arg.slice(at + 1)];
  throw new CommandError(`Failed to parse K=V data: pair ${position} is not valid: format must be key=value`);
}

function addTo(data: Record<string, unknown>, key: string, value: string): void {
  const known = data[key];
  if (known === undefined) data[key] = value;
  else data[key] = Array.isArray(known) ? [...(known as unknown[]), value] : [known, value];
}

async function valueOf(context: Context, text: string): Promise<string> {
  if (text === '-') return context.stdin();
  if (text.startsWith('@')) return readText(text.slice(1));
  return text.startsWith('\\@') ? text.slice(1) : text;
}

function jsonObject(text: string, source: string): Data {
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (error) {
    throw new CommandError(`Failed to parse K=V data: ${source} is not JSON`, undefined, { cause: error });
  }
  if (!isObject(value)) throw new CommandError(`Failed to parse K=V data: ${source} is not a JSON object`);
  return value;
}

/** The text of a local file; a missing one ends the command by its name. */
export function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new CommandError(`cannot read ${path}: ${error instanceof Error ? error.message : 'unknown error'}`);
  }
}
