import type { Readable, Writable } from 'node:stream';
import { deadline } from '../lib/deadline.ts';
import { ConnectionError } from './connection-error.ts';
import type { Envelope } from './envelope.ts';
import { IndexFrontier } from './frontier.ts';
import { header, namesReason, readEnvelope, readMissing, throwIfRefused, unusable } from './reply.ts';
import { withRetries } from './retry.ts';
import { clientDefaults, type ClientSettings } from './settings.ts';
import type { Transfer } from './transfer.ts';
import { parseAddress, Transport, type WireReply, type WireRequest } from './transport.ts';
import { wireRequest, type Call, type CallOptions, type Method } from './wire.ts';

export type { CallOptions, Method, Query } from './wire.ts';

export interface TransferOptions {
  readonly query?: CallOptions['query'];
  /** Told how many bytes have passed. */
  readonly progress?: ((bytes: number) => void) | undefined;
  /** Milliseconds in which not one byte may come; default the client's time limit, Infinity for a stream that may be silent. */
  readonly silenceMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface UploadOptions extends TransferOptions {
  readonly contentType: string;
  readonly length: number;
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
    changes: Partial<
      Pick<ClientSettings, 'token' | 'namespace' | 'wrapTtl' | 'timeoutMs' | 'patienceMs' | 'readYourWrites'>
    >,
    hooks: ClientHooks = this.#hooks,
  ): Client {
    return new Client({ ...this.settings, ...changes }, hooks, this);
  }

  /** The newest indexes seen; more than one only after calls in parallel. */
  get indexes(): readonly string[] {
    return this.#frontier.current;
  }

  /** An index learnt elsewhere, as from a change that was pushed: with `readYourWrites`, no answer is older. */
  observe(index: string): void {
    this.#frontier.replace([], index);
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

  /**
   * Streams the body of a reply into a sink, made once the server has agreed. Made once, without retries; ends after `timeoutMs` in which no byte came, not
   * after a total. An error of the server throws `ApiError`, as elsewhere.
   */
  async download(path: string, sink: () => Writable, options: TransferOptions = {}): Promise<void> {
    const { wire, transfer } = this.#transfer({ method: 'GET', path }, options);
    await (await import('./transfer.ts')).download(this.#transport, wire, sink, transfer);
  }

  /** Sends `length` bytes of a stream as the body. Made once; the time limit is as for `download`. */
  async upload(path: string, content: () => Readable, options: UploadOptions): Promise<void> {
    const headers = { 'content-type': options.contentType, 'content-length': String(options.length) };
    const { wire, transfer } = this.#transfer({ method: 'POST', path }, { ...options, headers });
    await (await import('./transfer.ts')).upload(this.#transport, wire, content, transfer);
  }

  close(): void {
    this.#transport.close();
  }

  #transfer(call: Call, options: TransferOptions & CallOptions): { wire: WireRequest; transfer: Transfer } {
    const wire = this.#wire(call, options, this.#carried());
    const url = `${this.#origin}${wire.target}`;
    this.#hooks.intercept?.({ method: call.method, url, path: call.path, request: wire });
    const { progress, signal, silenceMs = this.settings.timeoutMs ?? clientDefaults.timeoutMs } = options;
    return { wire, transfer: { address: this.settings.address, url, silenceMs, progress, signal } };
  }

  #wire(call: Call, options: CallOptions, carried: readonly string[]): WireRequest {
    return wireRequest({ settings: this.settings, prefix: this.#prefix }, call, options, carried);
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
      const mayMiss = call.mayMiss === true && !(options.reasons === true && namesReason(reply));
      if (reply.status !== 404 || !mayMiss) throwIfRefused(reply, wire, url);
      return reply;
    };
    const reply = await this.#persist(attempt, call.method, options);
    const index = header(reply, 'x-vault-index');
    if (index !== undefined && options.index === undefined) this.#frontier.replace(carried, index);
    const age = Number.parseInt(header(reply, 'x-lockstep-age') ?? '', 10);
    const region = header(reply, 'x-lockstep-region');
    options.answered?.({ index, region, age: Number.isNaN(age) ? undefined : age });
    return { ...reply, index };
  }

  /** Tries until an answer is final or time is up. */
  async #persist(
    attempt: (signal: AbortSignal) => Promise<WireReply>,
    method: Method,
    options: CallOptions,
  ): Promise<WireReply> {
    const { timeoutMs = clientDefaults.timeoutMs, maxRetries = clientDefaults.maxRetries } = this.settings;
    const limit = options.timeoutMs ?? timeoutMs;
    using time = deadline(limit, options.signal);
    const reads = method === 'GET' || method === 'HEAD';
    try {
      return await withRetries(attempt, {
        replay: options.replay ?? (reads ? 'safe' : 'unsafe'),
        retries: maxRetries,
        patienceMs: this.settings.patienceMs,
        random: this.#hooks.random ?? Math.random,
        signal: time.signal,
      });
    } catch (error) {
      options.signal?.throwIfAborted();
      throw time.over ? tooSlow(this.settings.address, limit, error) : error;
    }
  }

  /** A standby answers with a redirect to the active node: one is followed, and never from TLS to plain HTTP. */
  async #follow(wire: WireRequest, signal: AbortSignal): Promise<WireReply> {
    const reply = await this.#transport.send(wire, signal);
    const location = header(reply, 'location');
    if ((reply.status !== 307 && reply.status !== 308) || location === undefined) return reply;
    if (this.settings.disableRedirects === true) {
      throw unusable(this.settings.address, 'it redirects, and no redirect is to be followed', 'REDIRECT');
    }
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
