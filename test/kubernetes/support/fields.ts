/** The fields of a kind, by its schema. */

export interface FieldSchema {
  readonly properties?: Readonly<Record<string, FieldSchema>>;
  readonly items?: FieldSchema;
  readonly [key: string]: unknown;
}

export interface Field {
  /** From within `spec`; `[]` behind a list. */
  readonly path: string;
  readonly schema: FieldSchema;
}

/** All of them, outer before inner; the schema itself is left out. */
export function fieldsOf(schema: FieldSchema, path = ''): readonly Field[] {
  const inner = Object.entries(schema.properties ?? {}).flatMap(([name, each]) => {
    const at = path === '' ? name : `${path}.${name}`;
    const own = each.items === undefined ? { path: at, schema: each } : { path: `${at}[]`, schema: each.items };
    return [own, ...fieldsOf(own.schema, own.path)];
  });
  return inner;
}
