/** Works out the values of a profile. Messages name places, never values. */
import { fail } from '../../errors.ts';
import type { Json } from '../hcl/free.ts';
import type { ProfileBudget } from './budget.ts';
import { converted, isEvalType, type EvalType } from './convert.ts';
import { selectorOf, type History } from './history.ts';
import { isMap, isSource, type JsonMap, type ProfileKind, type SourceName } from './profile.ts';
import { isStatic, newRun, runOf } from './sources.ts';

type Fields = Readonly<Record<string, unknown>>;

/** What a run is given from outside. */
export interface Scope {
  readonly kind: ProfileKind;
  readonly history: History;
  readonly budget: ProfileBudget;
  /** Fields by name, and the input as it was sent, for programs and templates. */
  readonly input?: { readonly fields: Fields; readonly sent: Fields; readonly size: number } | undefined;
  /** Of `env` and `file`. */
  readonly outside?: ((source: 'env' | 'file', given: Fields) => unknown) | undefined;
}

/** The value with all its sources worked out, the innermost first. Throws `badRequest`. */
export async function worked(value: Json | undefined, scope: Scope): Promise<unknown> {
  if (typeof value !== 'object') return value;
  if (isSource(value)) return ofSource(value, scope);
  if (isMap(value)) return members(value, scope);
  const items: unknown[] = [];
  for (const item of value) items.push(await worked(item, scope));
  return items;
}

async function members(map: JsonMap, scope: Scope): Promise<Fields> {
  const entries: (readonly [string, unknown])[] = [];
  for (const [name, inner] of Object.entries(map)) entries.push([name, await worked(inner, scope)]);
  return Object.fromEntries(entries);
}

/** As `worked`, and of that type. undefined where there is none. */
export async function workedAs(value: Json | undefined, type: EvalType, scope: Scope): Promise<unknown> {
  if (value === undefined) return undefined;
  return typed(await worked(value, scope), type, 'the value');
}

function typed(value: unknown, type: EvalType, what: string): unknown {
  const found = converted(value, type);
  if (found === undefined) throw fail('badRequest', `${what} cannot be made what eval_type "${type}" says`);
  return found;
}

async function ofSource(source: JsonMap, scope: Scope): Promise<unknown> {
  const { kind, budget, input } = scope;
  const name = kind.sources.find((each) => each === source['eval_source']);
  const type = source['eval_type'];
  if (name === undefined || !isEvalType(type))
    throw fail('badRequest', 'a source has no such eval_source or eval_type');
  const ready = runOf(name, source, input !== undefined);
  const given = ready === undefined ? await members(source, scope) : source;
  const run = ready ?? newRun(name, given, input !== undefined);
  const value = typed(
    run === undefined ? await found(name, source, given, scope) : ran(run, scope),
    type,
    `a source "${name}"`,
  );
  budget.keep(value);
  return value;
}

function ran(run: NonNullable<ReturnType<typeof newRun>>, { history, budget, input }: Scope): unknown {
  budget.read(history.size + (input?.size ?? 0));
  const given = { requests: history.requests, responses: history.responses };
  return run(input === undefined ? given : { ...given, input: input.sent }, budget);
}

async function found(name: SourceName, source: JsonMap, given: Fields, scope: Scope): Promise<unknown> {
  if (name === 'env' || name === 'file') return (await scope.outside?.(name, given)) ?? '';
  return name === 'input' ? fieldOf(given, scope) : earlier(name, source, given, scope);
}

function fieldOf({ field_name: field }: Fields, { input }: Scope): unknown {
  if (input !== undefined && typeof field === 'string' && Object.hasOwn(input.fields, field))
    return input.fields[field];
  throw fail('badRequest', 'a source "input" names what is no field of the input');
}

function earlier(name: string, source: JsonMap, given: Fields, { kind, history }: Scope): unknown {
  const block = given[`${kind.outer}_name`];
  const request = given['response_name'] ?? given['request_name'];
  const selector = selectorOf(given['field_selector']);
  if (typeof block !== 'string' || typeof request !== 'string' || selector === undefined) {
    throw fail('badRequest', `a source "${name}" has a name or \`field_selector\` of the wrong type`);
  }
  const of = name === 'request' ? 'request' : 'response';
  const value = history.select(of, [block, request], selector);
  if (value !== undefined) return value;
  // Names that were worked out may be secrets.
  if (!isStatic(source)) throw fail('badRequest', `a source "${name}" leads nowhere: no such request, reply or field`);
  if (history.select(of, [block, request], []) !== undefined) {
    throw fail('badRequest', `the ${of} of "${block}" "${request}" has no field ${selector.join('.')}`);
  }
  throw fail('badRequest', `there is no ${of} of "${block}" "${request}": it was not made, or it failed`);
}
