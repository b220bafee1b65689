/** The events WebSocket: sockets around `core/events/`, no decisions on who is told what. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type RawData, type WebSocket } from 'ws';
import { admit } from '../core/events/admission.ts';
import { MAX_CLIENT_FRAME, PROTOCOL, type ClosingReason } from '../core/events/frames.ts';
import { textOf } from '../core/events/patterns.ts';
import type { Carrier } from '../core/events/subscription.ts';
import type { Placed } from '../core/namespaces/namespace-table.ts';
import type { Node } from '../core/node.ts';
import type { Services } from '../core/services.ts';
import { fail, isLockstepError } from '../errors.ts';
import type { HeaderRules, Request } from '../framework/request.ts';
import type { Upgrade, UpgradeRequest } from './endpoint.ts';
import { respondRaw } from './raw-reply.ts';
import { headersFor } from './response-headers.ts';
import { readAsked, ROOT, type Asked } from './subscribe-request.ts';

export interface EventsEndpoint {
  readonly upgrade: Upgrade;
  /** Ends all streams: call it before the listeners close. */
  readonly close: (reason: ClosingReason) => void;
}

export interface EventsOptions {
  readonly node: Pick<Node, 'services' | 'sealed'>;
  /** Milliseconds between pings; who does not answer one until the next is gone. */
  readonly pingEvery?: number;
}

/** Milliseconds for which a subscriber may take its last frames. */
const LINGER = 2_000;

interface Asking {
  readonly request: UpgradeRequest;
  readonly socket: Duplex;
  readonly head: Buffer;
  readonly parsed: Request;
}

export function eventsEndpoint({ node, pingEvery = 15_000 }: EventsOptions): EventsEndpoint {
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: true,
    maxPayload: MAX_CLIENT_FRAME,
    perMessageDeflate: false,
    handleProtocols: (offered) => (offered.has(PROTOCOL) ? PROTOCOL : false),
  });
  const rules = new WeakMap<UpgradeRequest, HeaderRules | undefined>();
  server.on('headers', (headers, request) => {
    const sent = Object.entries(headersFor(rules.get(request), 101));
    headers.push(...sent.map(([name, value]) => `${name}: ${value}`));
  });
  let ended = false;
  const pings = new KeepAlive(pingEvery);
  return {
    upgrade: (request, socket, head, parsed) => {
      // Between here and the WebSocket nobody else listens for the end of the connection.
      const dropped = (): void => void socket.destroy();
      socket.on('error', dropped);
      rules.set(request, parsed.listener.headers);
      answer({ node, server, pings }, { request, socket, head, parsed })
        .catch((error: unknown) => {
          respondRaw(socket, isLockstepError(error) ? error : fail('internal'), parsed.listener.headers);
        })
        .finally(() => {
          socket.removeListener('error', dropped);
        });
    },
    close: (reason) => {
      if (ended) return;
      ended = true;
      pings[Symbol.dispose]();
      if (!node.sealed) node.services.subscriptions.close(reason);
      for (const each of server.clients) each.close(1001, reason);
    },
  };
}

interface Serving {
  readonly node: EventsOptions['node'];
  readonly server: WebSocketServer;
  readonly pings: KeepAlive;
}

function placeOf({ namespaces }: Services, { namespace, path, listener }: Request): Placed {
  return namespaces.place(namespace, path, listener.chroot !== undefined);
}

async function answer({ node, server, pings }: Serving, asking: Asking): Promise<void> {
  const { request, socket, head } = asking;
  const { services } = node;
  const { namespace, path } = placeOf(services, asking.parsed);
  const parsed: Request = { ...asking.parsed, path };
  if (!parsed.path.startsWith(ROOT)) throw fail('unsupportedPath');
  // A browser would send what its user's cookies or proxies allow from any site: none has business here.
  if (parsed.headers['origin'] !== undefined) throw fail('permissionDenied', 'browsers are not served here');
  const asked = readAsked(parsed, request.url ?? '', namespace);
  const { wants, index } = asked;
  const { outcome, token } = await admit(services, recorded(parsed, asked), wants, (found) => {
    if (asked.consumer !== undefined) services.consumers.check({ id: asked.consumer.id, namespace }, found);
  });
  if (token === undefined) {
    const { status, errors } = outcome;
    respondRaw(socket, { status, message: errors?.join('; ') }, parsed.listener.headers);
    return;
  }
  const consumer =
    asked.consumer === undefined
      ? undefined
      : await services.consumers.connect({
          ...asked.consumer,
          ...{ token, namespace, paths: wants.patterns.map(textOf), address: parsed.address },
        });
  if (socket.destroyed) {
    consumer?.ended();
    return;
  }
  // `ws` looks at nothing else of the request.
  server.handleUpgrade(request as IncomingMessage, socket, head, (websocket) => {
    const opened = services.subscriptions.open({ wants, token, index, consumer }, carrierOf(websocket, socket));
    listen(websocket, opened);
    pings.add(websocket);
    consumer?.attach(opened.end);
  });
}

/** The request as the audit log has it: with all paths, where the query's last one would stand alone. */
function recorded(head: Request, { wants, consumer }: Asked): Request {
  const path = wants.patterns.map((pattern) => textOf(pattern).slice(wants.namespace.path.length));
  const body =
    wants.dialect === 'vault' ? undefined : { path, ...(consumer === undefined ? {} : { consumer: consumer.id }) };
  return { ...head, body };
}

interface Receiver {
  readonly received: (text: string) => void;
  readonly invalid: () => void;
  readonly closed: () => void;
}

function listen(websocket: WebSocket, { received, invalid, closed }: Receiver): void {
  websocket.on('message', (data: RawData, isBinary: boolean) => {
    if (isBinary || !Buffer.isBuffer(data)) invalid();
    else received(data.toString('utf8'));
  });
  // What is too long or malformed by RFC 6455: `ws` closes the connection itself.
  websocket.on('error', () => undefined);
  websocket.once('close', closed);
}

function carrierOf(websocket: WebSocket, socket: Duplex): Carrier {
  const waiting: (() => void)[] = [];
  const written = (): void => {
    if (waiting.length === 0 || websocket.bufferedAmount > 0) return;
    for (const call of waiting.splice(0)) setImmediate(call);
  };
  return {
    send: (text) => {
      websocket.send(text, written);
    },
    hold: () => {
      socket.cork();
    },
    release: () => {
      socket.uncork();
    },
    buffered: () => websocket.bufferedAmount,
    whenDrained: (call) => {
      waiting.push(call);
      if (websocket.bufferedAmount === 0) written();
    },
    close: (code, reason) => {
      websocket.close(code, reason);
      setTimeout(() => {
        websocket.terminate();
      }, LINGER).unref();
    },
  };
}

/** Who is pinged at one time: of many, all at once would hold up everybody else. */
const TURNS = 32;

/**
 * A connection that is cut off in the network says nothing: one that does not answer a ping is ended. Each is pinged once
 * in `every` milliseconds, by turns.
 */
class KeepAlive implements Disposable {
  readonly #turns = Array.from({ length: TURNS }, () => new Set<WebSocket>());
  readonly #silent = new WeakSet<WebSocket>();
  readonly #timer: NodeJS.Timeout;
  #added = 0;
  #turn = 0;

  constructor(every: number) {
    this.#timer = setInterval(() => {
      this.#ping();
    }, every / TURNS).unref();
  }

  add(websocket: WebSocket): void {
    const turn = this.#turns[this.#added % TURNS];
    this.#added += 1;
    turn?.add(websocket);
    websocket.once('close', () => turn?.delete(websocket));
  }

  #ping(): void {
    this.#turn = (this.#turn + 1) % TURNS;
    for (const each of this.#turns[this.#turn] ?? []) {
      if (this.#silent.has(each)) {
        each.terminate();
        continue;
      }
      this.#silent.add(each);
      each.once('pong', () => this.#silent.delete(each));
      each.ping();
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
