/** What of an object our schemas do not have: it would be dropped as soon as the API server has our kinds. */
import { isObject } from '../../client/json.ts';

type OpenApi = Readonly<Record<string, unknown>>;

/** Paths as `spec.data[].remoteRef.key`; a value that is none of those listed with what it is. Each once. */
export function foreignFields(schema: OpenApi, value: unknown, path: string): readonly string[] {
  return [...new Set(found(schema, value, path))];
}

function found(schema: OpenApi, value: unknown, path: string): readonly string[] {
  const { properties, additionalProperties, items, enum: values } = schema;
  if (Array.isArray(value)) {
    return isObject(items) ? value.flatMap((each) => found(items, each, `${path}[]`)) : [];
  }
  if (isObject(value)) {
    if (isObject(additionalProperties)) {
      return Object.values(value).flatMap((each) => found(additionalProperties, each, `${path}.*`));
    }
    const known = isObject(properties) ? properties : {};
    const open = schema['x-kubernetes-preserve-unknown-fields'] === true;
    return Object.entries(value).flatMap(([name, each]) => {
      const field = Object.hasOwn(known, name) ? known[name] : undefined;
      if (isObject(field)) return found(field, each, `${path}.${name}`);
      return open ? [] : [`${path}.${name}`];
    });
  }
  return Array.isArray(values) && !values.includes(value) ? [`${path}=${JSON.stringify(value)}`] : [];
}
