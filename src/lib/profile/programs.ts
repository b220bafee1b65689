/** The sources `cel` and `template`: what is compiled once, and what a run gives it. */
import { fail } from '../../errors.ts';
import {
  BUDGET,
  CelFailed,
  CelRefused,
  compileCel,
  type CelEnvironment,
  type CelProgram,
  type PlainValue,
} from '../cel/program.ts';
import { parseTemplate, TemplateError } from '../go-template/template.ts';
import type { ProfileBudget } from './budget.ts';
import { templateFunctions } from './template-functions.ts';

/** What programs and templates can name. `input` is undefined where the profile takes none. */
export interface Given {
  readonly requests: unknown;
  readonly responses: unknown;
  readonly input?: unknown;
}

export type Run = (given: Given, budget: ProfileBudget) => unknown;

/** One object each: what is made of an environment is kept with it. */
const ENVIRONMENTS: Readonly<Record<'with input' | 'without', CelEnvironment>> = {
  'with input': { variables: ['requests', 'responses', 'input'], messages: {} },
  without: { variables: ['requests', 'responses'], messages: {} },
};

export interface CelText {
  readonly expression: string;
  readonly variables: readonly { readonly name: string; readonly expression: string }[];
}

/** Throws `badRequest`, with the place. */
export function celRun(text: CelText, hasInput: boolean): Run {
  let program: CelProgram;
  try {
    program = compileCel(text, ENVIRONMENTS[hasInput ? 'with input' : 'without']);
  } catch (error) {
    if (!(error instanceof CelRefused)) throw error;
    throw fail('badRequest', `expression: ${error.message}`);
  }
  return (given, budget) => {
    try {
      const { value, cost } = program.evaluate({ ...given }, Math.max(0, Math.min(BUDGET, budget.cel)));
      budget.spendCel(cost);
      return plain(value);
    } catch (error) {
      if (!(error instanceof CelFailed)) throw error;
      budget.spendCel(error.cost);
      // Its own words can be made of values: they are for who may see those.
      const why = error.kind === 'budget' ? 'is over its budget' : 'could not be evaluated';
      throw fail('badRequest', `the expression ${why}`, { cause: error });
    }
  };
}

/** As JSON has it: bytes in base64, moments as RFC 3339, what is an integer as a number. */
export function plain(value: PlainValue | undefined): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (typeof value !== 'object' || value === null) return value ?? null;
  if (value instanceof Date) return momentOf(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (Array.isArray(value)) return value.map((each: PlainValue) => plain(each));
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  return Object.fromEntries(entries.map(([name, each]) => [String(name), plain(each as PlainValue)]));
}

/** Without a fraction that is none, as Go writes it. */
const momentOf = (date: Date): string => date.toISOString().replace(/\.?0+Z$/, 'Z');

const NAME = 'template';

/** A template's own bounds hold for each. */
const BOUNDS = { steps: 200_000, output: 1 << 20, memory: 8 << 20, text: 64 << 10 };

/** Throws `badRequest`, with the place. `more` goes below what a run gives. */
export function templateRun(text: string, more: Readonly<Record<string, unknown>>): Run {
  if (text === '') throw fail('badRequest', 'the template is empty');
  try {
    const template = parseTemplate(NAME, text, { functions: templateFunctions, bounds: BOUNDS });
    return (given) => worded(() => template.execute({ ...more, ...given }));
  } catch (error) {
    throw asBadRequest(error);
  }
}

function worded(execute: () => string): string {
  try {
    return execute();
  } catch (error) {
    throw asBadRequest(error);
  }
}

const asBadRequest = (error: unknown): unknown =>
  error instanceof TemplateError ? fail('badRequest', error.message, { cause: error }) : error;
