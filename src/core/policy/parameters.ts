/** `allowed_parameters`, `denied_parameters` and `required_parameters`: checked on a request's body, and merged. */
import type { Constraints, ParameterRules, ParameterValue } from './rule.ts';

export type Body = Readonly<Record<string, unknown>>;

/** Deeper values count as different: a comparison must not cost more than the request may. */
const MAX_DEPTH = 64;

/** Whether a body keeps to the rules. Names compare without case. A body without fields breaks only `required`. */
export function permits(constraints: Constraints, body: Body | undefined): boolean {
  const { requiredParameters, deniedParameters, allowedParameters } = constraints;
  if (requiredParameters === undefined && deniedParameters === undefined && allowedParameters === undefined)
    return true;
  const given = Object.entries(body ?? {}).map(([name, value]) => [name.toLowerCase(), value] as const);
  if (requiredParameters?.some((name) => !given.some(([candidate]) => candidate === name)) === true) return false;
  if (given.length === 0) return true;
  if (deniedParameters?.has('*') === true) return false;
  return given.every(
    ([name, value]) => isUndenied(deniedParameters, name, value) && isAllowed(allowedParameters, name, value),
  );
}

function isUndenied(denied: ParameterRules | undefined, name: string, value: unknown): boolean {
  const values = denied?.get(name);
  return values === undefined || !isAmong(value, values);
}

function isAllowed(allowed: ParameterRules | undefined, name: string, value: unknown): boolean {
  if (allowed === undefined || allowed.size === 0) return true;
  const values = allowed.get(name);
  return values === undefined ? allowed.has('*') : isAmong(value, values);
}

/** An empty list stands for every value. */
function isAmong(value: unknown, values: readonly ParameterValue[]): boolean {
  return values.length === 0 || values.some((candidate) => matches(candidate, value, 0));
}

/**
 * Text matches with `*` at either end. A number or boolean equals the text that says the same, since fields take both
 * forms: `denied_parameters = { "ttl" = [5] }` must not be passed by `"5"`.
 */
function matches(wanted: ParameterValue, given: unknown, depth: number): boolean {
  if (isScalar(wanted) && isScalar(given)) return globMatches(String(wanted), String(given));
  if (depth >= MAX_DEPTH || typeof wanted !== 'object' || typeof given !== 'object') return false;
  if (wanted === null || given === null) return wanted === given;
  if (Array.isArray(wanted) || Array.isArray(given)) {
    return Array.isArray(wanted) && Array.isArray(given) && sameList(wanted, given, depth);
  }
  return sameObject(wanted as Readonly<Record<string, ParameterValue>>, given as Body, depth);
}

function sameList(wanted: readonly ParameterValue[], given: readonly unknown[], depth: number): boolean {
  return wanted.length === given.length && wanted.every((value, at) => matches(value, given[at], depth + 1));
}

function sameObject(wanted: Readonly<Record<string, ParameterValue>>, given: Body, depth: number): boolean {
  const names = Object.keys(wanted);
  if (names.length !== Object.keys(given).length) return false;
  return names.every((name) => {
    const value = wanted[name];
    return value !== undefined && Object.hasOwn(given, name) && matches(value, given[name], depth + 1);
  });
}

function isScalar(value: unknown): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}

/** `*` at either end stands for any text; elsewhere it is itself. */
export function globMatches(pattern: string, text: string): boolean {
  const open = pattern.startsWith('*');
  const close = pattern.endsWith('*');
  if (!open && !close) return pattern === text;
  if (pattern === '*') return true;
  const core = pattern.slice(open ? 1 : 0, close ? -1 : undefined);
  if (open && close) return text.includes(core);
  return open ? text.endsWith(core) : text.startsWith(core);
}

/** Of two rules for one path, as Vault merges them: a name with an empty list keeps it, else the values are united. */
export function mergeRules(
  one: ParameterRules | undefined,
  other: ParameterRules | undefined,
): ParameterRules | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  const merged = new Map(one);
  for (const [name, values] of other) {
    const known = merged.get(name);
    const every = values.length === 0 || known?.length === 0;
    merged.set(name, every ? [] : [...(known ?? []), ...values]);
  }
  return merged;
}
