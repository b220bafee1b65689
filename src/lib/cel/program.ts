/** Programs of CEL, the Common Expression Language (cel-spec), which decide from claims what a login is given. */
import { checkedTree, namesOf, type Names, type Text } from './check.ts';
import { functionsOf } from './functions.ts';
import { library } from './library.ts';
import { registryOf, type Messages } from './messages.ts';
import { Meter, OverBudget } from './meter.ts';
import { metered } from './metered.ts';
import { Patterns } from './patterns.ts';
import { CelFailed, CelRefused } from './refusal.ts';
import { checkSource } from './source.ts';
import { extentOf } from './tree.ts';
import { answerOf, celInput, type CelAnswer } from './value.ts';
import type { CelEnv, CelInput, CelValue } from '@bufbuild/cel';

export { CelFailed, CelRefused } from './refusal.ts';
export type { CelAnswer, PlainKey, PlainMessage, PlainValue } from './value.ts';

/** What a program may name. One object for all programs of a kind: what is made of it is kept with it. */
export interface CelEnvironment {
  readonly variables: readonly string[];
  /** Those that it may build, such as `pb.Auth`. */
  readonly messages: Messages;
}

export interface CelSource {
  /** Evaluated in this order, each time, whether used or not; each may use those before it. */
  readonly variables?: readonly CelVariable[];
  readonly expression: string;
}

export interface CelVariable {
  readonly name: string;
  readonly expression: string;
}

export type CelResult = CelAnswer & {
  /** Units of the budget. The same for the same program and the same values, whatever else the machine does. */
  readonly cost: number;
};

export interface CelProgram {
  /**
   * `values`: a value for each variable of the environment: what JSON holds (numbers are doubles), a `Date` (a timestamp), a
   * bigint (an int). Throws `CelFailed` and nothing else.
   */
  evaluate(values: Readonly<Record<string, unknown>>, budget?: number): CelResult;
}

/** An ordinary program costs some 150. With all of it, none ran longer than 0.2 s (docs/adr/0031-cel.md). */
export const BUDGET = 100_000;

/** Characters of all the expressions of one program. */
const LONGEST = 16_384;
const MOST_VARIABLES = 64;
const LONGEST_NAME = 128;
/** Identifiers that no program can name: `IDENT` of the specification's grammar is without them. */
const RESERVED = new Set(
  `false in null true as break const continue else for function if import let loop package namespace return var void while`.split(
    ' ',
  ),
);
const START = { line: 1, column: 1 };

interface Runtime {
  readonly meter: Meter;
  readonly env: CelEnv;
  readonly names: Names;
}

const runtimes = new WeakMap<CelEnvironment, Runtime>();

function runtimeOf(environment: CelEnvironment): Runtime {
  const known = runtimes.get(environment);
  if (known !== undefined) return known;
  const meter = new Meter();
  const patterns = new Patterns();
  const funcs = functionsOf(meter, patterns);
  const env = library().cel.celEnv({ funcs, registry: registryOf(environment.messages) });
  const runtime = { meter, env, names: namesOf(funcs, environment.messages, patterns) };
  runtimes.set(environment, runtime);
  return runtime;
}

type Bindings = Record<string, CelInput>;
type Run = (bindings: Bindings) => CelValue;

/** Throws what goes wrong. An error is a value that `||` may pass over; having no budget left is not. */
function planned(text: Text, runtime: Runtime, variables: ReadonlySet<string>): Run {
  const { cel } = library();
  const { meter, env, names } = runtime;
  checkSource(text.source, text.variable);
  const tree = checkedTree(text, names, variables);
  const { nodes } = extentOf(tree);
  const run = cel.plan(env, metered(tree));
  return (bindings) => {
    meter.spend(nodes);
    const value = run(bindings);
    if (meter.over) throw new OverBudget();
    if (cel.isCelError(value)) throw value;
    return value;
  };
}

function checkVariable({ name }: CelVariable, names: ReadonlySet<string>): void {
  if (name.length > LONGEST_NAME) throw new CelRefused(`a name has at most ${String(LONGEST_NAME)} characters`, START);
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || RESERVED.has(name))
    throw new CelRefused('the name is no identifier', START, name);
  if (names.has(name)) throw new CelRefused('the name is taken', START, name);
}

interface Step {
  readonly name: string;
  readonly run: Run;
}

function variableSteps(variables: readonly CelVariable[], runtime: Runtime, names: Set<string>): Step[] {
  if (variables.length > MOST_VARIABLES)
    throw new CelRefused(`a program has at most ${String(MOST_VARIABLES)} variables`, START);
  return variables.map((variable) => {
    checkVariable(variable, names);
    const run = planned({ source: variable.expression, variable: variable.name }, runtime, names);
    names.add(variable.name);
    return { name: variable.name, run };
  });
}

/**
 * Errors are values here, which `||` and `all` pass over by thousands; with a stack, which nobody reads, each takes ten times
 * as long as a step is meant to. Evaluation is synchronous: nothing else sees the setting.
 */
function withoutStacks<T>(work: () => T): T {
  const before = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return work();
  } finally {
    Error.stackTraceLimit = before;
  }
}

function failed(error: unknown, { over, spent }: Meter): CelFailed {
  if (over || error instanceof OverBudget) return new CelFailed('budget', new OverBudget().message, spent);
  const reason = error instanceof Error ? error.message : String(error);
  return new CelFailed('error', reason, spent, { cause: error });
}

/** Throws `CelRefused` for what is no program, or names what there is not. One budget holds for all of the program. */
export function compileCel(source: string | CelSource, environment: CelEnvironment): CelProgram {
  const runtime = runtimeOf(environment);
  const { meter } = runtime;
  const { variables = [], expression } = typeof source === 'string' ? { expression: source } : source;
  const length = [expression, ...variables.map((each) => each.expression)].join('').length;
  if (length > LONGEST) throw new CelRefused(`a program has at most ${String(LONGEST)} characters`, START);
  const names = new Set(environment.variables);
  const steps = variableSteps(variables, runtime, names);
  const run = planned({ source: expression, variable: undefined }, runtime, names);
  return {
    evaluate(values, budget = BUDGET) {
      meter.start(budget);
      try {
        return withoutStacks(() => {
          // No prototype, or a variable that was not given would be found there.
          const bindings = Object.create(null) as Bindings;
          for (const name of environment.variables) bindings[name] = celInput(values[name]);
          for (const step of steps) bindings[step.name] = step.run(bindings);
          const value = run(bindings);
          meter.spendDeep(value);
          return { ...answerOf(value), cost: meter.spent };
        });
      } catch (error) {
        throw failed(error, meter);
      }
    },
  };
}
