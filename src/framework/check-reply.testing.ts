/** Whether a reply is what its path declares; tests ask it of every reply that they see. */
import type { Field, FieldKind, Fields, JsonObject } from './field.ts';
import type { Operation } from './path.ts';
import type { Outcome } from './request.ts';

const isText = (value: unknown): boolean => typeof value === 'string';
const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value);
const isListOf =
  (holds: (value: unknown) => boolean) =>
  (value: unknown): boolean =>
    Array.isArray(value) && value.every(holds);

/** Vault shows what is not set as null where it is no plain value. */
const orNull =
  (holds: (value: unknown) => boolean) =>
  (value: unknown): boolean =>
    value === null || holds(value);

const KINDS: Readonly<Record<FieldKind, (value: unknown) => boolean>> = {
  string: isText,
  secret: isText,
  enum: isText,
  // Empty where the moment has not come.
  time: orNull((value) => isText(value) && (value === '' || !Number.isNaN(Date.parse(String(value))))),
  integer: Number.isSafeInteger,
  number: Number.isFinite,
  duration: (value) => Number.isSafeInteger(value) && Number(value) >= 0,
  boolean: (value) => typeof value === 'boolean',
  list: orNull(isListOf(isText)),
  map: orNull((value) => isObject(value) && Object.values(value as object).every(isText)),
  object: orNull(isObject),
  objects: orNull(isListOf(isObject)),
  any: () => true,
};

function problemOfData(data: JsonObject, fields: Fields): string | undefined {
  for (const [name, value] of Object.entries(data)) {
    const declared: Field<unknown> | undefined = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (declared === undefined) return `"${name}" is not declared`;
    if (!KINDS[declared.kind](value)) return `"${name}" is no ${declared.kind}`;
    if (declared.values !== undefined && !declared.values.includes(String(value)))
      return `"${name}" is none of its values`;
  }
  const missing = Object.keys(fields).find((name) => fields[name]?.required === true && !Object.hasOwn(data, name));
  return missing === undefined ? undefined : `"${missing}" is missing`;
}

export type Declared = Pick<Operation<never, never>, 'replies' | 'otherReplies' | 'form'>;

function problemOfContent(declared: Fields | 'empty' | 'any', reply: Outcome['reply']): string | undefined {
  if (declared === 'any') return undefined;
  const content = reply?.data ?? reply?.bare;
  if (declared !== 'empty') return content === undefined ? 'there is no data' : problemOfData(content, declared);
  return content === undefined && reply?.raw === undefined ? undefined : 'there is data where none is declared';
}

/** Whether it is enveloped, bare or something else, as declared. */
function problemOfForm(form: Declared['form'], reply: Outcome['reply']): string | undefined {
  if (reply === undefined) return undefined;
  const other = (reply.raw ?? reply.stream ?? reply.file)?.contentType.replace(/;.*/, '');
  if (other !== undefined)
    return typeof form === 'object' && form.includes(other) ? undefined : `${other} is not declared`;
  if (reply.bare !== undefined) return form === undefined ? 'it is bare, and that is not declared' : undefined;
  return form === 'bare' && reply.data !== undefined ? 'it is not bare as declared' : undefined;
}

/** What is wrong, naming status and key but no value; undefined when nothing is. The catalogue's errors may come anywhere. */
export function problemOfReply({ replies, otherReplies, form }: Declared, outcome: Outcome): string | undefined {
  const { status, reply, errors, wrapInfo } = outcome;
  if (errors !== undefined || wrapInfo !== null) return undefined;
  const all = [replies[status] ?? otherReplies, ...(isWarned(outcome) ? [replies[204]] : [])];
  const declared = all.filter((each) => each !== undefined);
  const problems = declared.map((each) => problemOfContent(each, reply) ?? problemOfForm(form, reply));
  const problem = declared.length === 0 ? 'the status is not declared' : problems[0];
  return problems.includes(undefined) ? undefined : `${String(status)}: ${problem ?? ''}`;
}

/** What ends in 204 has a body when there is something to warn of. */
const isWarned = ({ status, warnings }: Outcome): boolean => status === 200 && warnings !== null;
