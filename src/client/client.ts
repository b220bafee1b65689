import { setTimeout as sleep } from 'node:timers/promises';
import { ConnectionError } from './connection-error.ts';
import type { Envelope } from './envelope.ts';
import { IndexFrontier } from './frontier.ts';
import { header, readEnvelope, readMissing, throwIfRefused, unusable } from './reply.ts';
import { retryDelay, type Replay } from './retry.ts';
import { clientDefaults, type ClientSettings } from './settings.ts';
import { parseAddress, Transport, type WireReply, type WireRequest } from './transport.ts';

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
}

/** A reply below 400, its body not yet read. */
export interface ApiReply extends WireReply {
  /** `X-Vault-Index`: opaque, what the node showed when it answered. */
  readonly index: string | undefined;
}

/** What `intercept` sees in place of the server. */
export interface Intercepted {
  readonly method: Method;
  readonly url: string;
  readonly path: string;
  readonly request: WireRequest;
}

export interface ClientHooks {
  /** Sees each request before it leaves; a throw stops it there. */
  readonly intercept?: (request: Intercepted) => void;
  readonly random?: () => number;
}

interface Call {
  readonly method: Method;
  readonly path: string;
  readonly body?: unknown;
  /** A 404 is an answer, not an error. */
  readonly mayMiss?: boolean;
}

/**
 * A client of the Vault HTTP API. Paths are API paths without `/v1/` (`secret/data/app`), in clear: they are escaped
 * here. Calls reject with `ApiError` (the server said no), `ConnectionError` (no answer of the API) or the reason of an
 * aborted signal. Safe for calls in parallel; connections are kept.
 */
export class Client {
  readonly settings: ClientSettings;
  readonly #transport: Transport;
  readonly #hooks: ClientHooks;
  readonly #frontier: IndexFrontier;
  readonly #origin: string;
  readonly #prefix: string;

  constructor(settings: ClientSettings, hooks: ClientHooks = {}, shared?: Client) {
    this.settings = Object.freeze({ ...settings });
    this.#hooks = hooks;
    const { origin, prefix } = parseAddress(settings.address);
    this.#origin = origin;
    this.#prefix = prefix;
    this.#transport = shared === undefined ? new Transport(settings) : shared.#transport;
    this.#frontier = shared === undefined ? new IndexFrontier() : shared.#frontier;
    checkHeaders(settings.headers);
  }

  /** The same connections and index memory under another token, namespace, wrap time, time-out or hook. */
  with(
    changes: Partial<Pick<ClientSettings, 'token' | 'namespace' | 'wrapTtl' | 'timeoutMs' | 'readYourWrites'>>,
    hooks: ClientHooks = this.#hooks,
  ): Client {
    return new Client({ ...this.settings, ...changes }, hooks, this);
  }

  /** The newest indexes seen; more than one only after calls in parallel. */
  get indexes(): readonly string[] {
    return this.#frontier.current;
  }

  /** Undefined when nothing is there. */
  read(path: string, options: CallOptions = {}): Promise<Envelope | undefined> {
    return this.#readable(path, options);
  }

  /** Undefined when nothing is there; otherwise `data.keys`. */
  list(path: string, options: CallOptions = {}): Promise<Envelope | undefined> {
    return this.#readable(path, { ...options, query: { list: 'true', ...options.query } });
  }

  /** Undefined when the server answers without content. A `string` body is sent as it is. */
  async write(path: string, body?: unknown, options: CallOptions = {}): Promise<Envelope | undefined> {
    return readEnvelope(await this.request('PUT', path, body, options), this.settings.address);
  }

  /** RFC 7396, JSON Merge Patch. */
  async patch(path: string, body: unknown, options: CallOptions = {}): Promise<Envelope | undefined> {
    const headers = { 'content-type': 'application/merge-patch+json', ...options.headers };
    return readEnvelope(await this.request('PATCH', path, body, { ...options, headers }), this.settings.address);
  }

  async delete(path: string, options: CallOptions = {}): Promise<Envelope | undefined> {
    return readEnvelope(await this.request('DELETE', path, undefined, options), this.settings.address);
  }

  /** Any call; the body of the reply as text. */
  request(method: Method, path: string, body?: unknown, options: CallOptions = {}): Promise<ApiReply> {
    return this.#call({ method, path, body }, options);
  }

  close(): void {
    this.#transport.close();
  }

  #carried(): readonly string[] {
    return this.settings.readYourWrites === true ? this.#frontier.current : [];
  }

  async #readable(path: string, options: CallOptions): Promise<Envelope | undefined> {
    const reply = await this.#call({ method: 'GET', path, mayMiss: true }, options);
    return reply.status === 404
      ? readMissing(reply, this.settings.address)
      : readEnvelope(reply, this.settings.address);
  }

  async #call(call: Call, options: CallOptions): Promise<ApiReply> {
    const carried = options.index === undefined ? this.#carried() : [options.index];
    const wire = this.#wire(call, options, carried);
    const url = `${this.#origin}${wire.target}`;
    this.#hooks.intercept?.({ method: call.method, url, path: call.path, request: wire });
    const attempt = async (signal: AbortSignal): Promise<WireReply> => {
      const reply = await this.#follow(wire, signal);
      if (reply.status !== 404 || call.mayMiss !== true) throwIfRefused(reply, wire, url);
      return reply;
    };
    const reply = await this.#persist(attempt, call.method, options);
    const index = header(reply, 'x-vault-index');
    if (index !== undefined && options.index === undefined) this.#frontier.replace(carried, index);
    return { ...reply, index };
  }

  #wire({ method, path, body }: Call, options: CallOptions, carried: readonly string[]): WireRequest {
    const { settings } = this;
    const token = options.token ?? settings.token ?? '';
    const wrapTtl = options.wrapTtl ?? settings.wrapTtl ?? '';
    const headers: Record<string, string | readonly string[]> = {
      ...settings.headers,
      accept: 'application/json',
      'x-vault-request': 'true',
      ...(token === '' ? {} : { 'x-vault-token': token }),
      ...(settings.namespace === undefined || settings.namespace === ''
        ? {}
        : { 'x-vault-namespace': settings.namespace }),
      ...(wrapTtl === '' ? {} : { 'x-vault-wrap-ttl': wrapTtl }),
      ...(carried.length === 0 ? {} : { 'x-vault-index': carried }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...options.headers,
    };
    const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
    return { method, target: `${this.#prefix}/v1/${escapePath(path)}${queryOf(options.query)}`, headers, body: text };
  }

  /** Tries, with jittered pauses, until an answer that is final or until time is up. */
  async #persist(
    attempt: (signal: AbortSignal) => Promise<WireReply>,
    method: Method,
    options: CallOptions,
  ): Promise<WireReply> {
    const replay = options.replay ?? (method === 'GET' || method === 'HEAD' ? 'safe' : 'unsafe');
    const random = this.#hooks.random ?? Math.random;
    const timeoutMs = options.timeoutMs ?? this.settings.timeoutMs ?? clientDefaults.timeoutMs;
    const deadline = AbortSignal.timeout(timeoutMs);
    const signal = options.signal === undefined ? deadline : AbortSignal.any([options.signal, deadline]);
    const retries = this.settings.maxRetries ?? clientDefaults.maxRetries;
    try {
      for (let tries = 0; ; tries += 1) {
        try {
          signal.throwIfAborted();
          return await attempt(signal);
        } catch (error) {
          const delay = tries < retries ? retryDelay(error, tries, replay, random) : undefined;
          if (delay === undefined) throw error;
          await sleep(delay, undefined, { signal });
        }
      }
    } catch (error) {
      if (options.signal?.aborted === true) throw options.signal.reason;
      throw deadline.aborted ? tooSlow(this.settings.address, timeoutMs, error) : error;
    }
  }

  /** A standby answers with a redirect to the active node: one is followed, and never from TLS to plain HTTP. */
  async #follow(wire: WireRequest, signal: AbortSignal): Promise<WireReply> {
    const reply = await this.#transport.send(wire, signal);
    const location = header(reply, 'location');
    if ((reply.status !== 307 && reply.status !== 308) || location === undefined) return reply;
    const base = this.settings.address.startsWith('unix:') ? 'http://localhost' : this.settings.address;
    const target = URL.canParse(location, base) ? new URL(location, base) : undefined;
    if (target === undefined || (this.settings.address.startsWith('https:') && target.protocol !== 'https:')) {
      throw unusable(this.settings.address, 'it redirects to an address that is not safe to follow', 'REDIRECT');
    }
    const other = new Transport({ ...this.settings, address: target.origin });
    try {
      return await other.send({ ...wire, target: `${target.pathname}${target.search}` }, signal);
    } finally {
      other.close();
    }
  }
}

/** Each segment is escaped, the slashes stay; one leading slash is dropped. */
export function escapePath(path: string): string {
  return path.replace(/^\/+/, '').split('/').map(encodeURIComponent).join('/');
}

function queryOf(query: Query | undefined): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    for (const item of value === undefined ? [] : typeof value === 'string' ? [value] : value)
      search.append(name, item);
  }
  const text = search.toString();
  return text === '' ? '' : `?${text}`;
}

function checkHeaders(headers: ClientSettings['headers']): void {
  for (const name of Object.keys(headers ?? {})) {
    if (!name.toLowerCase().startsWith('x-vault-')) continue;
    throw new TypeError(
      `the header ${name} cannot be set by hand: names that begin with X-Vault- are the client's own`,
    );
  }
}

function tooSlow(address: string, timeoutMs: number, cause: unknown): ConnectionError {
  const message = `${address}: no answer within ${timeoutMs} ms`;
  return new ConnectionError(message, { code: 'TIMEOUT', transient: true, sent: true }, { cause });
}
