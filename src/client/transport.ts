import type { Agent, ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import type { Readable } from 'node:stream';
import { forOneServer } from '../lib/one-server-agent.ts';
import { hostOf, serverNameOf } from '../lib/server-name.ts';
import { wholeBody } from '../lib/whole-body.ts';
import { ConnectionError, explainConnection } from './connection-error.ts';
import { clientDefaults, type ClientSettings } from './settings.ts';

export interface WireRequest {
  readonly method: string;
  /** Path and query as sent: `/v1/secret/data/a?version=1`. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | undefined;
}

export interface WireReply {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

// An `import` of node:http also evaluates its lazy re-exports of undici (WebSocket and others), which takes 35 ms of a
// command's 100; this does not.
const http = process.getBuiltinModule('node:http');

type Connector = (options: RequestOptions, reply: (message: IncomingMessage) => void) => ClientRequest;
interface Connection {
  readonly connect: Connector;
  readonly agent: Agent;
}

interface Exchange<T> {
  readonly request: WireRequest;
  readonly signal: AbortSignal;
  readonly content?: (() => Readable) | undefined;
  readonly take: (message: IncomingMessage) => Promise<T>;
}

const unknownCaCodes = new Set([
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
]);

/** One address: keeps its connections open and turns what goes wrong on them into `ConnectionError`s. */
export class Transport {
  readonly #settings: ClientSettings;
  readonly #target: RequestOptions;
  readonly #secure: boolean;
  #connection: Promise<Connection> | undefined;

  constructor(settings: ClientSettings) {
    this.#settings = settings;
    const parsed = parseAddress(settings.address);
    const { reach } = settings;
    this.#target = reach === undefined ? parsed.target : { ...parsed.target, lookup: reach.lookup };
    this.#secure = parsed.secure;
  }

  /** Rejects with `ConnectionError`, or with the signal's reason. */
  send(request: WireRequest, signal: AbortSignal): Promise<WireReply> {
    const limit = this.#settings.maxResponseBytes ?? clientDefaults.maxResponseBytes;
    return this.#trusted({ request, signal, take: (message) => collect(message, limit, this.#settings.address) });
  }

  /**
   * Resolves with the reply once its headers are here: the body is the caller's to read. `content`, of which each attempt
   * makes one, is the request's body.
   */
  open(request: WireRequest, signal: AbortSignal, content?: () => Readable): Promise<IncomingMessage> {
    return this.#trusted({ request, signal, content, take: (message) => Promise.resolve(message) });
  }

  async #trusted<T>(exchange: Exchange<T>): Promise<T> {
    try {
      return await this.#exchange(await this.#connected(), exchange);
    } catch (error) {
      const tls = this.#settings.tls ?? {};
      const named = (tls.caCert ?? tls.caPath ?? tls.caCertText) !== undefined;
      if (named || !(error instanceof ConnectionError) || !unknownCaCodes.has(error.code)) throw error;
    }
    // The CAs of the machine are read only when the built-in ones do not do: it costs more than the request.
    this.#connection = this.#open(true);
    return this.#exchange(await this.#connection, exchange);
  }

  async #connected(): Promise<Connection> {
    const connection = (this.#connection ??= this.#open(false));
    try {
      return await connection;
    } catch (error) {
      // A certificate file that is missing now may be there next time.
      if (this.#connection === connection) this.#connection = undefined;
      throw error;
    }
  }

  /** Cuts all connections. The next request opens new ones and reads the certificate files again. */
  close(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    // One that could not be opened has told its caller.
    connection?.then(
      ({ agent }) => agent.destroy(),
      () => undefined,
    );
  }

  async #open(systemCa: boolean): Promise<Connection> {
    checkReach(this.#settings);
    const pool = { keepAlive: true, maxFreeSockets: 16, scheduling: 'lifo' } as const;
    if (!this.#secure) return { connect: http.request, agent: forOneServer(new http.Agent(pool)) };
    const { tlsOptions } = await import('./tls.ts');
    const https = process.getBuiltinModule('node:https');
    const { tls = {} } = this.#settings;
    const serverName = tls.serverName ?? serverNameOf(String(this.#target.host));
    const options = tlsOptions({ ...tls, serverName }, systemCa);
    try {
      return { connect: https.request, agent: forOneServer(new https.Agent({ ...pool, ...options })) };
    } catch (error) {
      throw explainConnection(error, this.#settings.address, false);
    }
  }

  #exchange<T>(connection: Connection, { request, signal, content, take }: Exchange<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    let sent = false;
    const refuse = (error: unknown): void => {
      reject(signal.aborted ? signal.reason : explainConnection(error, this.#settings.address, sent));
    };
    let outgoing: ClientRequest;
    try {
      outgoing = connection.connect(
        {
          ...this.#target,
          method: request.method,
          path: request.target,
          headers: withLength(request),
          agent: connection.agent,
        },
        (message) => {
          take(message).then(resolve, refuse);
        },
      );
    } catch (error) {
      refuse(error);
      return promise;
    }
    const abort = (): void => {
      outgoing.destroy(new Error('aborted'));
    };
    // `signal` as an option of the request watches it as a stream besides, which costs more than a listener of ours.
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
    outgoing.on('close', () => {
      signal.removeEventListener('abort', abort);
    });
    outgoing.on('socket', (socket) => {
      // Before the handshake is over nothing of the request has left; a kept connection has it behind itself.
      if (outgoing.reusedSocket || !socket.connecting) sent = true;
      else socket.once(this.#secure ? 'secureConnect' : 'connect', () => (sent = true));
    });
    outgoing.on('error', refuse);
    if (content === undefined) outgoing.end(request.body);
    else pour(content(), outgoing, reject);
    return promise;
  }
}

function withLength({ headers, body }: WireRequest): Record<string, string | string[]> {
  const copy: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers)) copy[name] = typeof value === 'string' ? value : [...value];
  if (body !== undefined) copy['content-length'] = String(Buffer.byteLength(body));
  return copy;
}

/** An error of the content is not one of the connection. */
function pour(content: Readable, outgoing: ClientRequest, reject: (error: unknown) => void): void {
  content.on('error', (error) => {
    reject(error);
    outgoing.destroy();
  });
  outgoing.on('close', () => content.destroy());
  content.pipe(outgoing);
}

/** Reads a reply to its end. Throws `ConnectionError` (code `TOO_LARGE`) beyond `limit` bytes. */
export async function collect(message: IncomingMessage, limit: number, address: string): Promise<WireReply> {
  const tooLong = (): ConnectionError =>
    new ConnectionError(`${address}: the answer is longer than ${limit} bytes`, {
      code: 'TOO_LARGE',
      transient: false,
      sent: true,
    });
  const body = await wholeBody(message, limit, tooLong);
  return { status: message.statusCode ?? 0, headers: message.headers, body: body.toString('utf8') };
}

/** Throws `ConnectionError` (code `ADDRESS`) for what is no address. */
export function parseAddress(address: string): {
  target: RequestOptions;
  secure: boolean;
  origin: string;
  prefix: string;
} {
  if (address.startsWith('unix://')) {
    const socketPath = address.slice('unix://'.length);
    if (!socketPath.startsWith('/')) throw badAddress(address, 'a socket address is unix:///path/to/socket');
    return { target: { socketPath, host: 'localhost' }, secure: false, origin: 'http://localhost', prefix: '' };
  }
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined) throw badAddress(address, 'an address is like https://host:8200 or unix:///path/to/socket');
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw badAddress(address, `the scheme ${url.protocol}// is not supported: use https://, http:// or unix://`);
  }
  if (url.username !== '' || url.password !== '') {
    throw badAddress(`${url.protocol}//${url.host}`, 'an address must not carry a user or a password');
  }
  const secure = url.protocol === 'https:';
  const target = { host: hostOf(url), ...(url.port === '' ? {} : { port: url.port }) };
  return { target, secure, origin: url.origin, prefix: url.pathname.replace(/\/+$/, '') };
}

/** Throws `ConnectionError`. Of a host that is an address already: it is never looked up. */
export function checkReach({ address, reach }: ClientSettings): void {
  try {
    reach?.check(String(parseAddress(address).target.host));
  } catch (error) {
    throw explainConnection(error, address, false);
  }
}

function badAddress(address: string, why: string): ConnectionError {
  return new ConnectionError(`${address}: ${why}`, { code: 'ADDRESS', transient: false, sent: false });
}
