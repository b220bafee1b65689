/** What each `eval_source` takes, and what can be said of one before anything runs. */
import { isLockstepError } from '../../errors.ts';
import type { Json } from '../hcl/free.ts';
import { EVAL_TYPES, isEvalType } from './convert.ts';
import { selectorOf } from './history.ts';
import { isMap, isSource, type JsonMap, type ProfileKind, type SourceName } from './profile.ts';
import { celRun, templateRun, type CelText, type Run } from './programs.ts';

interface Shape {
  readonly needs: readonly string[];
  readonly takes: readonly string[];
}

function shapeOf(source: SourceName, { outer }: ProfileKind): Shape {
  const history = [`${outer}_name`];
  const shapes: Readonly<Record<SourceName, Shape>> = {
    env: { needs: ['env_var'], takes: ['require_present'] },
    file: { needs: ['path'], takes: [] },
    request: { needs: [...history, 'request_name', 'field_selector'], takes: [] },
    response: { needs: [...history, 'field_selector'], takes: ['request_name', 'response_name'] },
    input: { needs: ['field_name'], takes: [] },
    cel: { needs: ['expression'], takes: ['variables'] },
    template: { needs: ['template'], takes: ['data'] },
  };
  return shapes[source];
}

export interface Judging {
  readonly kind: ProfileKind;
  /** Of the input, where there is one. */
  readonly fields: ReadonlySet<string> | undefined;
  /** Requests that are made before, as `referenceOf` says them. */
  readonly earlier: ReadonlySet<string>;
}

/** The block and the request that a source names. Names hold no blank. */
export const referenceOf = (block: string, request: string): string => `${block} ${request}`;

/** A part of a source that is itself worked out is judged when it is. */
const literal = (value: Json | undefined): Json | undefined => (isSource(value) ? undefined : value);

const textIn = (source: JsonMap, name: string): string | undefined => {
  const value = source[name];
  return typeof value === 'string' ? value : undefined;
};

/** The problems of every source in a value, in words that begin small. Values are not repeated. */
export function problemsIn(value: Json | undefined, judging: Judging): readonly string[] {
  if (typeof value !== 'object') return [];
  if (!isSource(value)) return Object.values(value).flatMap((each: Json) => problemsIn(each, judging));
  const inner = Object.values(value).flatMap((each) => problemsIn(each, judging));
  return [...inner, ...problemsOf(value, judging)];
}

function problemsOf(source: JsonMap, judging: Judging): readonly string[] {
  const { eval_source: name, eval_type: type, ...given } = source;
  const { kind } = judging;
  const known = kind.sources.find((each) => each === name);
  if (known === undefined) {
    const shown = typeof name === 'string' ? `eval_source ${JSON.stringify(name)}` : 'a source without `eval_source`';
    return [`${shown} is not offered: it is one of ${kind.sources.join(', ')}`];
  }
  const { needs, takes } = shapeOf(known, kind);
  const about = `a source "${known}"`;
  const problems = [
    ...needs.filter((each) => !(each in given)).map((each) => `${about} needs \`${each}\``),
    ...Object.keys(given)
      .filter((each) => ![...needs, ...takes].includes(each))
      .map((each) => `${about} has no \`${each}\``),
    ...Object.entries(given)
      .filter(([each, value]) => !fits(each, literal(value)))
      .map(([each]) => `${about}: \`${each}\` has a value of the wrong type`),
    ...(isEvalType(type)
      ? []
      : [`${about}: \`eval_type\` is not one of ${EVAL_TYPES.filter((each) => each !== '').join(', ')}`]),
  ];
  return problems.length > 0 ? problems : meaning(known, source, judging);
}

function fits(name: string, value: Json | undefined): boolean {
  if (value === undefined) return true;
  if (name === 'require_present') return typeof value === 'boolean';
  if (name === 'field_selector') return selectorOf(value) !== undefined;
  if (name === 'variables') return variablesOf(value) !== undefined;
  return name === 'data' ? isMap(value) : typeof value === 'string';
}

/** The requests, fields, programs and templates that it names. */
function meaning(name: SourceName, source: JsonMap, judging: Judging): readonly string[] {
  if (name === 'request' || name === 'response') return problemOfReference(name, source, judging);
  const { fields } = judging;
  if (name !== 'input') return problemOfProgram(name, source, fields !== undefined);
  const field = textIn(source, 'field_name');
  return field === undefined || fields?.has(field) === true
    ? []
    : [`a source "input" names "${field}", which is no field of the \`input\``];
}

function problemOfReference(name: string, source: JsonMap, { kind, earlier }: Judging): readonly string[] {
  if (!('response_name' in source || 'request_name' in source)) return [`a source "${name}" needs \`${name}_name\``];
  const block = textIn(source, `${kind.outer}_name`);
  const request = textIn(source, 'response_name') ?? textIn(source, 'request_name');
  // What is worked out is found, or not, when it is.
  if (block === undefined || request === undefined || earlier.has(referenceOf(block, request))) return [];
  return [`a source "${name}" names "${block}", "${request}", which is not made before it`];
}

function problemOfProgram(name: SourceName, source: JsonMap, hasInput: boolean): readonly string[] {
  try {
    runOf(name, source, hasInput);
    return [];
  } catch (error) {
    if (!isLockstepError(error)) throw error;
    return [`a source "${name}": ${error.message}`];
  }
}

const compiled = new WeakMap<JsonMap, Run>();

/** What is written in the profile as it is run is compiled once. undefined: a part of it is worked out first. */
export function runOf(name: SourceName, source: JsonMap, hasInput: boolean): Run | undefined {
  const known = compiled.get(source);
  if (known !== undefined) return known;
  if (!isStatic(source)) return undefined;
  const run = newRun(name, source, hasInput);
  if (run !== undefined) compiled.set(source, run);
  return run;
}

/** `source`: with all its parts worked out. Throws `badRequest`. */
export function newRun(
  name: SourceName,
  source: Readonly<Record<string, unknown>>,
  hasInput: boolean,
): Run | undefined {
  if (name === 'cel') {
    const text: CelText = {
      expression: String(source['expression']),
      variables: variablesOf(source['variables'] ?? []) ?? [],
    };
    return celRun(text, hasInput);
  }
  if (name !== 'template') return undefined;
  return templateRun(String(source['template']), (source['data'] ?? {}) as Readonly<Record<string, unknown>>);
}

/** Whether nothing of it is worked out. */
export const isStatic = (source: JsonMap): boolean => !Object.values(source).some((each) => hasSource(each));

const hasSource = (value: Json): boolean =>
  typeof value === 'object' && (isSource(value) || Object.values(value).some((each: Json) => hasSource(each)));

/** undefined for what is no list of names with expressions. */
function variablesOf(value: unknown): CelText['variables'] | undefined {
  if (!Array.isArray(value)) return undefined;
  const each = (value as readonly unknown[]).flatMap((item) => {
    if (typeof item !== 'object' || item === null || Object.keys(item).length !== 2) return [];
    const { name, expression } = item as Readonly<Record<string, unknown>>;
    return typeof name === 'string' && typeof expression === 'string' ? [{ name, expression }] : [];
  });
  return each.length === value.length ? each : undefined;
}
