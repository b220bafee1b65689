import type { Replay } from './retry.ts';
import type { ClientSettings } from './settings.ts';
import type { WireRequest } from './transport.ts';

export type Method = 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE' | 'HEAD';
export type Query = Readonly<Record<string, string | readonly string[] | undefined>>;

export interface CallOptions {
  readonly query?: Query | undefined;
  readonly wrapTtl?: string | undefined;
  /** Another token than the client's; an empty string sends none. */
  readonly token?: string | undefined;
  /** The node must show this index before it answers. */
  readonly index?: string | undefined;
  /** Whether the call may be made twice; default: reads may, writes may not. */
  readonly replay?: Replay | undefined;
  /** Milliseconds, over the settings'. */
  readonly timeoutMs?: number | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly signal?: AbortSignal | undefined;
  /** A 404 that names a reason (no such mount, no such path) throws `ApiError`, rather than being an absence. */
  readonly reasons?: boolean | undefined;
  /** Told of where a final answer is from. */
  readonly answered?: ((by: Answered) => void) | undefined;
}

/** What a node of ours says of itself with an answer; other servers say nothing. */
export interface Answered {
  readonly index: string | undefined;
  /** Undefined at the hub. */
  readonly region: string | undefined;
  /** Seconds since that region last heard its hub. */
  readonly age: number | undefined;
}

export interface Call {
  readonly method: Method;
  readonly path: string;
  readonly body?: unknown;
  /** A 404 is an answer, not an error. */
  readonly mayMiss?: boolean;
}

type Headers = Record<string, string | readonly string[]>;

/** `prefix`: what the path of the server's address puts before that of each call. */
interface Server {
  readonly settings: ClientSettings;
  readonly prefix: string;
}

/** A call as it goes over the wire. `carried`: the indexes that the answering node must show. */
export function wireRequest(
  { settings, prefix }: Server,
  { method, path, body }: Call,
  options: CallOptions,
  carried: readonly string[],
): WireRequest {
  const target = `${prefix}/v1/${escapePath(path)}${queryOf(options.query)}`;
  const headers: Headers = { ...settings.headers, accept: 'application/json', 'x-vault-request': 'true' };
  const set = (name: string, value: string | undefined): void => {
    if (value !== undefined && value !== '') headers[name] = value;
  };
  set('x-vault-token', options.token ?? settings.token);
  set('x-vault-namespace', settings.namespace);
  set('x-vault-wrap-ttl', options.wrapTtl ?? settings.wrapTtl);
  if (carried.length > 0) headers['x-vault-index'] = carried;
  const forwards = settings.readYourWrites === true && settings.forwardInconsistent === true;
  set('x-vault-inconsistent', forwards ? 'forward-active-node' : undefined);
  if (body === undefined) return { method, target, headers: { ...headers, ...options.headers } };
  headers['content-type'] = 'application/json';
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return { method, target, headers: { ...headers, ...options.headers }, body: text };
}

/** Each segment is escaped, the slashes stay; one leading slash is dropped. */
export function escapePath(path: string): string {
  return path.replace(/^\/+/, '').split('/').map(encodeURIComponent).join('/');
}

function queryOf(query: Query | undefined): string {
  const entries = Object.entries(query ?? {});
  if (entries.length === 0) return '';
  const search = new URLSearchParams();
  for (const [name, value] of entries) {
    for (const item of value === undefined ? [] : typeof value === 'string' ? [value] : value)
      search.append(name, item);
  }
  const text = search.toString();
  return text === '' ? '' : `?${text}`;
}
