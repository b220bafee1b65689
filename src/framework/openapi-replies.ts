/** What an operation answers, as OpenAPI 3.0 says it: the envelope around the declared data, and errors. */
import type { Field, FieldKind, Fields, JsonObject } from './field.ts';
import type { Operation } from './path.ts';

/** As replies show them: durations as seconds, and null for what is not set where Vault says so. */
const SCHEMAS: Readonly<Record<FieldKind, JsonObject>> = {
  string: { type: 'string' },
  secret: { type: 'string' },
  integer: { type: 'integer' },
  number: { type: 'number' },
  boolean: { type: 'boolean' },
  duration: { type: 'integer', minimum: 0 },
  time: { type: 'string', nullable: true },
  list: { type: 'array', items: { type: 'string' }, nullable: true },
  map: { type: 'object', additionalProperties: { type: 'string' }, nullable: true },
  object: { type: 'object', nullable: true },
  objects: { type: 'array', items: { type: 'object' }, nullable: true },
  any: {},
  enum: { type: 'string' },
};

const property = (field: Field<unknown>): JsonObject => ({
  ...SCHEMAS[field.kind],
  description: field.help,
  ...(field.values === undefined ? {} : { enum: field.values }),
});

const nullable = (schema: JsonObject): JsonObject => ({ ...schema, nullable: true });
const content = (schema: JsonObject, type = 'application/json'): JsonObject => ({ content: { [type]: { schema } } });
const named = (schema: string): JsonObject => ({ $ref: `#/components/schemas/${schema}` });

/** Of every document. */
export const schemas: JsonObject = {
  Envelope: {
    type: 'object',
    description: 'What every reply with data, a token or a wrapped response is put into.',
    properties: {
      request_id: { type: 'string' },
      lease_id: { type: 'string', description: 'Of a dynamic secret; empty without a lease.' },
      renewable: { type: 'boolean' },
      lease_duration: { type: 'integer', description: 'Seconds.' },
      data: nullable({ type: 'object' }),
      wrap_info: nullable({ type: 'object', description: 'In place of the rest when the request asks for wrapping.' }),
      warnings: nullable({ type: 'array', items: { type: 'string' } }),
      auth: nullable({ type: 'object', description: 'The token that a login or a creation gave.' }),
      mount_type: { type: 'string' },
    },
    required: ['request_id', 'lease_id', 'renewable', 'lease_duration', 'data', 'wrap_info', 'warnings', 'auth'],
  },
  Errors: {
    type: 'object',
    properties: { errors: { type: 'array', items: { type: 'string' } } },
    required: ['errors'],
  },
};

const ERRORS: JsonObject = { description: 'Refused, and why.', ...content(named('Errors')) };

type Declared = Fields | 'empty' | 'any';

function dataOf(declared: Fields | 'any'): JsonObject {
  if (declared === 'any') return { type: 'object' };
  const required = Object.keys(declared).filter((name) => declared[name]?.required === true);
  return {
    type: 'object',
    properties: Object.fromEntries(Object.entries(declared).map(([name, field]) => [name, property(field)])),
    additionalProperties: false,
    ...(required.length === 0 ? {} : { required }),
  };
}

const enveloped = (data: JsonObject): JsonObject => ({
  allOf: [named('Envelope'), { type: 'object', properties: { data: nullable(data) } }],
});

function responseOf(status: string, declared: Declared, form: Operation<never, unknown>['form']): JsonObject {
  if (status === '204') return { description: 'Done; there is no body.' };
  if (status === '202' && declared === 'empty') {
    return { description: 'Begun; there is no body, but the envelope where there is something to warn of.' };
  }
  const failed = Number(status) >= 400;
  if (typeof form === 'object') {
    const types = form.map((type) => [type, { schema: type === 'application/json' ? {} : { type: 'string' } }]);
    // What is refused before it comes to the operation is refused as everywhere, in JSON.
    const refused = failed ? { 'application/json': { schema: named('Errors') } } : {};
    return { description: failed ? 'Refused, and why.' : 'OK', content: { ...refused, ...Object.fromEntries(types) } };
  }
  if (declared === 'empty') return failed ? ERRORS : { description: 'OK', ...content(named('Envelope')) };
  // What cannot be read at all is refused before it is known whose form a refusal has.
  const schema = form === 'bare' ? dataOf(declared) : enveloped(dataOf(declared));
  return failed
    ? { description: 'Data, or why not.', ...content({ anyOf: [schema, named('Errors')] }) }
    : { description: 'OK', ...content(schema) };
}

type Responses = Readonly<Record<string, JsonObject>>;

/** Refusals and failures may come from any operation, with the statuses of Vault, unless it gives those a meaning of its own. */
export function responsesOf({ replies, otherReplies, form }: Operation<never, unknown>): Responses {
  const own = Object.entries(replies).map(([status, declared]) => [status, responseOf(status, declared, form)]);
  // A warning needs a body: what ends in 204 then ends in 200.
  const warned = replies[204] !== undefined && replies[200] === undefined;
  const more = warned ? { 200: responseOf('200', 'empty', form) } : {};
  const others =
    otherReplies === undefined
      ? { '4XX': ERRORS, '5XX': ERRORS }
      : { default: responseOf('default', otherReplies, form) };
  return { ...(Object.fromEntries(own) as Responses), ...more, ...others };
}

const schemaOf = (response: JsonObject): unknown =>
  (response['content'] as Readonly<Record<string, { schema: unknown }>> | undefined)?.['application/json']?.schema;

/** Of two operations that stand under one method: a reply is one of either. */
export function eitherOf(one: Responses, other: Responses): Responses {
  const both = Object.entries(one).map(([status, response]) => {
    const [first, second] = [schemaOf(response), schemaOf(other[status] ?? {})];
    const differ = second !== undefined && JSON.stringify(first) !== JSON.stringify(second);
    return [status, differ ? { ...response, ...content({ anyOf: [first, second] }) } : response];
  });
  return { ...other, ...(Object.fromEntries(both) as Responses) };
}
