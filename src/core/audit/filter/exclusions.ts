/** The `exclude` of an audit device: fields that its entries do not have, always or on a condition. */
import { fail } from '../../../errors.ts';
import { parseExpression, pointerParts, type Expression, type LookUp, type Selector } from './expression.ts';

/** Gives the JSON text of an entry without its excluded fields. */
export type Exclusions = (json: string) => string;

interface Rule {
  readonly condition: Expression | undefined;
  readonly fields: readonly Selector[];
}

/** Bounds of one option. */
const MOST = { rules: 32, fields: 64, characters: 16_384 } as const;
/** Without these an entry would not say what it is about. */
const kept = new Set(['/time', '/type', '/request', '/request/id', '/request/operation', '/request/path']);

/** From Vault's form, `[{"condition": "\"/request/mount_type\" == transit", "fields": ["/request/data"]}]`. */
export function parseExclusions(text: string): Exclusions | undefined {
  if (text === '') return undefined;
  if (text.length > MOST.characters) throw wrong(`has at most ${String(MOST.characters)} characters`);
  const rules = parsed(text);
  if (!Array.isArray(rules) || rules.length > MOST.rules) {
    throw wrong(
      `must be a JSON list of at most ${String(MOST.rules)} objects with \`fields\` and perhaps \`condition\``,
    );
  }
  const made = rules.map(ruleOf);
  return made.length === 0 ? undefined : (json) => without(json, made);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw wrong('must be JSON');
  }
}

function ruleOf(rule: unknown): Rule {
  if (typeof rule !== 'object' || rule === null) throw wrong('must hold objects');
  const { condition = '', fields, ...others } = rule as Readonly<Record<string, unknown>>;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw wrong(`has the unknown key \`${unknown}\``);
  if (typeof condition !== 'string') throw wrong('has a `condition` that is no text');
  if (!Array.isArray(fields) || fields.length === 0 || fields.length > MOST.fields) {
    throw wrong(`needs 1 to ${String(MOST.fields)} \`fields\` in each object`);
  }
  return {
    condition: condition === '' ? undefined : parseExpression(condition, () => undefined),
    fields: fields.map(fieldOf),
  };
}

function fieldOf(field: unknown): Selector {
  if (typeof field !== 'string' || !field.startsWith('/')) throw wrong('has a field that is no JSON pointer');
  if (kept.has(field)) throw wrong(`cannot leave out ${field}: the entry would not say what it is about`);
  return pointerParts(field);
}

/** Conditions see the entry as it was, whatever other rules leave out. */
function without(json: string, rules: readonly Rule[]): string {
  const entry = JSON.parse(json, exactNumbers) as unknown;
  const lookUp: LookUp = (selector) => valueAt(entry, selector);
  const applied = rules.filter(({ condition }) => condition?.(lookUp) ?? true);
  if (applied.length === 0) return json;
  for (const { fields } of applied) for (const field of fields) remove(entry, field);
  return JSON.stringify(entry);
}

interface ExactJson {
  readonly rawJSON: (text: string) => unknown;
}

/** Integers beyond 2^53 and the like stay as they were written. */
function exactNumbers(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || context?.source === undefined || String(value) === context.source) return value;
  return (JSON as unknown as ExactJson).rawJSON(context.source);
}

function valueAt(entry: unknown, selector: Selector): unknown {
  let value = entry;
  for (const name of selector) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[name];
  }
  return value;
}

function remove(entry: unknown, field: Selector): void {
  const holder = valueAt(entry, field.slice(0, -1));
  const name = field.at(-1) ?? '';
  if (typeof holder !== 'object' || holder === null || !Object.hasOwn(holder, name)) return;
  if (!Array.isArray(holder)) delete (holder as Record<string, unknown>)[name];
  else if (/^\d+$/.test(name)) holder.splice(Number(name), 1);
}

function wrong(what: string): Error {
  return fail('badRequest', `audit option \`exclude\` ${what}`);
}
