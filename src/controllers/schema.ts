/**
 * The fields of a kind, once: what the API server accepts of them (OpenAPI v3, the structural schemas of CRDs) and what
 * they are in TypeScript. Help stands in the schema, as `kubectl explain` shows it.
 */
type OpenApi = Readonly<Record<string, unknown>>;

export interface Schema<T> {
  readonly openapi: OpenApi;
  /** Never there: it carries the type alone. */
  readonly means?: T;
}

type Fields = Readonly<Record<string, Schema<unknown>>>;
type Of<S> = S extends Schema<infer T> ? T : never;
type Required<F extends Fields> = { readonly [K in keyof F]: Of<F[K]> };
type Optional<F extends Fields> = { readonly [K in keyof F]?: Of<F[K]> };

/** What objects of a kind are, by its schema. */
export type Read<S> = Of<S>;

const described = (openapi: OpenApi, help: string | undefined): OpenApi =>
  help === undefined ? openapi : { ...openapi, description: help };

export const text = (help?: string, more: OpenApi = {}): Schema<string> => ({
  openapi: described({ type: 'string', ...more }, help),
});

export const integer = (help?: string, more: OpenApi = {}): Schema<number> => ({
  openapi: described({ type: 'integer', ...more }, help),
});

export const boolean = (help?: string, more: OpenApi = {}): Schema<boolean> => ({
  openapi: described({ type: 'boolean', ...more }, help),
});

/** A number, or text that holds one. */
export const integerOrText = (help?: string): Schema<number | string> => ({
  openapi: described({ 'x-kubernetes-int-or-string': true }, help),
});

export const moment = (help?: string): Schema<string> => text(help, { format: 'date-time' });

export const oneOf = <const V extends readonly string[]>(values: V, fallback?: V[number]): Schema<V[number]> => ({
  openapi: { type: 'string', enum: values, ...(fallback === undefined ? {} : { default: fallback }) },
});

export const listOf = <T>(item: Schema<T>, help?: string): Schema<readonly T[]> => ({
  openapi: described({ type: 'array', items: item.openapi }, help),
});

export const mapOf = <T>(value: Schema<T>, help?: string): Schema<Readonly<Record<string, T>>> => ({
  openapi: described({ type: 'object', additionalProperties: value.openapi }, help),
});

/** Fields that must be there, and fields that may. */
export function object<R extends Fields, O extends Fields>(
  required: R,
  optional: O,
  more: OpenApi = {},
): Schema<Required<R> & Optional<O>> {
  const properties = Object.fromEntries(
    Object.entries({ ...required, ...optional }).map(([name, { openapi }]) => [name, openapi]),
  );
  const names = Object.keys(required);
  return { openapi: { type: 'object', properties, ...(names.length === 0 ? {} : { required: names }), ...more } };
}

/** Besides what is listed, anything: it is kept, and not looked at. */
export const OPEN: OpenApi = { 'x-kubernetes-preserve-unknown-fields': true };

/** Any JSON. */
export const anything = (): Schema<unknown> => ({ openapi: OPEN });

/** `metav1.LabelSelector`. */
export const labelSelector = object(
  {},
  {
    matchLabels: mapOf(text()),
    matchExpressions: listOf(object({ key: text(), operator: text() }, { values: listOf(text()) })),
  },
);
