/** What an `initialize` block says, judged before anything starts: a first start that fails costs the data directory. */
import type { Reader } from './reader.ts';
import type { Json, Read } from './schema.ts';
import type { serverKeys } from './server-schema.ts';

export type Initialize = Read<typeof serverKeys>['initialize'][number];
export type InitializeRequest = Initialize['request'][number];

export const EVAL_TYPES = ['string', 'int', 'float64', 'bool', '[]string', 'map', 'any'] as const;
export type EvalType = (typeof EVAL_TYPES)[number];

/** By source, what it takes besides `eval_source` and `eval_type`; `needs` is what it cannot do without. */
const SOURCES: Readonly<Record<string, { readonly needs: readonly string[]; readonly takes: readonly string[] }>> = {
  env: { needs: ['env_var'], takes: ['require_present'] },
  file: { needs: ['path'], takes: [] },
  request: { needs: ['initialize_name', 'request_name', 'field_selector'], takes: [] },
  response: { needs: ['initialize_name', 'field_selector'], takes: ['request_name', 'response_name'] },
};

type JsonObject = { readonly [name: string]: Json };

export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && !Array.isArray(value);

/** A value that is worked out when the request is made. */
export const isSource = (value: Json): value is JsonObject =>
  isObject(value) && ('eval_source' in value || 'eval_type' in value);

interface Judged {
  readonly initialize: readonly Initialize[];
  readonly seal: readonly { readonly type: string; readonly disabled: boolean }[];
  readonly dev: unknown;
  readonly region: unknown;
}

export function judgeInitialize(reader: Reader, { initialize, seal, dev, region }: Judged): void {
  if (initialize.length === 0) return;
  const refuse = (why: string): void => {
    reader.problem('configuration', `\`initialize\` ${why}`);
  };
  if (dev !== undefined) refuse('is not for the development server, which is initialised anyhow');
  else if (seal.some(({ type, disabled }) => type === 'shamir' && !disabled)) {
    refuse(
      'needs a seal that opens by itself: `seal "static"`, `seal "transit"` or `seal "awskms"`; ' +
        'on a node that is initialised already, remove the blocks',
    );
  }
  if (region !== undefined) refuse('is not for a region: what it holds comes from its hub');
  const earlier = new Set<string>();
  for (const { name, request } of initialize) {
    if (request.length === 0) refuse(`"${name}" has no \`request\``);
    for (const each of request) {
      const place = `initialize "${name}" request "${each.name}"`;
      for (const problem of problemsOf(each, earlier)) reader.problem('configuration', `${place}: ${problem}`);
      earlier.add(`${name} ${each.name}`);
    }
  }
}

function problemsOf({ path, token, data }: InitializeRequest, earlier: ReadonlySet<string>): readonly string[] {
  const texts = Object.entries({ path, token }).flatMap(([name, value]) =>
    value === undefined || typeof value === 'string' || isSource(value)
      ? []
      : [`\`${name}\` must be a string or a source`],
  );
  const body = data === undefined || isObject(data) ? [] : ['`data` must be a block'];
  const sources = [path, token, data].flatMap((value) => (value === undefined ? [] : sourcesIn(value)));
  return [...texts, ...body, ...sources.flatMap((source) => problemsOfSource(source, earlier))];
}

function sourcesIn(value: Json): readonly JsonObject[] {
  if (isSource(value)) return [value];
  if (typeof value !== 'object') return [];
  return Object.values(value).flatMap(sourcesIn);
}

function problemsOfSource(source: JsonObject, earlier: ReadonlySet<string>): readonly string[] {
  const { eval_source: kind, eval_type: type, ...given } = source;
  const known = typeof kind === 'string' && Object.hasOwn(SOURCES, kind) ? SOURCES[kind] : undefined;
  if (known === undefined) {
    return [`eval_source ${JSON.stringify(kind)} is not offered: it is one of ${Object.keys(SOURCES).join(', ')}`];
  }
  const about = `a source "${textOf(kind)}"`;
  const problems = [
    ...known.needs.filter((name) => !(name in given)).map((name) => `${about} needs \`${name}\``),
    ...Object.keys(given)
      .filter((name) => ![...known.needs, ...known.takes].includes(name))
      .map((name) => `${about} has no \`${name}\``),
    ...Object.entries(given)
      .filter(([name, value]) => !fits(name, value))
      .map(([name]) => `${about}: \`${name}\` has a value of the wrong type`),
    ...(EVAL_TYPES.some((each) => each === type)
      ? []
      : [`eval_type ${JSON.stringify(type)} is not one of ${EVAL_TYPES.join(', ')}`]),
  ];
  return problems.length > 0 ? problems : problemsOfReference(kind, given, earlier);
}

function fits(name: string, value: Json): boolean {
  if (name === 'require_present') return typeof value === 'boolean';
  if (name === 'field_selector' && Array.isArray(value)) return value.every((item) => typeof item === 'string');
  return typeof value === 'string';
}

/** Only what was made before can be referred to. */
function problemsOfReference(
  kind: Json | undefined,
  given: JsonObject,
  earlier: ReadonlySet<string>,
): readonly string[] {
  if (kind !== 'request' && kind !== 'response') return [];
  const name = referenceOf(given);
  return earlier.has(name)
    ? []
    : [`a source "${kind}" names "${name.replace(' ', '", "')}", which is not made before it`];
}

/** The block and the request that a source names. */
export const referenceOf = ({ initialize_name, request_name, response_name }: JsonObject): string =>
  `${textOf(initialize_name)} ${textOf(request_name ?? response_name)}`;

/** Parameters of sources are text; what is none was refused with the configuration. */
export const textOf = (value: Json | undefined): string => (typeof value === 'string' ? value : '');
