/** A region's connection to the hub's cluster listener: enrolment with a join token, then all else by certificate. */
import { once } from 'node:events';
import { connect, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { formatAddress, type Address } from '../config/address.ts';
import { fail } from '../errors.ts';
import { HUB_NAME } from './authority.ts';
import type { JoinToken } from './join-token.ts';

/** What a region proves itself with. PEM texts. */
export interface Identity {
  readonly region: string;
  readonly key: string;
  readonly certificate: string;
  readonly authority: string;
  /** When the certificate ends, milliseconds since the epoch. */
  readonly notAfter: number;
}

const CONNECT_TIMEOUT_MS = 10_000;
/**
 * Bytes that the hub may have on their way at once, over what HTTP/2 starts with (64 KiB: 0.8 MB/s at 80 ms). The
 * stream's own window, which counts what is durable here, is the one that is to hold the hub back.
 */
const RECEIVE_WINDOW = 8_388_608;
const MAX_ANSWER = 33_554_432;

const library = () => import('../lib/crypto/certificates.ts');

/** TLS to the hub, its certificate checked against the authority that the region knows. */
function secured(hub: Address, identity: Identity): TLSSocket {
  return connectTls({
    ...{ host: hub.host, port: hub.port, servername: HUB_NAME, ALPNProtocols: ['h2'], minVersion: 'TLSv1.3' },
    ...{ key: identity.key, cert: identity.certificate, ca: identity.authority },
  });
}

/**
 * TLS to a hub of which only the authority's pin is known: the chain it shows must end in that very certificate, which
 * must have issued the hub's.
 */
async function pinned(hub: Address, pin: string): Promise<{ readonly socket: TLSSocket; readonly authority: string }> {
  const socket = connectTls({
    ...{ host: hub.host, port: hub.port, servername: HUB_NAME, ALPNProtocols: ['h2'], minVersion: 'TLSv1.3' },
    // Nothing is sent before the check below.
    rejectUnauthorized: false,
  });
  await once(socket, 'secureConnect', { signal: AbortSignal.timeout(CONNECT_TIMEOUT_MS) });
  const { authorityOfPinned } = await library();
  const shown = socket.getPeerCertificate(true);
  const authority = authorityOfPinned({ leaf: shown.raw, root: shown.issuerCertificate.raw, pin, name: HUB_NAME });
  if (authority === undefined) {
    socket.destroy();
    throw fail('permissionDenied', `the server at ${formatAddress(hub)} is not the hub that the join token is for`);
  }
  return { socket, authority };
}

async function sessionOver(socket: TLSSocket, hub: Address): Promise<ClientHttp2Session> {
  const session = connect(`https://${formatAddress(hub)}`, {
    createConnection: () => socket,
    settings: { initialWindowSize: RECEIVE_WINDOW },
  });
  session.on('error', () => undefined);
  try {
    await once(session, 'connect', { signal: AbortSignal.timeout(CONNECT_TIMEOUT_MS) });
    session.setLocalWindowSize(RECEIVE_WINDOW);
  } catch (error) {
    session.destroy();
    throw fail('hubUnreachable', `the hub at ${formatAddress(hub)} cannot be reached`, { cause: error });
  }
  return session;
}

/** The answer's JSON. Throws `hubRefused` with the hub's reason, `hubUnreachable` when the connection ends first. */
async function post(
  session: ClientHttp2Session,
  path: string,
  body: string | Uint8Array,
  signal?: AbortSignal,
): Promise<unknown> {
  const stream = session.request(
    { ':method': 'POST', ':path': path, 'content-type': 'application/json' },
    signal === undefined ? {} : { signal },
  );
  const responded = once(stream, 'response');
  stream.end(body);
  try {
    const [headers] = (await responded) as [Record<string, unknown>];
    const parts: Buffer[] = [];
    let size = 0;
    for await (const part of stream as AsyncIterable<Buffer>) {
      size += part.length;
      if (size > MAX_ANSWER) throw fail('hubUnreachable', 'the hub’s answer is too large');
      parts.push(part);
    }
    const answer: unknown = JSON.parse(Buffer.concat(parts).toString('utf8'));
    if (headers[':status'] === 200) return answer;
    const reasons = ((answer as { errors?: readonly string[] }).errors ?? []).join('; ');
    // A refusal says that nothing was done; a failure of the hub's own leaves it open.
    if (Number(headers[':status']) >= 500) throw fail('hubUnreachable', `the hub failed: ${reasons}`);
    throw fail('hubRefused', `the hub refused: ${reasons}`);
  } catch (error) {
    if (error instanceof Error && error.name === 'LockstepError') throw error;
    throw fail('hubUnreachable', undefined, { cause: error });
  } finally {
    stream.destroy();
  }
}

interface Issued {
  readonly certificate: string;
  readonly notAfter: number;
}

/** A hub is trusted, and yet no answer of one may break a region. Throws `hubUnreachable`. */
function issued(answer: unknown): Issued {
  const { certificate, notAfter } = (answer ?? {}) as Partial<Record<string, unknown>>;
  if (typeof certificate !== 'string' || typeof notAfter !== 'number') {
    throw fail('hubUnreachable', 'the hub answered with something else than a certificate');
  }
  return { certificate, notAfter };
}

/** Joins: makes a key, proves the token, takes the certificate. May be repeated with the same key. */
export async function enrol(hub: Address, token: JoinToken, key: string): Promise<Identity> {
  const { createRequest } = await library();
  const { socket, authority } = await pinned(hub, token.pin);
  const session = await sessionOver(socket, hub);
  try {
    const request = await createRequest(key, token.region);
    const body = JSON.stringify({ region: token.region, secret: token.secret, request });
    const { certificate, notAfter } = issued(await post(session, '/enrol', body));
    return { region: token.region, key, certificate, authority, notAfter };
  } finally {
    session.destroy();
  }
}

/** An open connection of an enrolled region. */
export class HubConnection implements Disposable {
  readonly session: ClientHttp2Session;
  readonly #identity: Identity;

  private constructor(session: ClientHttp2Session, identity: Identity) {
    this.session = session;
    this.#identity = identity;
  }

  static async open(hub: Address, identity: Identity): Promise<HubConnection> {
    const socket = secured(hub, identity);
    socket.on('error', () => undefined);
    return new HubConnection(await sessionOver(socket, hub), identity);
  }

  [Symbol.dispose](): void {
    this.session.destroy();
  }

  /** The bidirectional stream of frames. */
  stream(): ClientHttp2Stream {
    return this.session.request({ ':method': 'POST', ':path': '/stream' }, { endStream: false });
  }

  forward(body: string, signal: AbortSignal): Promise<unknown> {
    return post(this.session, '/forward', body, signal);
  }

  /** A new certificate for a new key. */
  async renew(): Promise<Identity> {
    const { createRequest, newPrivateKey } = await library();
    const key = newPrivateKey();
    const request = await createRequest(key, this.#identity.region);
    const answer = issued(await post(this.session, '/renew', JSON.stringify({ request })));
    return { ...this.#identity, key, certificate: answer.certificate, notAfter: answer.notAfter };
  }
}
