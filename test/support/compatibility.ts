/** The table of docs/compatibility-endpoints.md, and what an OpenAPI document says of the same. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export type Standing = 'same' | 'different' | 'not here' | 'own';

export interface Row {
  readonly method: string;
  /** As it stands in the table. */
  readonly path: string;
  readonly parameters: readonly string[];
  readonly standing: Standing;
  /** Why it is not the same. */
  readonly reason: string;
}

const STANDINGS: ReadonlySet<string> = new Set<Standing>(['same', 'different', 'not here', 'own']);

/** What a row and an operation are compared by: names of path parameters are nobody's business but the server's. */
export const keyOf = (method: string, path: string): string =>
  `${method} ${path.replaceAll(/\{\w+\}|:\w+/g, ':').replace(/\/$/, '')}`;

export function compatibilityTable(): readonly Row[] {
  const page = join(import.meta.dirname, '../../docs/compatibility-endpoints.md');
  return readFileSync(page, 'utf8')
    .split('\n')
    .filter((line) => /^\| [A-Z]+ +\|/.test(line))
    .map(rowOf);
}

function rowOf(line: string): Row {
  const [, method = '', path = '', parameters = '', here = ''] = line.split('|').map((cell) => cell.trim());
  const [, standing = '', reason = ''] = /^([a-z ]+)(?:: (.+))?$/.exec(here) ?? [];
  if (!STANDINGS.has(standing)) throw new Error(`no such standing as "${here}": ${line}`);
  if ((standing === 'same') !== (reason === '')) throw new Error(`a reason is given for all but "same": ${line}`);
  const names = [...parameters.matchAll(/`(\w+)`/g)].map(([, name = '']) => name);
  return { method, path: path.replaceAll('`', ''), parameters: names, standing: standing as Standing, reason };
}

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
}

interface Schema {
  readonly $ref?: string;
  readonly properties?: object;
}

interface Operation {
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
}

export interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components?: { readonly schemas?: Readonly<Record<string, Schema>> };
}

export interface Offered {
  readonly path: string;
  readonly parameters: ReadonlySet<string>;
}

const METHODS: Readonly<Record<string, string>> = { post: 'POST', put: 'POST', delete: 'DELETE', patch: 'PATCH' };
const FOLDERS: ReadonlySet<string> = new Set(['list', 'scan']);
/** What the table is about. */
export const covered =
  /^(?:sys|auth\/(?:token|approle|aws|cert|userpass|ldap|jwt|kubernetes|spiffe)|identity|secret|kv1|cubbyhole)\//;

/** By method and path. LIST and SCAN stand in OpenAPI as a GET with a parameter. */
export function offered(document: OpenApi): ReadonlyMap<string, Offered> {
  const found = new Map<string, Offered>();
  for (const [slashed, item] of Object.entries(document.paths)) {
    const path = slashed.slice(1);
    if (!covered.test(path)) continue;
    for (const [method, operation] of Object.entries(item)) {
      if (method !== 'get' && METHODS[method] === undefined) continue;
      const names = parametersOf(document, operation);
      const inPath = new Set([...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name));
      const parameters = new Set([...names].filter((name) => !FOLDERS.has(name) && !inPath.has(name)));
      for (const each of methodsOf(method, operation)) found.set(keyOf(each, path), { path, parameters });
    }
  }
  return found;
}

function methodsOf(method: string, { parameters = [] }: Operation): readonly string[] {
  if (method !== 'get') return [METHODS[method] ?? ''];
  const flags = parameters.filter(({ name }) => FOLDERS.has(name));
  const plain = flags.some(({ required }) => required === true) ? [] : ['GET'];
  return [...plain, ...flags.map(({ name }) => name.toUpperCase())];
}

function parametersOf(document: OpenApi, { parameters = [], requestBody }: Operation): ReadonlySet<string> {
  const [body] = Object.values(requestBody?.content ?? {});
  const properties = body === undefined ? {} : (resolved(document, body.schema).properties ?? {});
  return new Set([...parameters.map(({ name }) => name), ...Object.keys(properties)]);
}

function resolved({ components }: OpenApi, schema: Schema): Schema {
  const name = schema.$ref?.split('/').at(-1);
  return (name === undefined ? undefined : components?.schemas?.[name]) ?? schema;
}
