/** OpenAPI 3.0 from the path tables. */
import type { Field, FieldKind, Fields, JsonObject } from './field.ts';
import { eitherOf, responsesOf, schemas } from './openapi-replies.ts';
import { needsSudo, type Operation, type Path, type Verb } from './path.ts';

export interface DescribedMount {
  /** With its closing slash. */
  readonly path: string;
  readonly type: string;
  readonly paths: readonly Path<unknown>[];
}

const SCHEMAS: Readonly<Record<FieldKind, JsonObject>> = {
  string: { type: 'string' },
  secret: { type: 'string', format: 'password' },
  integer: { type: 'integer' },
  boolean: { type: 'boolean' },
  duration: { type: 'string', format: 'duration' },
  time: { type: 'string', format: 'date-time' },
  list: { type: 'array', items: { type: 'string' } },
  map: { type: 'object', additionalProperties: { type: 'string' } },
  object: { type: 'object' },
  objects: { type: 'array', items: { type: 'object' } },
  any: {},
  enum: { type: 'string' },
};

/** LIST and SCAN have no place in OpenAPI: they stand as GET with `list=true`. */
const METHODS: Readonly<Record<Verb, string>> = {
  read: 'get',
  list: 'get',
  scan: 'get',
  update: 'post',
  patch: 'patch',
  delete: 'delete',
};

function schema(field: Field<unknown>): JsonObject {
  return {
    ...SCHEMAS[field.kind],
    description: field.help,
    ...(field.values === undefined ? {} : { enum: field.values }),
    ...(field.fallback === undefined || field.kind === 'secret' ? {} : { default: field.fallback }),
    ...(field.deprecated === true ? { deprecated: true } : {}),
  };
}

const properties = (fields: Fields, names: readonly string[]): JsonObject =>
  Object.fromEntries(names.flatMap((name) => (fields[name] === undefined ? [] : [[name, schema(fields[name])]])));

interface Named {
  readonly path: Path<unknown>;
  readonly params: readonly string[];
  readonly tag: string;
}

/** LIST and SCAN stand as GET with a parameter, which is required unless the path can be read too. */
function queryParameters(verb: Verb, { fields, operations }: Path<unknown>, names: readonly string[]): JsonObject {
  const { read, list, scan, update, patch } = operations;
  const flags = [list === undefined ? [] : ['list'], scan === undefined ? [] : ['scan']].flat();
  // Fields of a path that is written too are for what is written, but for those that cut a list into pages.
  const written = update !== undefined || patch !== undefined;
  const asked = names.filter((name) => !written || (verb !== 'read' && ['after', 'limit'].includes(name)));
  const parameters = [
    ...flags.map((name) => ({
      name,
      in: 'query',
      required: read === undefined && name === verb,
      schema: { type: 'string', enum: ['true'] },
    })),
    ...asked.flatMap((name) => {
      const found = fields[name];
      return found === undefined
        ? []
        : [{ name, in: 'query', required: false, description: found.help, schema: schema(found) }];
    }),
  ];
  return parameters.length === 0 ? {} : { parameters };
}

function operation(verb: Verb, declared: Operation<never, unknown>, { path, params, tag }: Named) {
  const bodyNames = Object.keys(path.fields).filter((name) => !params.includes(name));
  const withBody = verb === 'update' || verb === 'patch';
  const required = bodyNames.filter((name) => path.fields[name]?.required === true);
  const body = {
    type: 'object',
    properties: properties(path.fields, bodyNames),
    ...(required.length === 0 ? {} : { required }),
  };
  return {
    summary: declared.summary,
    tags: [tag],
    ...(withBody || verb === 'delete' ? {} : queryParameters(verb, path, bodyNames)),
    ...(withBody && bodyNames.length > 0
      ? { requestBody: { required: required.length > 0, content: { 'application/json': { schema: body } } } }
      : {}),
    responses: responsesOf(declared),
  };
}

function describe(path: Path<unknown>, tag: string): JsonObject {
  const params = path.pattern
    .split('/')
    .filter((segment) => segment.startsWith(':'))
    .map((segment) => segment.slice(1).replace('...', ''));
  const item: Record<string, unknown> = {
    description: path.help,
    parameters: params.map((name) => ({
      name,
      in: 'path',
      required: true,
      description: path.fields[name]?.help ?? '',
      schema: { type: 'string' },
    })),
    ...(path.access === 'open' ? { 'x-vault-unauthenticated': true } : {}),
    ...(needsSudo(path.access) ? { 'x-vault-sudo': true } : {}),
    ...(path.exists === undefined ? {} : { 'x-vault-createSupported': true }),
  };
  for (const [verb, declared] of Object.entries(path.operations) as [Verb, Operation<never, unknown>][]) {
    const method = METHODS[verb];
    const described = operation(verb, declared, { path, params, tag });
    const before = item[method] as typeof described | undefined;
    // Where a path can be read and listed, GET stands for both.
    item[method] =
      before === undefined ? described : { ...before, responses: eitherOf(before.responses, described.responses) };
  }
  return item;
}

/** `{name}` for `:name` and `:name...`. */
const template = (pattern: string): string => pattern.replaceAll(/:([A-Za-z0-9_]+)(\.\.\.)?/g, '{$1}');

const ACRONYM: Readonly<Record<string, string>> = { system: 'system', token: 'auth' };

export function openApi(mounts: readonly DescribedMount[], version: string): JsonObject {
  const paths: Record<string, JsonObject> = {};
  for (const mount of mounts) {
    const tag = ACRONYM[mount.type] ?? (mount.path.startsWith('auth/') ? 'auth' : 'secrets');
    for (const path of mount.paths) paths[`/${mount.path}${template(path.pattern)}`] = describe(path, tag);
  }
  const sorted = Object.fromEntries(Object.entries(paths).sort(([a], [b]) => (a < b ? -1 : 1)));
  return {
    openapi: '3.0.2',
    info: {
      title: 'Lockstep API',
      description: 'Every path that this server serves.',
      version,
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    servers: [{ url: '/v1' }],
    components: { schemas },
    paths: sorted,
  };
}
