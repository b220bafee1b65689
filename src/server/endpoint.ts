import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import { createSecureServer, type Http2SecureServer, type ServerHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { fail, isLockstepError } from '../errors.ts';
import type { InFlight } from '../core/in-flight.ts';
import type { Handler, Request } from '../framework/request.ts';
import { createServer } from '../lib/node-http.ts';
import { ACME_TLS, challengeAnswer } from './acme/alpn.ts';
import { Gone } from './body.ts';
import { newestExchange } from './connection.ts';
import { Departure } from './departure.ts';
import { Exchange, refuseExpectation, type Service } from './exchange.ts';
import { ForwardedFor } from './forwarded-for.ts';
import { listenOn } from './listen.ts';
import { addressOf, limitsOf, type Limits, type ListenerSettings, type Log } from './listener.ts';
import { hookMethods, methodOf } from './method-hook.ts';
import { endsBehindReply, rejectClient, respondRaw } from './raw-reply.ts';
import { readRequest } from './request.ts';
import { ResponseHeaders, rulesOf } from './response-headers.ts';
import { TlsFiles } from './tls.ts';

/** What of an upgrade's request is looked at; `parsed` has the rest. */
export type UpgradeRequest = Pick<IncomingMessage, 'method' | 'url' | 'headers'>;

/**
 * Takes a connection over for another protocol, such as the events WebSocket. Must answer or destroy the socket. `parsed`
 * is the same request read by the rules of all requests: canonical path, token, namespace, address.
 */
export type Upgrade = (request: UpgradeRequest, socket: Duplex, head: Buffer, parsed: Request) => void;

export interface EndpointOptions {
  readonly settings: ListenerSettings;
  readonly handler: Handler;
  readonly log: Log;
  readonly upgrade: Upgrade | undefined;
  readonly inFlight: InFlight | undefined;
}

type AnyServer = Server | Http2SecureServer;

/** One listener: its socket, its connections and what they share. */
export class Endpoint {
  readonly #settings: ListenerSettings;
  readonly #server: AnyServer;
  readonly #service: Service;
  readonly #tls: TlsFiles | undefined;
  readonly #sockets = new Set<Socket>();
  readonly #sessions = new Set<ServerHttp2Session>();
  #handshakes = 0;
  #droppedAt = Number.NEGATIVE_INFINITY;
  #unhooked = false;

  private constructor(options: EndpointOptions, tls: TlsFiles | undefined) {
    const { settings, handler, log } = options;
    const limits = limitsOf(settings);
    const rules = rulesOf(settings.headers, tls !== undefined);
    this.#settings = settings;
    this.#tls = tls;
    this.#service = {
      handler,
      log,
      inFlight: 0,
      requests: options.inFlight,
      closing: false,
      renewed: 0,
      reading: {
        limits,
        tls: tls !== undefined,
        clientCertificates: tls?.clientCertificates,
        forwardedFor: settings.forwardedFor === undefined ? undefined : new ForwardedFor(settings.forwardedFor),
        chroot: settings.chroot,
        redacted: settings.redacted,
        headers: rules,
        sent: rules === undefined ? undefined : new ResponseHeaders(rules),
        unauthenticatedMetrics: settings.unauthenticatedMetrics ?? false,
        unauthenticatedRekey: settings.unauthenticatedRekey ?? false,
        unauthenticatedGenerateRoot: settings.unauthenticatedGenerateRoot ?? false,
        unauthenticatedWorkflows: settings.unauthenticatedWorkflows ?? false,
        metrics: settings.metrics ?? 'too',
        requireRequestHeader: settings.requireRequestHeader ?? false,
        unixPath: settings.kind === 'unix' ? settings.path : undefined,
      },
    };
    this.#server = tls === undefined ? createServer(http1Options(limits)) : secureServer(limits, tls);
    this.#server.maxConnections = limits.maxConnections;
    this.#serve(options.upgrade);
    this.#track(limits);
  }

  /** Reads certificates and listens. Throws `listenFailed` or `invalidConfig`, naming address or file and the remedy. */
  static async open(options: EndpointOptions): Promise<Endpoint> {
    const { settings, log } = options;
    const tls = settings.tls === undefined ? undefined : await TlsFiles.load(settings.tls, log);
    const endpoint = new Endpoint(options, tls);
    await listenOn(endpoint.#server, settings);
    tls?.watch((context) => {
      (endpoint.#server as Http2SecureServer).setSecureContext(context);
    });
    return endpoint;
  }

  get address(): string {
    const bound = this.#server.address();
    return addressOf(this.#settings, typeof bound === 'object' && bound !== null ? bound.port : 0);
  }

  /** Of TLS, since the start. */
  get handshakes(): number {
    return this.#handshakes;
  }

  /** Reads the certificates again; what does not fit together leaves the old ones in use, and is logged. */
  async reload(): Promise<void> {
    await this.#tls?.reload();
  }

  /**
   * The clients that are connected come anew, and spread over the threads that listen: on HTTP/1.1 behind their next reply, on HTTP/2
   * now, with what is in work still answered.
   */
  renew(): void {
    if (this.#settings.kind === 'unix') return;
    this.#service.renewed = newestExchange();
    for (const session of this.#sessions) session.close();
  }

  /** Accepts no more, lets what is in work end, and after `grace` milliseconds cuts what is left. */
  async close(grace: number): Promise<void> {
    this.#service.closing = true;
    this.#tls?.close();
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => {
        resolve();
      });
    });
    for (const session of this.#sessions) session.close();
    const timer = setTimeout(() => {
      for (const session of this.#sessions) session.destroy();
      for (const socket of this.#sockets) socket.destroy();
    }, grace);
    await closed;
    clearTimeout(timer);
  }

  #serve(upgrade: Upgrade | undefined): void {
    const server = this.#server as Server;
    const service = this.#service;
    const { headers: rules } = service.reading;
    const answer =
      (expectsContinue: boolean): RequestListener =>
      (incoming, outgoing) => {
        const method = methodOf(incoming);
        new Exchange(service, incoming, outgoing).start(method, expectsContinue);
      };
    server.on('request', answer(false));
    server.on('checkContinue', answer(true));
    server.on('checkExpectation', (_request, response: ServerResponse) => {
      refuseExpectation(response, service.reading);
    });
    server.on('connect', (_request, socket) => {
      if (!endsBehindReply(socket)) respondRaw(socket, { status: 405 }, rules);
    });
    server.on('clientError', (error, socket) => {
      rejectClient(error, socket, rules);
    });
    // Clients that offer h2c, as Java's does, ask for an upgrade that nobody must grant (RFC 9110 7.8).
    Reflect.set(server, 'shouldUpgradeCallback', (request: IncomingMessage) => {
      const wanted = request.method === 'GET' && request.headers.upgrade?.toLowerCase() === 'websocket';
      return upgrade !== undefined && wanted;
    });
    if (upgrade === undefined) return;
    server.on('upgrade', (request, socket, head) => {
      // What comes before it has the connection until it is answered.
      if (endsBehindReply(socket)) return;
      try {
        if (service.closing) throw fail('shuttingDown');
        upgrade(
          request,
          socket,
          head,
          readRequest(request, 'GET', service.reading, () => departureOf(socket)),
        );
      } catch (error) {
        respondRaw(socket, isLockstepError(error) ? error : fail('internal'), rules);
      }
    });
  }

  #hook(socket: Socket): void {
    if (this.#unhooked || hookMethods(this.#server, socket)) return;
    this.#unhooked = true;
    this.#service.log.error(
      'this Node has another HTTP parser: LIST and SCAN over HTTP/1.1 are refused, use ?list=true',
    );
  }

  #track(limits: Limits): void {
    const server = this.#server;
    server.on('connection', (socket: Socket) => {
      if (this.#tls !== undefined) this.#handshakes += 1;
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      if (this.#tls === undefined) this.#hook(socket);
    });
    server.on('secureConnection', (socket: TLSSocket) => {
      // The handshake was the answer.
      if (socket.alpnProtocol === ACME_TLS) socket.destroy();
      else if (socket.alpnProtocol !== 'h2') this.#hook(socket);
    });
    server.on('drop', () => {
      const now = Date.now();
      if (now - this.#droppedAt < dropNotice) return;
      this.#droppedAt = now;
      this.#service.log.warn('connections are refused: the listener has as many as it may', {
        address: this.address,
        limit: limits.maxConnections,
      });
    });
    (server as Http2SecureServer).on('session', (session: ServerHttp2Session) => {
      this.#sessions.add(session);
      session.once('close', () => this.#sessions.delete(session));
      session.setTimeout(limits.idleTimeout, () => {
        session.close();
      });
    });
  }
}

/** Milliseconds between two complaints about refused connections. */
const dropNotice = 60_000;

function departureOf(socket: Duplex): Departure {
  const departure = new Departure();
  const closed = (): void => {
    departure.happened(new Gone('the client closed the connection'));
  };
  if (socket.destroyed) closed();
  else socket.once('close', closed);
  return departure;
}

function http1Options(limits: Limits): Parameters<typeof createServer>[0] & object {
  const { headerTimeout, readTimeout } = limits;
  return {
    maxHeaderSize: limits.maxHeaderBytes,
    headersTimeout: headerTimeout,
    // Node refuses one that is shorter than the time for the headers.
    requestTimeout: readTimeout === 0 ? 0 : Math.max(readTimeout, headerTimeout),
    keepAliveTimeout: limits.idleTimeout,
    // How late a slow client is noticed.
    connectionsCheckingInterval: headerTimeout === 0 ? 1_000 : Math.min(1_000, Math.ceil(headerTimeout / 2)),
    noDelay: true,
    // What has no body is no stream then: a third of what Node itself takes for a GET.
    optimizeEmptyRequests: true,
    // Told by us, in Vault's error format.
    requireHostHeader: false,
  };
}

function secureServer(limits: Limits, tls: TlsFiles): Http2SecureServer {
  return createSecureServer({
    ...http1Options(limits),
    ...tls.options,
    ...(tls.challenges === undefined ? {} : { ALPNCallback: challengeAnswer(tls.challenges) }),
    allowHTTP1: true,
    // Zero would end every handshake at once.
    handshakeTimeout: limits.headerTimeout === 0 ? 120_000 : limits.headerTimeout,
    settings: { maxConcurrentStreams: 128, maxHeaderListSize: limits.maxHeaderBytes, enablePush: false },
  });
}
