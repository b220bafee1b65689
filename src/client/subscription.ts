/**
 * The stream of changes: WebSocket, subprotocol `lockstep.changes.v1`. One connection; who wants to go on after its end
 * opens another with the index that was reached.
 */
import type { IncomingMessage } from 'node:http';
import { WebSocket, type ClientOptions } from 'ws';
import { hmacSha256Hex, takeKey, type KeyObject } from '../lib/crypto/hash.ts';
import { ApiError } from './api-error.ts';
import { ConnectionError, explainConnection } from './connection-error.ts';
import { isObject, parseJson } from './json.ts';
import type { ClientSettings } from './settings.ts';
import { checkReach, parseAddress } from './transport.ts';

const protocol = 'lockstep.changes.v1';

export interface SubscribeOptions {
  /** API paths, or prefixes that end in `*`. */
  readonly paths: readonly string[];
  /** The stream begins after it; absent, now. */
  readonly index?: string | undefined;
  /** A name under which the server remembers us and takes acknowledgements. */
  readonly consumer?: string | undefined;
}

export interface Welcome {
  readonly nonce: string;
  readonly index: string;
  /** False though an index was given: the history does not reach back to it. */
  readonly resumed: boolean;
  /** Seconds between signs of life. */
  readonly heartbeat: number;
}

export interface ChangeEvent {
  readonly kind: 'event';
  readonly index: string;
  readonly path: string;
  readonly operation: string;
  readonly version: number | undefined;
}
/** All events up to the index were sent. */
export interface Mark {
  readonly kind: 'mark';
  readonly index: string;
}
/** The server ends the stream. */
export interface Closing {
  readonly kind: 'closing';
  readonly reason: string;
  readonly resume: string | undefined;
}
export type Frame = ChangeEvent | Mark | Closing;

/** Proof of what is in place, by path. */
export type Proofs = Readonly<Record<string, { readonly version: number | undefined; readonly digest: string }>>;

/** Frames that wait for us; beyond, the socket is not read, so that the server notices. */
const mostWaiting = 1_000;
const longestFrame = 1024 * 1024;
const handshakeMs = 10_000;
const longestRefusal = 64 * 1024;

export class Subscription {
  readonly welcome: Welcome;
  readonly #socket: WebSocket;
  readonly #waiting: Frame[] = [];
  #wake: () => void = () => undefined;
  #ended = false;
  #silence: NodeJS.Timeout | undefined;
  #paused = false;
  readonly #proving: KeyObject;

  private constructor(socket: WebSocket, welcome: Welcome) {
    this.#socket = socket;
    this.welcome = welcome;
    this.#proving = takeKey(Buffer.from(welcome.nonce, 'ascii'));
    socket.on('message', (data) => {
      this.#receive(textOf(data));
    });
    socket.on('ping', () => {
      this.#hear();
    });
    socket.on('close', () => {
      this.#end();
    });
    this.#hear();
  }

  /**
   * Resolves with the server's welcome. Rejects with `ApiError` when it refuses, and with `ConnectionError` when it
   * cannot be reached (transient) or does not offer this subprotocol (code `UNSUPPORTED`).
   */
  static async open(settings: ClientSettings, options: SubscribeOptions, signal: AbortSignal): Promise<Subscription> {
    signal.throwIfAborted();
    const { url, connection } = await target(settings, options);
    const socket = new WebSocket(url, protocol, connection);
    const abort = (): void => {
      socket.terminate();
    };
    signal.addEventListener('abort', abort, { once: true });
    // Whatever ends the socket ends in `close`; an error without a listener would end the process.
    socket.on('error', () => undefined);
    socket.once('close', () => {
      signal.removeEventListener('abort', abort);
    });
    try {
      // Made at once: frames that follow the welcome in the same packet must find their listener.
      return await greeted(socket, settings.address, url, (welcome) => new Subscription(socket, welcome));
    } catch (error) {
      socket.terminate();
      throw signal.aborted ? signal.reason : error;
    }
  }

  /** All frames that have come since the last call, at least one; none when the stream has ended. */
  async take(): Promise<readonly Frame[]> {
    if (this.#waiting.length === 0 && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const taken = this.#waiting.splice(0);
    if (this.#paused) this.#socket.resume();
    this.#paused = false;
    return taken;
  }

  /** Says that everything up to `index`, which came on this stream, is in place. */
  acknowledge(index: string, files: Proofs): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    this.#socket.send(JSON.stringify({ kind: 'ack', index, nonce: this.welcome.nonce, files }));
  }

  /** The proof of a secret's data on this stream. */
  digest(canonicalData: string): string {
    return hmacSha256Hex(this.#proving, canonicalData);
  }

  close(): void {
    this.#socket.close(1000);
    this.#end();
  }

  #receive(text: string | undefined): void {
    this.#hear();
    const frame = text === undefined ? undefined : frameOf(text);
    if (frame === undefined) return;
    this.#waiting.push(frame);
    this.#wake();
    if (this.#waiting.length < mostWaiting || this.#paused) return;
    this.#paused = true;
    this.#socket.pause();
  }

  /** A connection that is silent for more than twice the heartbeat is half-open: nothing will come. */
  #hear(): void {
    clearTimeout(this.#silence);
    const seconds = Math.min(300, Math.max(1, this.welcome.heartbeat));
    this.#silence = setTimeout(() => {
      if (!this.#paused) this.#socket.terminate();
    }, seconds * 2_500);
  }

  #end(): void {
    clearTimeout(this.#silence);
    this.#ended = true;
    this.#wake();
  }
}

async function target(settings: ClientSettings, options: SubscribeOptions) {
  checkReach(settings);
  const { target: at, secure, origin, prefix } = parseAddress(settings.address);
  const query = new URLSearchParams();
  for (const path of options.paths) query.append('path', path);
  if (options.index !== undefined) query.set('index', options.index);
  if (options.consumer !== undefined) query.set('consumer', options.consumer);
  const resource = `${prefix}/v1/sys/events/subscribe/*?${query.toString()}`;
  const url =
    at.socketPath === undefined
      ? `${origin.replace(/^http/, 'ws')}${resource}`
      : `ws+unix:${at.socketPath}:${resource}`;
  const { namespace = '', token = '' } = settings;
  const headers = {
    ...settings.headers,
    'x-vault-request': 'true',
    ...(token === '' ? {} : { 'x-vault-token': token }),
    ...(namespace === '' ? {} : { 'x-vault-namespace': namespace }),
  };
  // The machine's own CAs count too: this connection is opened rarely enough to read them.
  const tls = secure ? (await import('./tls.ts')).tlsOptions(settings.tls ?? {}, true) : {};
  const connection = {
    ...tls,
    ...(settings.reach === undefined ? {} : { lookup: settings.reach.lookup }),
    headers,
    maxPayload: longestFrame,
    perMessageDeflate: false,
    handshakeTimeout: handshakeMs,
    followRedirects: false,
  };
  // Node's own TLS options, which the types of ws know less exactly.
  return { url, connection: connection as unknown as ClientOptions };
}

function greeted<S>(socket: WebSocket, address: string, url: string, make: (welcome: Welcome) => S): Promise<S> {
  const { promise, resolve, reject } = Promise.withResolvers<S>();
  const late = setTimeout(() => {
    reject(broken(address, 'no welcome came on the stream of changes', 'TIMEOUT'));
  }, handshakeMs);
  const receive = (data: unknown): void => {
    const text = textOf(data);
    const welcome = text === undefined ? undefined : welcomeOf(text);
    const refused = text === undefined ? undefined : frameOf(text);
    if (welcome !== undefined) resolve(make(welcome));
    else if (refused?.kind === 'closing')
      reject(broken(address, `the stream was refused: ${refused.reason}`, 'CLOSING'));
    else reject(unsupported(address));
  };
  socket.once('message', receive);
  socket.once('unexpected-response', (_request, response) => {
    void refusal(response, url).then(reject);
  });
  socket.once('error', (error) => {
    const unknown = /subprotocol/.test(error.message);
    reject(unknown ? unsupported(address) : explainConnection(error, address, true));
  });
  socket.once('close', () => {
    reject(broken(address, 'the stream of changes ended before it began', 'ECONNRESET'));
  });
  return promise.finally(() => {
    clearTimeout(late);
    socket.off('message', receive);
  });
}

async function refusal(response: IncomingMessage, url: string): Promise<ApiError> {
  let body = '';
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      body += chunk.toString('utf8');
      if (body.length > longestRefusal) break;
    }
  } catch {
    // What came counts.
  }
  let errors: readonly string[] = [];
  try {
    const parsed = parseJson(body);
    if (isObject(parsed) && Array.isArray(parsed['errors'])) errors = parsed['errors'].map(String);
  } catch {
    // Not the API's own words.
  }
  const path = url.replace(/\?.*$/, '');
  return new ApiError({ method: 'GET', url: path, status: response.statusCode ?? 0, errors, warnings: [] });
}

function broken(address: string, why: string, code: string): ConnectionError {
  return new ConnectionError(`${address}: ${why}`, { code, transient: true, sent: true });
}

function unsupported(address: string): ConnectionError {
  const why = 'the server does not push changes in a way that can be resumed';
  return new ConnectionError(`${address}: ${why}`, { code: 'UNSUPPORTED', transient: false, sent: true });
}

function textOf(data: unknown): string | undefined {
  return Buffer.isBuffer(data) ? data.toString('utf8') : undefined;
}

function fieldsOf(text: string): Readonly<Record<string, unknown>> {
  try {
    const value = parseJson(text);
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

function welcomeOf(text: string): Welcome | undefined {
  const { kind, nonce, index, resumed, heartbeat } = fieldsOf(text);
  if (kind !== 'welcome' || typeof nonce !== 'string' || typeof index !== 'string') return undefined;
  return { nonce, index, resumed: resumed === true, heartbeat: typeof heartbeat === 'number' ? heartbeat : 30 };
}

/** Undefined for what this version does not know. */
function frameOf(text: string): Frame | undefined {
  const { kind, index, path, operation, version, reason, resume } = fieldsOf(text);
  if (kind === 'closing') {
    return { kind, reason: String(reason), resume: typeof resume === 'string' ? resume : undefined };
  }
  if (typeof index !== 'string') return undefined;
  if (kind === 'mark') return { kind, index };
  if (kind !== 'event' || typeof path !== 'string') return undefined;
  return {
    kind,
    index,
    path,
    operation: typeof operation === 'string' ? operation : '',
    version: typeof version === 'number' ? version : undefined,
  };
}
