/** A request that brings its login along in headers (OpenBao's inline authentication): what those say. */
import { isUtf8 } from 'node:buffer';
import { fail } from '../../errors.ts';
import type { JsonObject } from '../../framework/field.ts';
import type { Verb } from '../../framework/path.ts';
import type { Request } from '../../framework/request.ts';
import { strictObject } from '../../lib/jwt/strict-json.ts';
import type { Token } from '../tokens/token.ts';
import type { Asked } from './access.ts';

const PATH = 'x-vault-inline-auth-path';
const OPERATION = 'x-vault-inline-auth-operation';
const NAMESPACE = 'x-vault-inline-auth-namespace';
/** What follows it tells the headers apart and means nothing else: the name stands in the value. */
export const PARAMETER = 'x-vault-inline-auth-parameter-';
const MOST_PARAMETERS = 64;
/** Of lists and objects in one parameter. */
const DEEPEST = 300;

/** Of a login that came in headers, and of the request that brought it. */
export interface Inline {
  /** The id of the other one of both. */
  readonly counterpart: string;
  /** What the login granted. It is stored nowhere: it ends with the request. */
  granted?: { readonly token: Token; readonly id: string };
}

/** What is to be asked first, and as whom. */
export interface InlineLogin {
  readonly verb: Verb;
  readonly path: string;
  /** As in the header; absent: that of the request. */
  readonly namespace: string | undefined;
  readonly parameters: JsonObject;
}

/** One look-up for a request without such headers. On paths that are open they mean nothing. */
export const isInline = ({ open, request }: Pick<Asked, 'open' | 'request'>): boolean =>
  !open && request.headers[PATH] !== undefined;

const VERBS: Readonly<Record<string, { readonly verb: Verb; readonly method: string }>> = {
  create: { verb: 'update', method: 'POST' },
  update: { verb: 'update', method: 'PUT' },
  read: { verb: 'read', method: 'GET' },
  list: { verb: 'list', method: 'LIST' },
  scan: { verb: 'scan', method: 'SCAN' },
  patch: { verb: 'patch', method: 'PATCH' },
  delete: { verb: 'delete', method: 'DELETE' },
};

/** One that is sent twice comes as one text with a comma, which is no path and no namespace. */
function textOf({ headers }: Request, name: string): string | undefined {
  const value = headers[name];
  const text = typeof value === 'string' ? value : value?.join(', ');
  if (text?.includes(',') === true) throw fail('badRequest', `${name} is given more than once`);
  return text === '' ? undefined : text;
}

function pathOf(text: string | undefined): string {
  const path = (text ?? '').replace(/^\/?(v1\/)?/, '');
  const bad = path.split('/').some((segment) => segment === '' || segment === '.' || segment === '..');
  if (bad || !/^[!-~]+$/.test(path)) throw fail('badRequest', `${PATH} is no path, such as auth/approle/login`);
  return path;
}

/** Nothing of a value is told: it may be a secret. */
function parameterOf(header: string, text: string | undefined): readonly [string, unknown] {
  const wrong = fail(
    'badRequest',
    `${header} is not base64 (URL-safe, without padding) of {"key": "<name>", "value": <any>}`,
  );
  if (text === undefined || !/^[\w-]+$/.test(text)) throw wrong;
  const bytes = Buffer.from(text, 'base64url');
  // Read as bodies are: a member twice, or nesting without end, is refused.
  const parsed = isUtf8(bytes)
    ? strictObject(bytes.toString('utf8'), { length: text.length, depth: DEEPEST })
    : undefined;
  if (parsed === undefined) throw wrong;
  const { key, value, ...rest } = parsed;
  if (typeof key !== 'string' || key === '' || value === undefined || Object.keys(rest).length > 0) throw wrong;
  return [key, value];
}

function parametersOf(request: Request): JsonObject {
  const headers = Object.keys(request.headers).filter((name) => name.startsWith(PARAMETER));
  if (headers.length > MOST_PARAMETERS) {
    throw fail('badRequest', `an inline login has at most ${String(MOST_PARAMETERS)} parameters`);
  }
  const parameters = new Map<string, unknown>();
  for (const header of headers) {
    const [key, value] = parameterOf(header, textOf(request, header));
    if (parameters.has(key)) throw fail('badRequest', `${header} gives a parameter for the second time`);
    parameters.set(key, value);
  }
  return Object.fromEntries(parameters) as JsonObject;
}

/** Throws `badRequest`, which names the header and never its value. */
export function readInline(request: Request): InlineLogin & { readonly method: string } {
  if (request.token !== undefined) {
    throw fail('badRequest', 'cannot layer inline authentication with token authentication: send one of them');
  }
  const operation = textOf(request, OPERATION) ?? 'update';
  const known = Object.hasOwn(VERBS, operation) ? VERBS[operation] : undefined;
  if (known === undefined) {
    throw fail('badRequest', `${OPERATION} is none of: ${Object.keys(VERBS).join(', ')}`);
  }
  const namespace = textOf(request, NAMESPACE)?.replace(/^\/|\/$/g, '');
  return { ...known, path: pathOf(textOf(request, PATH)), namespace, parameters: parametersOf(request) };
}

/** Without the parameters, which are secrets: from here on nobody needs them there. */
export function withoutParameters(request: Request): Request {
  const headers = Object.fromEntries(Object.entries(request.headers).filter(([name]) => !name.startsWith(PARAMETER)));
  return { ...request, headers };
}
