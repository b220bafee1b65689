/**
 * The hub's listener for its regions: HTTP/2 over TLS 1.3. Enrolment is open to who has a join token; all else takes a
 * certificate that the registry knows today. Nobody else trusts this authority, and this listener trusts no other.
 */
import { once } from 'node:events';
import {
  constants,
  createSecureServer,
  type Http2SecureServer,
  type Http2Session,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Address } from '../config/address.ts';
import { fail, isLockstepError, type ErrorCode, type LockstepError } from '../errors.ts';
import { failpoint } from '../lib/failpoint.ts';
import type { JsonObject } from '../framework/field.ts';
import type { Logger } from '../lib/log.ts';
import { parseJsonObject } from '../server/json.ts';
import { defaultLimits } from '../server/listener.ts';
import { Shares, Strangers } from './admission.ts';
import type { Alarm } from './alarms.ts';
import type { ClusterAuthority } from './authority.ts';
import type { RegionRecord, RegionRegistry } from './registry.ts';

export interface Peer {
  readonly region: RegionRecord;
  /** Of its certificate. */
  readonly fingerprint: string;
  readonly address: string;
  readonly session: Http2Session;
}

export interface ClusterHandlers {
  /** The bidirectional stream of frames. */
  readonly stream: (peer: Peer, stream: ServerHttp2Stream) => void;
  /** One forwarded request, as the region sent it; gives the answer's JSON. `peer` is what holds once it was read. */
  readonly forward: (peer: Peer, body: Uint8Array) => Promise<unknown>;
  readonly alarm: Alarm;
}

export interface ClusterServerOptions extends ClusterHandlers {
  readonly listen: Address;
  readonly authority: ClusterAuthority;
  readonly registry: RegionRegistry;
  readonly log: Logger;
}

const MAX_BODY = 33_554_432;
const MAX_ENROL_BODY = 16_384;
const HANDSHAKE_MS = 10_000;
/** From the first byte of a request to the last of its body. */
const BODY_MS = 30_000;
const MAX_SOCKETS = 4_096;
const LINGER_MS = 2_000;
/** How often it is looked whether those who are connected still may be. */
const CHECK_MS = 30_000;
/** The certificate is replaced long before it ends. */
const RENEW_MS = 86_400_000;

export class ClusterServer implements AsyncDisposable {
  readonly #options: ClusterServerOptions;
  readonly #server: Http2SecureServer;
  readonly #sockets = new Set<Socket>();
  readonly #strangers = new Strangers();
  readonly #shares = new Shares();
  readonly #timers: readonly NodeJS.Timeout[];

  private constructor(options: ClusterServerOptions, server: Http2SecureServer) {
    this.#options = options;
    this.#server = server;
    this.#timers = [
      setInterval(() => void this.#renew(), RENEW_MS).unref(),
      setInterval(() => {
        this.#checkSessions();
      }, CHECK_MS).unref(),
    ];
    server.on('connection', (socket: Socket) => {
      if (this.#sockets.size >= MAX_SOCKETS || !this.#strangers.admit(socket)) {
        socket.destroy();
        return;
      }
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    server.on('sessionError', () => undefined);
    server.on('tlsClientError', () => undefined);
    server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
      stream.on('error', () => undefined);
      this.#serve(stream, String(headers[':method']), String(headers[':path'])).catch((error: unknown) => {
        this.#refuse(stream, error);
      });
    });
  }

  static async open(options: ClusterServerOptions): Promise<ClusterServer> {
    const { authority, listen } = options;
    const { certificate, key } = await authority.server();
    const server = createSecureServer({
      key,
      cert: certificate + authority.certificate,
      ca: authority.certificate,
      requestCert: true,
      // Enrolment has no certificate yet: each route checks for itself.
      rejectUnauthorized: false,
      minVersion: 'TLSv1.3',
      allowHTTP1: false,
      handshakeTimeout: HANDSHAKE_MS,
      maxHeaderListPairs: 32,
      maxSettings: 16,
      maxSessionMemory: 16,
      // What a peer may cancel at once, and a second: true regions cancel a request when its time is over.
      streamResetBurst: 256,
      streamResetRate: 32,
      settings: { maxConcurrentStreams: 256, initialWindowSize: 262_144, maxHeaderListSize: 16_384 },
    });
    const opened = new ClusterServer(options, server);
    server.listen(listen.port, listen.host === '' ? undefined : listen.host);
    await once(server, 'listening');
    options.log.info('listening for regions', { address: opened.address });
    return opened;
  }

  /** `host:port`. */
  get address(): string {
    const { address, port, family } = this.#server.address() as AddressInfo;
    return `${family === 'IPv6' ? `[${address}]` : address}:${String(port)}`;
  }

  /** Ends the connections of a region: all, or those under another certificate than the one that holds now. */
  disconnect(region: string, except?: string): void {
    for (const [session, shown] of this.#shares.sessions()) {
      if (shown.region === region && shown.fingerprint !== except) session.destroy();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const [session] of this.#shares.sessions()) session.destroy();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async #renew(): Promise<void> {
    const { authority, log } = this.#options;
    try {
      const { certificate, key } = await authority.server();
      this.#server.setSecureContext({ key, cert: certificate + authority.certificate });
    } catch (error) {
      log.error('the cluster listener keeps its certificate', { reason: messageOf(error) });
    }
  }

  /** A certificate is looked at when it is shown; this ends what was opened under one that is no longer good. */
  #checkSessions(): void {
    for (const [session, { region, fingerprint }] of this.#shares.sessions()) {
      if (typeof this.#options.registry.identify(region, fingerprint) === 'string') session.destroy();
    }
  }

  async #serve(stream: ServerHttp2Stream, method: string, path: string): Promise<void> {
    if (path === '/enrol' && method === 'POST') {
      this.#answer(stream, await this.#enrol(stream));
      return;
    }
    const peer = await this.#adopted(this.#identify(stream));
    if (stream.destroyed) return;
    if (path === '/stream' && method === 'POST') this.#openStream(peer, stream);
    else if (path === '/forward' && method === 'POST') this.#answer(stream, await this.#forward(peer, stream));
    else if (path === '/renew' && method === 'POST') this.#answer(stream, await this.#renewRegion(peer, stream));
    else throw fail('noHandler', 'the cluster listener serves regions alone');
  }

  #openStream(peer: Peer, stream: ServerHttp2Stream): void {
    this.#shares.openStream(peer.region.name);
    stream.respond({ ':status': 200, 'content-type': 'application/octet-stream' });
    this.#options.stream(peer, stream);
  }

  #forward(peer: Peer, stream: ServerHttp2Stream): Promise<unknown> {
    return this.#shares.request(peer.region.name, async (spend) => {
      const body = await readBody(stream, MAX_BODY, spend);
      // The rules of now count: a body that comes slowly must not keep those of when it began.
      return this.#options.forward(this.#identify(stream), body);
    });
  }

  /** By the certificate alone; nothing that a region says of itself counts. */
  #identify(stream: ServerHttp2Stream): Peer {
    const { session } = stream;
    const socket = session?.socket as TLSSocket | undefined;
    const address = socket?.remoteAddress ?? '';
    if (session === undefined || socket?.authorized !== true) {
      this.#options.alarm({ region: '', address, what: 'noCertificate', detail: 'a request without a certificate' });
      throw fail('permissionDenied', 'a certificate is needed');
    }
    const certificate = socket.getPeerCertificate();
    const name = String(certificate.subject.CN);
    const fingerprint = certificate.fingerprint256.replaceAll(':', '').toLowerCase();
    const found = this.#options.registry.identify(name, fingerprint);
    if (typeof found === 'string') {
      this.#options.alarm({ region: name, address, what: 'identity', detail: found });
      throw fail('permissionDenied', `this region may not connect: ${found}`);
    }
    this.#strangers.known(socket);
    this.#shares.connected(session, { region: name, fingerprint });
    return { region: found, fingerprint, address, session };
  }

  /** Who shows a renewed certificate has it in place: the old one is over, and what was opened under it. */
  async #adopted(peer: Peer): Promise<Peer> {
    const { name } = peer.region;
    if (await this.#options.registry.adopt(name, peer.fingerprint)) this.disconnect(name, peer.fingerprint);
    return peer;
  }

  async #enrol(stream: ServerHttp2Stream): Promise<unknown> {
    const { authority, registry, alarm } = this.#options;
    const given = parse(await readBody(stream, MAX_ENROL_BODY));
    const [region, secret, request] = [given['region'], given['secret'], given['request']];
    if (typeof region !== 'string' || typeof secret !== 'string' || typeof request !== 'string')
      throw fail('badRequest');
    const address = stream.session?.socket.remoteAddress ?? '';
    try {
      // Before the request is looked at: a stranger gets no work for nothing.
      registry.checkJoin(region, secret);
      const publicKey = await publicKeyIn(request);
      const { certificate, notAfter, fingerprint } = await registry.enrol(authority, { region, secret, publicKey });
      failpoint('hub.after-enrolment');
      this.disconnect(region, fingerprint);
      return { certificate, authority: authority.certificate, notAfter };
    } catch (error) {
      if (isLockstepError(error, 'permissionDenied')) {
        alarm({ region: region.slice(0, 64), address, what: 'enrolment', detail: 'join token refused' });
      }
      throw error;
    }
  }

  async #renewRegion(peer: Peer, stream: ServerHttp2Stream): Promise<unknown> {
    const { authority, registry } = this.#options;
    const { name } = peer.region;
    const publicKey = await publicKeyIn(parse(await readBody(stream, MAX_ENROL_BODY))['request']);
    this.#identify(stream);
    const { certificate, notAfter } = await registry.renew(authority, name, publicKey);
    return { certificate, authority: authority.certificate, notAfter };
  }

  #answer(stream: ServerHttp2Stream, body: unknown): void {
    if (stream.destroyed) return;
    stream.respond({ ':status': 200, 'content-type': 'application/json' });
    stream.end(JSON.stringify(body));
  }

  #refuse(stream: ServerHttp2Stream, error: unknown): void {
    const known = isLockstepError(error) ? error : fail('internal');
    if (!isLockstepError(error)) {
      this.#options.log.error('a region’s request failed', { error: messageOf(error) });
    }
    this.#alarmOf(stream, known);
    if (stream.destroyed || stream.headersSent) {
      stream.destroy();
      return;
    }
    stream.respond({ ':status': known.status, 'content-type': 'application/json' });
    stream.end(JSON.stringify({ errors: [known.message] }));
    if (stream.readableEnded) return;
    // What is left of the body is not kept, and soon not waited for. A reset at once could overtake the answer.
    stream.resume();
    const gone = setTimeout(() => {
      stream.close(constants.NGHTTP2_NO_ERROR);
    }, LINGER_MS).unref();
    stream.once('close', () => {
      clearTimeout(gone);
    });
  }

  /** A true region sends nothing that is refused like this. What is refused by name is on record already. */
  #alarmOf(stream: ServerHttp2Stream, { code, message }: LockstepError): void {
    const what = ALARMING[code];
    const shown = stream.session === undefined ? undefined : this.#shares.shown(stream.session);
    if (what === undefined || shown === undefined) return;
    const address = stream.session?.socket.remoteAddress ?? '';
    this.#options.alarm({ region: shown.region, address, what, detail: message });
  }
}

const ALARMING: Partial<Record<ErrorCode, string>> = {
  badRequest: 'malformedRequest',
  malformedBody: 'malformedRequest',
  bodyTooLarge: 'flood',
  tooManyRequests: 'flood',
  requestTimeout: 'slowRequest',
  noHandler: 'unknownRoute',
};

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : 'unknown');

const parse = (bytes: Uint8Array): JsonObject => parseJsonObject(bytes, defaultLimits);

async function publicKeyIn(request: unknown): Promise<Uint8Array> {
  const { publicKeyOfRequest } = await import('../lib/crypto/certificates.ts');
  const publicKey = typeof request === 'string' ? await publicKeyOfRequest(request) : undefined;
  if (publicKey === undefined) throw fail('badRequest', 'the signing request is not valid');
  return publicKey;
}

/** Throws `bodyTooLarge`, `requestTimeout`, or what `spend` throws for the bytes of a chunk. */
async function readBody(
  stream: ServerHttp2Stream,
  limit: number,
  spend: (bytes: number) => void = () => undefined,
): Promise<Uint8Array> {
  const parts: Buffer[] = [];
  let size = 0;
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    stream.close(constants.NGHTTP2_CANCEL);
  }, BODY_MS);
  try {
    for await (const part of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      size += part.length;
      if (size > limit) throw fail('bodyTooLarge');
      spend(part.length);
      parts.push(part);
    }
    if (late) throw fail('requestTimeout');
    // A body that was cut ends like a whole one.
    if (stream.aborted) throw fail('shuttingDown', 'the peer gave the request up');
    return Buffer.concat(parts);
  } catch (error) {
    throw late ? fail('requestTimeout') : error;
  } finally {
    clearTimeout(timer);
  }
}
