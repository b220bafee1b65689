/** `metadata` of what a PushSecret names: fields of a provider's own, in the envelope that External Secrets Operator gives them. */
import { isObject } from '../client/json.ts';
import { ProviderProblem } from './contract.ts';

const API_VERSION = 'kubernetes.external-secrets.io/v1alpha1';
const KIND = 'PushSecretMetadata';

type Texts = Readonly<Record<string, string>>;

/** `text`, `texts` (by name), `list` (of texts), `flag`, `json` (anything), one of a list, or fields within. */
export type Field =
  'text' | 'texts' | 'list' | 'flag' | 'json' | readonly string[] | { readonly [name: string]: Field };
type Fields = Readonly<Record<string, Field>>;
type Of<F> = F extends 'text'
  ? string
  : F extends 'texts'
    ? Texts
    : F extends 'list'
      ? readonly string[]
      : F extends 'flag'
        ? boolean
        : F extends 'json'
          ? unknown
          : F extends readonly (infer V)[]
            ? V
            : F extends Fields
              ? Read<F>
              : never;
export type Read<F extends Fields> = { readonly [K in keyof F]?: Of<F[K]> };

const invalid = (message: string): ProviderProblem => new ProviderProblem('invalid', message);

const isTexts = (value: unknown): boolean =>
  isObject(value) && Object.values(value).every((each) => typeof each === 'string');

const KINDS = {
  text: { holds: (value: unknown) => typeof value === 'string', what: 'is a text' },
  texts: { holds: isTexts, what: 'holds texts by name' },
  list: {
    holds: (value: unknown) => Array.isArray(value) && value.every((each) => typeof each === 'string'),
    what: 'is a list of texts',
  },
  flag: { holds: (value: unknown) => typeof value === 'boolean', what: 'is true or false' },
  json: { holds: () => true, what: '' },
} as const;

function checkOne(value: unknown, field: Field, path: string): void {
  if (Array.isArray(field)) {
    if (!field.includes(value)) throw invalid(`${path} is one of ${field.join(', ')}`);
  } else if (typeof field === 'string') {
    const { holds, what } = KINDS[field];
    if (!holds(value)) throw invalid(`${path} ${what}`);
  } else checkAll(value, field as Fields, path);
}

function checkAll(value: unknown, fields: Fields, path: string): void {
  if (!isObject(value)) throw invalid(`${path} is an object`);
  for (const [name, each] of Object.entries(value)) {
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (field === undefined) throw invalid(`${path} has no field "${name}" here: ${Object.keys(fields).join(', ')}`);
    checkOne(each, field, `${path}.${name}`);
  }
}

/** What stands in its `spec`; without metadata, nothing. Throws `ProviderProblem` that names the field. */
export function readMetadata<const F extends Fields>(metadata: unknown, fields: F): Read<F> {
  if (metadata === undefined || metadata === null) return {};
  checkAll(metadata, { apiVersion: [API_VERSION], kind: [KIND], spec: fields }, 'metadata');
  const { apiVersion, kind, spec = {} } = metadata as { apiVersion?: string; kind?: string; spec?: Read<F> };
  if (apiVersion === undefined || kind === undefined) {
    throw invalid(`metadata needs apiVersion: ${API_VERSION} and kind: ${KIND}`);
  }
  return spec;
}
