/**
 * The hub's listener for its regions: HTTP/2 over TLS 1.3. Enrolment is open to who has a join token; all else takes a
 * certificate that the registry knows today. Nobody else trusts this authority, and this listener trusts no other.
 */
import { once } from 'node:events';
import { createSecureServer, type Http2SecureServer, type Http2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Address } from '../config/address.ts';
import { fail, isLockstepError } from '../errors.ts';
import { failpoint } from '../lib/failpoint.ts';
import type { Logger } from '../lib/log.ts';
import type { ClusterAuthority } from './authority.ts';
import type { RegionRecord, RegionRegistry } from './registry.ts';

export interface Peer {
  readonly region: RegionRecord;
  readonly address: string;
  readonly session: Http2Session;
}

/** What a region did that a true one does not: goes into the hub's audit. */
export type Alarm = (event: {
  readonly region: string;
  readonly address: string;
  readonly what: string;
  readonly detail: string;
}) => void;

export interface ClusterHandlers {
  /** The bidirectional stream of frames. */
  readonly stream: (peer: Peer, stream: ServerHttp2Stream) => void;
  /** One forwarded request, as the region sent it; gives the answer's JSON. */
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
const ENROL_TIMEOUT_MS = 10_000;
const MAX_SESSIONS = 4_096;
/** The certificate is replaced long before it ends. */
const RENEW_MS = 86_400_000;

export class ClusterServer implements AsyncDisposable {
  readonly #options: ClusterServerOptions;
  readonly #server: Http2SecureServer;
  readonly #sockets = new Set<Socket>();
  readonly #sessions = new Map<Http2Session, string>();
  readonly #renewal: NodeJS.Timeout;

  private constructor(options: ClusterServerOptions, server: Http2SecureServer) {
    this.#options = options;
    this.#server = server;
    this.#renewal = setInterval(() => void this.#renew(), RENEW_MS).unref();
    server.on('connection', (socket: Socket) => {
      if (this.#sockets.size >= MAX_SESSIONS) {
        socket.destroy();
        return;
      }
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    server.on('sessionError', () => undefined);
    server.on('tlsClientError', () => undefined);
    server.on('stream', (stream, headers) => {
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
      handshakeTimeout: ENROL_TIMEOUT_MS,
      settings: { maxConcurrentStreams: 256, initialWindowSize: 1_048_576 },
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

  /** Ends every connection of a region: it was removed, or its certificate is no longer good. */
  disconnect(region: string): void {
    for (const [session, name] of this.#sessions) if (name === region) session.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#renewal);
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const session of this.#sessions.keys()) session.destroy();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async #renew(): Promise<void> {
    const { certificate, key } = await this.#options.authority.server();
    this.#server.setSecureContext({ key, cert: certificate + this.#options.authority.certificate });
  }

  async #serve(stream: ServerHttp2Stream, method: string, path: string): Promise<void> {
    if (method !== 'POST') throw fail('unsupportedOperation');
    if (path === '/enrol') {
      this.#answer(stream, await this.#enrol(stream));
      return;
    }
    const peer = this.#identify(stream);
    if (path === '/stream') {
      stream.respond({ ':status': 200, 'content-type': 'application/octet-stream' });
      this.#options.stream(peer, stream);
    } else if (path === '/forward') {
      this.#answer(stream, await this.#options.forward(peer, await readBody(stream, MAX_BODY)));
    } else if (path === '/renew') {
      this.#answer(stream, await this.#renewRegion(peer, stream));
    } else {
      throw fail('noHandler');
    }
  }

  /** By the certificate alone; nothing that a region says of itself counts. */
  #identify(stream: ServerHttp2Stream): Peer {
    const { session } = stream;
    const socket = session?.socket as TLSSocket | undefined;
    if (session === undefined || socket?.authorized !== true) throw fail('permissionDenied', 'a certificate is needed');
    const certificate = socket.getPeerCertificate();
    const name = String(certificate.subject.CN);
    const fingerprint = certificate.fingerprint256.replaceAll(':', '').toLowerCase();
    const address = socket.remoteAddress ?? '';
    const found = this.#options.registry.identify(name, fingerprint);
    if (typeof found === 'string') {
      this.#options.alarm({ region: name, address, what: 'identity', detail: found });
      throw fail('permissionDenied', `this region may not connect: ${found}`);
    }
    if (!this.#sessions.has(session)) {
      this.#sessions.set(session, name);
      session.once('close', () => this.#sessions.delete(session));
    }
    return { region: found, address, session };
  }

  async #enrol(stream: ServerHttp2Stream): Promise<unknown> {
    const { authority, registry, alarm } = this.#options;
    const given = parse(await readBody(stream, MAX_ENROL_BODY));
    const [region, secret, request] = [given['region'], given['secret'], given['request']];
    if (typeof region !== 'string' || typeof secret !== 'string' || typeof request !== 'string')
      throw fail('badRequest');
    const address = stream.session?.socket.remoteAddress ?? '';
    const { publicKeyOfRequest } = await import('../lib/crypto/certificates.ts');
    const publicKey = await publicKeyOfRequest(request);
    if (publicKey === undefined) throw fail('badRequest', 'the signing request is not valid');
    try {
      const { certificate, notAfter } = await registry.enrol(authority, { region, secret, publicKey });
      failpoint('hub.after-enrolment');
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
    const request = parse(await readBody(stream, MAX_ENROL_BODY))['request'];
    const { publicKeyOfRequest } = await import('../lib/crypto/certificates.ts');
    const publicKey = typeof request === 'string' ? await publicKeyOfRequest(request) : undefined;
    if (publicKey === undefined) throw fail('badRequest', 'the signing request is not valid');
    const { certificate, notAfter } = await registry.renew(authority, peer.region.name, publicKey);
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
      this.#options.log.error('a region’s request failed', {
        error: error instanceof Error ? error.message : 'unknown',
      });
    }
    if (stream.destroyed || stream.headersSent) {
      stream.destroy();
      return;
    }
    stream.respond({ ':status': known.status, 'content-type': 'application/json' });
    stream.end(JSON.stringify({ errors: [known.message] }));
  }
}

function parse(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Below.
  }
  throw fail('malformedBody');
}

async function readBody(stream: ServerHttp2Stream, limit: number): Promise<Uint8Array> {
  const parts: Buffer[] = [];
  let size = 0;
  stream.setTimeout(ENROL_TIMEOUT_MS, () => stream.close());
  for await (const part of stream as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > limit) throw fail('bodyTooLarge');
    parts.push(part);
  }
  stream.setTimeout(0);
  return Buffer.concat(parts);
}
