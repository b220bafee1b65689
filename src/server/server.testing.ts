/** For tests of the server: a handler that tells what it was given, and a client that writes bytes as they are. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Handler, Outcome, Request } from '../framework/request.ts';
import { serve, type ServeOptions, type Serving } from './http.ts';
import type { Limits, ListenerSettings, Log } from './listener.ts';

export const quiet: Log = { info: () => undefined, warn: () => undefined, error: () => undefined };

export function outcomeOf(request: Request, changes: Partial<Outcome> = {}): Outcome {
  return {
    status: 200,
    requestId: request.id,
    leaseId: '',
    leaseDuration: 0,
    renewable: false,
    auth: null,
    wrapInfo: null,
    warnings: null,
    mountType: 'test',
    headers: {},
    ...changes,
  };
}

/** Answers with what it was asked, under `data`. */
export const echo: Handler = {
  handle: (request) => {
    const { verb, method, path, body = null, token = null, query, namespace, address } = request;
    const raw = request.rawBody === undefined ? null : Buffer.from(request.rawBody).toString('latin1');
    const peer = request.peer?.subject ?? null;
    const certificates = request.clientCertificates?.map((der) => Buffer.from(der).toString('base64')) ?? null;
    const data = {
      peer,
      certificates,
      verb,
      method,
      path,
      body,
      raw,
      token,
      query,
      namespace,
      address,
      wrapTtl: request.wrapTtl,
    };
    return outcomeOf(request, { reply: { status: 200, data } });
  },
};

export function serveOn(
  listener: Partial<ListenerSettings> & { limits?: Partial<Limits> },
  handler: Handler = echo,
  rest: Partial<ServeOptions> = {},
): Promise<Serving> {
  const settings = { kind: 'tcp', host: '127.0.0.1', port: 0, ...listener } as ListenerSettings;
  return serve({ handler, listeners: [settings], log: quiet, grace: 2_000, ...rest });
}

/** As it goes over the wire. */
export const get = (path: string, ...fields: readonly string[]): string =>
  [`GET /v1/${path} HTTP/1.1`, 'Host: x', ...fields, '', ''].join('\r\n');

/** Holds requests for `held` until they are let go; answers the others at once. */
export class Gate implements Handler {
  readonly requests: Request[] = [];
  #waiting: (() => void)[] = [];
  #arrived = (): void => undefined;

  handle(request: Request): Outcome | Promise<Outcome> {
    if (request.path !== 'held') return outcomeOf(request);
    this.requests.push(request);
    this.#arrived();
    return new Promise((resolve) => {
      this.#waiting.push(() => {
        resolve(outcomeOf(request, { mountType: 'held' }));
      });
    });
  }

  /** Resolves once `count` requests are held. */
  async holds(count: number): Promise<void> {
    while (this.requests.length < count) {
      await new Promise<void>((resolve) => {
        this.#arrived = resolve;
      });
    }
  }

  letGo(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

export function portOf(serving: Serving): number {
  return Number(new URL(serving.addresses[0] ?? '').port);
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export interface RawReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A connection on which bytes are written as given, and replies are read one by one. */
export class RawClient {
  readonly socket: Socket;
  #received = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay();
    // A reset is an end like any other here: what came before it counts.
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
    });
  }

  static to(serving: Serving): Promise<RawClient> {
    return RawClient.#over(connect(portOf(serving), '127.0.0.1'));
  }

  /** Of a Unix socket. */
  static at(path: string): Promise<RawClient> {
    return RawClient.#over(connect(path));
  }

  static async #over(socket: Socket): Promise<RawClient> {
    await once(socket, 'connect');
    // The server, in this process, has accepted and reads once its loop has turned twice.
    await turn();
    await turn();
    return new RawClient(socket);
  }

  /** Each piece in a packet of its own. */
  async send(...pieces: readonly (string | Uint8Array)[]): Promise<void> {
    for (const piece of pieces) {
      await new Promise<void>((resolve) => this.socket.write(piece, () => resolve()));
      // The server shares this loop: it has read the piece, and no more, when the loop has turned.
      await turn();
    }
  }

  /** The next reply; undefined when the connection ended before it was complete. */
  async reply(): Promise<RawReply | undefined> {
    for (;;) {
      const taken = this.#take();
      if (taken !== undefined) return taken;
      if (this.socket.destroyed || this.socket.readableEnded) return undefined;
      await this.#change();
    }
  }

  async closed(): Promise<void> {
    while (!this.socket.closed) await this.#change();
  }

  end(): void {
    this.socket.destroy();
  }

  /** Not `events.once`: that one rejects on a reset. */
  async #change(): Promise<void> {
    const events = ['data', 'end', 'close'];
    await new Promise<void>((resolve) => {
      const done = (): void => {
        for (const event of events) this.socket.off(event, done);
        resolve();
      };
      for (const event of events) this.socket.on(event, done);
    });
  }

  #take(): RawReply | undefined {
    const end = this.#received.indexOf('\r\n\r\n');
    if (end < 0) return undefined;
    const [line = '', ...fields] = this.#received.toString('latin1', 0, end).split('\r\n');
    const headers = Object.fromEntries(
      fields.map((field) => [field.slice(0, field.indexOf(':')).toLowerCase(), field.slice(field.indexOf(':') + 2)]),
    );
    const status = Number(line.split(' ')[1]);
    const length = status === 204 ? 0 : Number(headers['content-length'] ?? 0);
    if (this.#received.length < end + 4 + length) return undefined;
    const body = this.#received.toString('utf8', end + 4, end + 4 + length);
    this.#received = this.#received.subarray(end + 4 + length);
    return { status, headers, body };
  }
}

/** `data` of an envelope, as the echo handler filled it. */
export function dataOf(reply: { readonly body: string } | undefined): Record<string, unknown> {
  const parsed = JSON.parse(reply?.body ?? '{}') as { data?: Record<string, unknown> };
  return parsed.data ?? {};
}
