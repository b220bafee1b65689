/** The templates of `spec.target.template` and of `rewrite.transform`: Go's, with the functions that External Secrets Operator gives them. */
import type * as GoTemplates from '../../lib/go-template/external-secrets.ts';
import { TemplateError } from '../../lib/go-template/template-error.ts';
import type { Template } from '../../lib/go-template/template.ts';
import { withoutValues } from '../../lib/go-template/without-values.ts';
import { onDemand } from '../../lib/on-demand.ts';
import { parseYaml } from '../../lib/yaml-text.ts';
import { ProviderProblem } from '../../providers/contract.ts';
import type { Values } from './values.ts';

/** With all that they know of certificates, a tenth of a controller's memory: most have no template. */
const goTemplates = onDemand<typeof GoTemplates>(import.meta, '../../lib/go-template/external-secrets');

/** Undefined: text without any action, which is itself. Throws `TemplateError`. */
export function compile(name: string, template: string): Template | undefined {
  if (!template.includes('{{')) return undefined;
  const { parseTemplate, externalSecretsFunctions: functions } = goTemplates();
  return parseTemplate(name, template, { functions });
}

const LITERALS = /"((?:[^"\\\n]|\\.)*)"|`([^`]*)`/g;

/**
 * What the engine says, without the values. Where a template does not parse also without the texts in quotes: somebody may have
 * written a password there. Later those are the names of keys that are not there.
 */
export function saidOf({ message, reason }: TemplateError, template: string, values: Values = new Map()): string {
  const literals = reason === 'syntax' ? template.matchAll(LITERALS) : [];
  return withoutValues(message, [...values.values(), ...[...literals].map(([, quoted, raw]) => quoted ?? raw ?? '')]);
}

/** What `name` renders to. Throws `ProviderProblem`, which says where the template is wrong and repeats no value. */
export function render(name: string, template: string, values: Values): Uint8Array {
  try {
    const compiled = compile(name, template);
    if (compiled === undefined) return Buffer.from(template, 'utf8');
    return compiled.executeToBytes(goTemplates().stringMap(Object.fromEntries(values)));
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    throw new ProviderProblem(
      'unsuitable',
      `unable to execute template at key ${name}: ${saidOf(error, template, values)}`,
    );
  }
}

/** Kubernetes holds no object that is larger; to read YAML takes a second a megabyte. */
const LONGEST = 1.5 * 1024 * 1024;

/** Undefined: it is none. What the parser says repeats the line, which may hold a secret. */
function yamlIn(text: string): { readonly value: unknown } | undefined {
  if (text.length > LONGEST) return undefined;
  try {
    return { value: parseYaml(text, { maxAliasCount: 0 }) };
  } catch {
    return undefined;
  }
}

const textIn = (name: string, template: string, values: Values): string =>
  Buffer.from(render(name, template, values)).toString('utf8');

/** YAML of any structure; what is none is a text. */
export const structureIn = (text: string): unknown => {
  const found = yamlIn(text);
  return found === undefined ? text : found.value;
};

/** A rendering that is YAML, of any structure. Throws `ProviderProblem`. */
export function renderYaml(name: string, template: string, values: Values): unknown {
  const found = yamlIn(textIn(name, template, values));
  if (found !== undefined) return found.value;
  throw new ProviderProblem('unsuitable', `template ${name} does not render to YAML`);
}

/** A rendering that is YAML: a text for each name. Throws `ProviderProblem`. */
export function renderMap(name: string, template: string, values: Values): Values {
  const found = yamlIn(textIn(name, template, values));
  if (found === undefined) throw notAMap(name);
  const { value: map } = found;
  if (map === null || map === undefined) return new Map();
  if (typeof map !== 'object' || Array.isArray(map)) throw notAMap(name);
  return new Map(Object.entries(map).map(([key, value]) => [key, Buffer.from(scalarText(name, key, value), 'utf8')]));
}

function scalarText(name: string, key: string, value: unknown): string {
  if (value === null) return '';
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new ProviderProblem(
    'unsuitable',
    `template ${name}: the value of "${key}" is no text; quote it, or render it by toJson`,
  );
}

const notAMap = (name: string): ProviderProblem =>
  new ProviderProblem(
    'unsuitable',
    `template ${name} does not render to YAML of names and texts, as templateAs: KeysAndValues and literal need it`,
  );
