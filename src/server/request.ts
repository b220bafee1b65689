import type { IncomingHttpHeaders } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import { TLSSocket } from 'node:tls';
import { fail } from '../errors.ts';
import type { JsonObject } from '../framework/field.ts';
import type { Verb } from '../framework/path.ts';
import type { Request, ListenerTerms } from '../framework/request.ts';
import { uuid } from '../lib/crypto/random.ts';
import { durationSeconds } from '../lib/duration.ts';
import type { Incoming } from './body.ts';
import type { Departure } from './departure.ts';
import type { ForwardedFor } from './forwarded-for.ts';
import type { Limits } from './listener.ts';
import { belowChroot, checkSegments } from '../lib/path-segments.ts';
import type { ResponseHeaders } from './response-headers.ts';
import { canonicalPath, parseQuery } from './path.ts';

/** What of a listener bears on how its requests are read. */
export interface Reading extends ListenerTerms {
  readonly limits: Limits;
  readonly tls: boolean;
  /** Whether clients are asked for certificates, and whether there are authorities to verify them by. undefined: not asked. */
  readonly clientCertificates: 'shown' | 'verified' | undefined;
  readonly forwardedFor: ForwardedFor | undefined;
  readonly metrics: 'too' | 'only' | 'never';
  readonly requireRequestHeader: boolean;
  /** Of `headers`, by status. */
  readonly sent: ResponseHeaders | undefined;
  /** The socket's path, which stands for the address of those who connect to it. */
  readonly unixPath: string | undefined;
}

/** A checked request, whose body is put in once it has been read. */
export interface Arrival extends Request {
  body: JsonObject | undefined;
  rawBody?: Uint8Array;
  upload?: NonNullable<Request['upload']>;
  peer?: NonNullable<Request['peer']>;
  clientCertificates?: NonNullable<Request['clientCertificates']>;
}

const verbs: Readonly<Record<string, Verb>> = {
  GET: 'read',
  HEAD: 'read',
  POST: 'update',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
  LIST: 'list',
  SCAN: 'scan',
};
/** RFC 9110 15.5.6: what a 405 names. */
export const allowedMethods = 'GET, HEAD, POST, PUT, PATCH, DELETE, LIST, SCAN';
/** Load balancers ask with HEAD; everywhere else Vault answers 405. */
const headPaths = new Set(['sys/health']);
const metricsPath = 'sys/metrics';
const mergePatch = 'application/merge-patch+json';

/**
 * Everything of a request but its body. Throws the catalogue's errors; nothing that was sent is repeated in them but the
 * names of things. `departure`: of the client, asked for where somebody wants to know of it.
 */
export function readRequest(incoming: Incoming, method: string, reading: Reading, departure: () => Departure): Arrival {
  const headers = plainHeaders(incoming);
  checkHeaders(incoming, headers, reading);
  const { path, query } = splitTarget(incoming.url ?? '');
  if (reading.metrics !== 'too' && (path === metricsPath) !== (reading.metrics === 'only')) throw fail('notFound');
  const contentType = mediaType(headers['content-type']);
  // Written out, not spread: this runs for every request.
  const request: Arrival = {
    id: uuid(),
    verb: verbOf(method, path, query),
    help: isTrue(query['help'], 'help'),
    method,
    path,
    namespace: belowChroot(reading.chroot, namespaceOf(single(headers, 'x-vault-namespace'))),
    token: tokenOf(headers, reading.limits.maxTokenBytes),
    body: undefined,
    contentType: method === 'PATCH' ? requireMergePatch(contentType) : contentType,
    query,
    headers,
    address: addressOf(incoming, headers, reading),
    port: incoming.socket.remotePort ?? 0,
    wrapTtl: wrapTtlOf(single(headers, 'x-vault-wrap-ttl')),
    index: single(headers, 'x-vault-index'),
    listener: reading,
    signal: () => departure().signal,
    whenGone: (listener) => {
      departure().listen(listener);
    },
  };
  if (reading.clientCertificates !== undefined) addPeer(request, incoming, reading.clientCertificates);
  return request;
}

/** HTTP/2's pseudo headers are no headers. */
function plainHeaders(incoming: Incoming): IncomingHttpHeaders {
  if (incoming.httpVersionMajor < 2) return incoming.headers;
  return Object.fromEntries(Object.entries(incoming.headers).filter(([name]) => !name.startsWith(':')));
}

function checkHeaders(incoming: Incoming, headers: IncomingHttpHeaders, reading: Reading): void {
  if (incoming.rawHeaders.length > reading.limits.maxHeaders * 2) {
    throw fail('headersTooLarge', `the request has more than ${String(reading.limits.maxHeaders)} headers`);
  }
  // RFC 9112 3.2. HTTP/2 has `:authority`.
  if (incoming.httpVersionMajor < 2 && hosts(incoming.rawHeaders) !== 1 && incoming.httpVersion !== '1.0') {
    throw fail('badRequest', 'the request must have one Host header');
  }
  // The parser would fail only behind the head, when a request without a body has been answered (RFC 9112 6.1).
  const coding = headers['transfer-encoding'];
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') {
    throw fail('badRequest', 'the only Transfer-Encoding that is understood is chunked');
  }
  if (reading.requireRequestHeader && headers['x-vault-request'] !== 'true') {
    throw fail('missingRequestHeader');
  }
}

function hosts(rawHeaders: readonly string[]): number {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at];
    if (name?.length === 4 && name.toLowerCase() === 'host') count++;
  }
  return count;
}

function splitTarget(target: string): { path: string; query: Readonly<Record<string, string>> } {
  // Absolute form (RFC 9112 3.2.2): who the client took us for does not matter.
  const origin = target.startsWith('/') ? target : target.replace(/^https?:\/\/[^/?#]*/i, '');
  const at = origin.indexOf('?');
  const raw = at < 0 ? origin : origin.slice(0, at);
  const query = parseQuery(at < 0 ? '' : origin.slice(at + 1));
  if (raw.startsWith('/v1/')) return { path: canonicalPath(raw.slice(4)), query };
  // Where Prometheus looks unless told otherwise.
  if (raw === '/metrics') return { path: metricsPath, query: { ...query, format: 'prometheus' } };
  throw fail('notFound');
}

function verbOf(method: string, path: string, query: Readonly<Record<string, string>>): Verb {
  const verb = Object.hasOwn(verbs, method) ? verbs[method] : undefined;
  if (verb === undefined || (method === 'HEAD' && !headPaths.has(path))) throw fail('unsupportedOperation');
  if (method !== 'GET') return verb;
  if (isTrue(query['list'], 'list')) return 'list';
  return isTrue(query['scan'], 'scan') ? 'scan' : verb;
}

/** As Go's strconv.ParseBool. */
function isTrue(text: string | undefined, name: string): boolean {
  if (text === undefined || text === '') return false;
  if (/^(?:1|t|T|true|True|TRUE)$/.test(text)) return true;
  if (/^(?:0|f|F|false|False|FALSE)$/.test(text)) return false;
  throw fail('badRequest', `query parameter "${name}": expected a boolean`);
}

function single(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  const text = Array.isArray(value) ? value.join(', ') : value;
  return text === '' ? undefined : text;
}

/** Vault takes the token from either header. Two different ones are refused: readers would differ on who asks. */
function tokenOf(headers: IncomingHttpHeaders, longest: number): string | undefined {
  const token = single(headers, 'x-vault-token');
  const { authorization } = headers;
  const bearer = authorization === undefined ? undefined : /^bearer +(\S+) *$/i.exec(authorization)?.[1];
  if (token?.includes(',') === true) throw fail('badRequest', 'X-Vault-Token is given more than once');
  if (token !== undefined && bearer !== undefined && token !== bearer) {
    throw fail('badRequest', 'X-Vault-Token and Authorization name different tokens: send one of them');
  }
  const given = token ?? bearer;
  if (given !== undefined && given.length > longest) {
    throw fail('badRequest', `the token is longer than ${String(longest)} bytes`);
  }
  return given;
}

function namespaceOf(header: string | undefined): string {
  if (header === undefined) return '';
  const path = utf8(header).replace(/^\/|\/$/g, '');
  checkSegments(path, 'X-Vault-Namespace');
  return path;
}

/** Node takes the bytes of a header for ISO 8859-1; names of namespaces are UTF-8, as in paths. */
function utf8(header: string): string {
  if (!/[\u0080-\u00ff]/.test(header)) return header;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(header, 'latin1'));
  } catch {
    throw fail('badRequest', 'X-Vault-Namespace is not valid UTF-8');
  }
}

function wrapTtlOf(header: string | undefined): number {
  return header === undefined ? 0 : durationSeconds(header, 'X-Vault-Wrap-TTL');
}

function mediaType(header: string | undefined): string {
  if (header === undefined) return '';
  return header.split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

function requireMergePatch(contentType: string): string {
  if (contentType === mergePatch) return contentType;
  throw fail('unsupportedMediaType', `PATCH requires Content-Type of ${mergePatch}`);
}

function addressOf(incoming: Incoming, headers: IncomingHttpHeaders, reading: Reading): string {
  if (reading.unixPath !== undefined) return reading.unixPath;
  const remote = plainAddress(incoming.socket.remoteAddress ?? '');
  return reading.forwardedFor?.clientOf(remote, single(headers, 'x-forwarded-for')) ?? remote;
}

/** A socket that listens on `::` shows IPv4 peers as `::ffff:10.0.0.1`. */
export function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}

interface Shown {
  readonly certificates: readonly Uint8Array[];
  readonly peer: Request['peer'];
}

/** Read once a connection. */
const shown = new WeakMap<TLSSocket, Shown | undefined>();

function addPeer(request: Arrival, incoming: Incoming, checked: 'shown' | 'verified'): void {
  const socket =
    incoming.httpVersionMajor < 2 ? incoming.socket : (incoming as Http2ServerRequest).stream.session?.socket;
  if (!(socket instanceof TLSSocket)) return;
  if (!shown.has(socket)) shown.set(socket, shownBy(socket, checked));
  const found = shown.get(socket);
  if (found === undefined) return;
  request.clientCertificates = found.certificates;
  if (found.peer !== undefined) request.peer = found.peer;
}

function shownBy(socket: TLSSocket, checked: 'shown' | 'verified'): Shown | undefined {
  // A resumed session proves no key, and has kept the first certificate alone. Listeners that ask resume none: see tls.ts.
  const first = socket.isSessionReused() ? undefined : socket.getPeerX509Certificate();
  if (first === undefined) return undefined;
  const certificates: Uint8Array[] = [];
  for (let next: typeof first | undefined = first; next !== undefined; next = next.issuerCertificate) {
    certificates.push(next.raw);
  }
  const verified = checked === 'verified' && socket.authorized;
  // Declared a text always, and undefined where the subject has no name: SVIDs may be so.
  const { subject: named } = first as { readonly subject?: string };
  const subject = named?.split('\n').join(',') ?? '';
  return { certificates, peer: verified ? { subject, serial: first.serialNumber, raw: first.raw } : undefined };
}
