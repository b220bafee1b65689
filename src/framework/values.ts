/** From a request's body, query and path parameters to the typed values of a declaration. */
import type { JsonObject } from './field.ts';
import type { Match } from './router.ts';

export interface Coerced {
  readonly values: Readonly<Record<string, unknown>>;
  /** Names in the body that the path does not know: Vault warns of them. */
  readonly unknown: readonly string[];
}

const has = (object: JsonObject, name: string): boolean => Object.hasOwn(object, name);

/**
 * A path parameter goes before the body, the body before the query. A body that is the client's own data declares
 * nothing: its `limit` is none of ours. Throws `badRequest` naming the field.
 */
export function coerce<Mount>(match: Match<Mount>, body: JsonObject, query: JsonObject): Coerced {
  const { fields, body: kind } = match.path;
  const values: Record<string, unknown> = {};
  const declared = kind === 'anything' ? {} : body;
  for (const name of Object.keys(fields)) {
    const source = has(match.params, name) ? match.params : has(declared, name) ? declared : query;
    const raw = has(source, name) ? source[name] : undefined;
    values[name] = fields[name]?.coerce(raw, name);
  }
  const unknown = Object.keys(declared).filter((name) => !has(fields, name));
  return { values, unknown };
}
