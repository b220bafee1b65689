/** A template of Vault Agent's configuration, on our engine. */
import { readFileSync } from 'node:fs';
import type { TemplateConfig, VariableConfig } from '../../config/agent.ts';
import { fail } from '../../errors.ts';
import { explain } from '../../client/explain.ts';
import { matchesGlob } from '../../lib/glob.ts';
import { consulTemplateFunctions, foreignFunctions } from '../../lib/go-template/consul-template/index.ts';
import { withoutValues } from '../../lib/go-template/without-values.ts';
import { type FunctionMap, type GoFunction, variadic } from '../../lib/go-template/function.ts';
import { parseTemplate, TemplateError, type Template } from '../../lib/go-template/template.ts';
import { FunctionError } from '../../lib/go-template/template-error.ts';
import { place, type Placement } from '../place.ts';
import type { Lookup, Rendering, Target } from '../target.ts';
import { hostFunctions, type Permissions } from './functions.ts';
import { Pass } from './pass.ts';

export interface TemplateHost {
  readonly settings: Permissions;
  /** The variables that may be read. */
  readonly environment: Readonly<Record<string, string>>;
  readonly namespace: string;
  /** Whether errors end the agent where the template does not say. */
  readonly fatal: boolean;
}

const MOST_MAKING = 100;

/** A template whose output goes to a file, or to a variable. */
type OutputConfig = VariableConfig & Partial<Pick<TemplateConfig, 'destination' | 'user'>>;

/** Functions whose answers change without a secret's change. */
const impure = /\b(?:file|env|mustEnv|envOrDefault)\b/;

/** What is the same whatever becomes of the output. */
function templateOf(config: OutputConfig, host: TemplateHost) {
  const renderer = new Renderer(config, host, config.contents ?? sourceText(config));
  return {
    renderer,
    common: { name: config.name, impatient: true, impure: renderer.impure, fatal: config.error_fatal ?? host.fatal },
  };
}

/** Reads and parses it. Throws `invalidConfig` that names what it calls and must not, or an `invalidTemplate`. */
export function templateTarget(config: TemplateConfig, host: TemplateHost): Target {
  const { renderer, common } = templateOf(config, host);
  const { destination, perms: mode, user, group, backup, create_dest_dirs: createsDirectories } = config;
  const placement: Placement = { path: destination, mode, user, group, backup, createsDirectories };
  return {
    ...{ ...common, destination, createsDirectories },
    ...{ command: config.command, command_timeout: config.command_timeout },
    render: (lookup) => renderer.render(lookup, (bytes) => place(bytes, placement)),
  };
}

/** A template whose output `put` takes as the value of a variable. Throws as `templateTarget`. */
export function variableTarget(
  config: VariableConfig,
  host: TemplateHost,
  put: (value: string) => 'written' | 'unchanged',
): Target {
  const { renderer, common } = templateOf(config, host);
  return {
    ...{ ...common, destination: undefined, command_timeout: 0 },
    render: (lookup) => renderer.render(lookup, (bytes) => Promise.resolve(put(valueOf(config.name, bytes)))),
  };
}

function valueOf(name: string, bytes: Buffer): string {
  if (bytes.includes(0)) throw fail('cannotRender', `the value of ${name} holds a zero byte, which no variable can`);
  return bytes.toString();
}

function sourceText({ name, source = '' }: VariableConfig): string {
  try {
    return readFileSync(source, 'utf8');
  } catch (error) {
    throw fail('invalidConfig', `template ${name}: cannot read its source: ${explain(error)}`);
  }
}

const denied = (): GoFunction =>
  variadic([], 'any', () => {
    throw new FunctionError('function is disabled');
  });

/** A template can say anything in an error, what it was given too. */
function silent(error: unknown, { texts }: Pass): unknown {
  if (!(error instanceof TemplateError)) return error;
  return fail('invalidTemplate', withoutValues(error.message, texts));
}

interface Rendered {
  readonly pass: Pass;
  /** What it was made of. */
  readonly answers: readonly (readonly [key: string, answer: ReturnType<Lookup>])[];
  /** Undefined where not all was known. */
  readonly bytes: Buffer | undefined;
}

/** Renders the text anew for whoever says what is known. */
export class Renderer {
  /** Whether it depends on more than secrets. */
  readonly impure: boolean;
  readonly #template: Template;
  readonly #namespace: string;
  #pass: Pass;
  /** What it wanted to be made since all was known last. */
  readonly #making = new Set<string>();
  #last: Rendered | undefined;

  constructor(config: OutputConfig, host: TemplateHost, text: string) {
    this.#namespace = host.namespace;
    this.impure = impure.test(text);
    this.#pass = new Pass(() => undefined, host.namespace);
    const around = {
      ...{ permissions: host.settings, sandbox: config.sandbox_path },
      variable: (name: string) => host.environment[name],
      destination: config.destination === undefined ? undefined : { path: config.destination, user: config.user },
    };
    const all: FunctionMap = { ...consulTemplateFunctions(Date.now), ...hostFunctions(() => this.#pass, around) };
    const isDenied = (name: string): boolean => config.function_denylist.some((pattern) => matchesGlob(pattern, name));
    const functions = Object.fromEntries(
      Object.entries(all).map(([name, own]) => [name, isDenied(name) ? denied() : own]),
    );
    this.#template = parsed(config, text, functions, !isDenied('executeTemplate'));
  }

  /** What the template makes of what is known, complete or not. Throws a TemplateError. */
  output(lookup: Lookup): Buffer {
    this.#pass = new Pass(lookup, this.#namespace);
    return Buffer.from(this.#template.executeToBytes(null));
  }

  /**
   * What was rendered last, where nothing that it shows has changed. Throws a TemplateError, unless something is not known
   * yet: then the error may come of that.
   */
  render(lookup: Lookup, put: (bytes: Buffer) => Promise<'written' | 'unchanged'>): Rendering {
    const last = this.#last;
    const isFresh = last?.answers.every(([key, answer]) => lookup(key) === answer) === true;
    const rendered = isFresh && !this.impure ? last : this.#rendered(lookup);
    this.#last = rendered.bytes === undefined ? undefined : rendered;
    const { pass, bytes } = rendered;
    if (bytes === undefined) return { needs: pass.needs, put: undefined };
    return {
      needs: pass.needs,
      put: async () => {
        const outcomes = [];
        for (const { placement, bytes: text } of pass.writes) {
          outcomes.push(await place(Buffer.from(text, 'latin1'), placement));
        }
        outcomes.push(await put(bytes));
        return outcomes.includes('written') ? 'written' : 'unchanged';
      },
      warning: bytes.includes('<no value>') ? 'the template shows "<no value>": a key is not there' : undefined,
    };
  }

  #rendered(lookup: Lookup): Rendered {
    let bytes: Buffer | undefined;
    try {
      bytes = this.output(lookup);
    } catch (error) {
      if (!(error instanceof TemplateError) || !this.#pass.lacks || error.reason === 'bound')
        throw silent(error, this.#pass);
    }
    const pass = this.#pass;
    this.#checkMaking(pass);
    const answers = [...pass.needs.keys()].map((key) => [key, lookup(key)] as const);
    return { pass, answers, bytes: pass.lacks ? undefined : bytes };
  }

  /** A template that asks for another thing each time, as with `timestamp`, would have things made for ever. */
  #checkMaking({ needs, lacks }: Pass): void {
    if (!lacks) this.#making.clear();
    for (const [key, { kind }] of needs) if (lacks && kind === 'write') this.#making.add(key);
    if (this.#making.size <= MOST_MAKING) return;
    throw fail('invalidTemplate', 'it asks for something else to be made each time that it is rendered');
  }
}

function parsed(config: VariableConfig, text: string, functions: FunctionMap, executeTemplate: boolean): Template {
  const { name, left_delimiter: left, right_delimiter: right, error_on_missing_key } = config;
  const missingKey = error_on_missing_key ? 'error' : 'zero';
  const delimiters = { left: left || '{{', right: right || '}}' };
  const own = executeTemplate ? functions : { ...functions, executeTemplate: denied() };
  try {
    return parseTemplate('', text, { functions: own, missingKey, delimiters, executeTemplate });
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    const called = /function "(\w+)" not defined/.exec(error.message)?.[1] ?? '';
    const reason = Object.hasOwn(foreignFunctions, called) ? foreignFunctions[called] : undefined;
    const why = reason === undefined ? error.message : `line ${error.line}: \`${called}\` is not offered: ${reason}`;
    throw fail('invalidConfig', `template ${name}: ${why}`);
  }
}
