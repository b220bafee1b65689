/** A forwarded request on the wire: JSON, checked field by field at the hub, which believes none of it. */
import { fail } from '../errors.ts';
import type { JsonObject } from '../framework/field.ts';
import { verbs, type Verb } from '../framework/path.ts';
import type { Outcome, Request } from '../framework/request.ts';
import type { Client } from '../framework/call.ts';
import type { Position } from '../storage/store.ts';
import type { Access } from '../core/requests/access.ts';

export interface ForwardedRequest {
  readonly idempotencyKey: string;
  readonly request: Request;
  readonly client: Client;
}

export interface ForwardReply {
  readonly outcome: Outcome;
  readonly log: string;
  readonly position: Position;
}

/** The caller's own key, or the request's id: the same for every try of one request. */
export function idempotencyKeyOf({ request }: Access): string {
  const given = request.headers['x-lockstep-idempotency-key'];
  return typeof given === 'string' && given !== '' ? given : request.id;
}

/** The token stays here; the hub gets what its own policies need to decide (design rule 14). */
export function encodeForward(access: Access): string {
  const { request, call } = access;
  const { displayName, policies, entity, accessor, address } = call.client;
  return JSON.stringify({
    idempotencyKey: idempotencyKeyOf(access),
    request: {
      id: request.id,
      verb: request.verb,
      method: request.method,
      path: request.path,
      body: request.body ?? null,
      contentType: request.contentType,
      query: request.query,
    },
    client: { displayName, policies, entity, accessor, address },
  });
}

const MAX_TEXT = 4_096;
const MAX_POLICIES = 512;

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function text(from: Readonly<Record<string, unknown>>, name: string): string {
  const value = from[name];
  if (typeof value !== 'string' || value.length > MAX_TEXT) throw fail('badRequest', `forwarded request: ${name}`);
  return value;
}

function canonical(path: string): string {
  const segments = path.split('/');
  const bad = segments.some(
    (segment, i) => (segment === '' && i < segments.length - 1) || segment === '.' || segment === '..',
  );
  if (path === '' || bad || /[\u0000-\u001f\u007f]/u.test(path)) throw fail('badRequest', 'forwarded request: path');
  return path;
}

function strings(value: unknown, name: string): readonly string[] {
  const right = Array.isArray(value) && value.length <= MAX_POLICIES && value.every((item) => typeof item === 'string');
  if (!right) throw fail('badRequest', `forwarded request: ${name}`);
  return value;
}

/** Throws `badRequest` or `malformedBody`. */
export function decodeForward(bytes: Uint8Array, address: string, signal: AbortSignal): ForwardedRequest {
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    throw fail('malformedBody');
  }
  const { request, client } = isObject(parsed) ? parsed : {};
  if (!isObject(parsed) || !isObject(request) || !isObject(client)) throw fail('badRequest', 'forwarded request');
  const verb = verbs.find((known) => known === request['verb']);
  const { body, query } = request;
  if (verb === undefined || !isObject(query) || (body !== null && !isObject(body)))
    throw fail('badRequest', 'forwarded request');
  return {
    idempotencyKey: text(parsed, 'idempotencyKey'),
    request: {
      ...requestOf(request, verb),
      body: body ?? undefined,
      query: Object.fromEntries(
        Object.entries(query).filter((pair): pair is [string, string] => typeof pair[1] === 'string'),
      ),
      address: `${text(client, 'address')}@${address}`,
      signal,
    },
    client: {
      displayName: text(client, 'displayName'),
      policies: strings(client['policies'], 'policies'),
      entity: text(client, 'entity'),
      accessor: text(client, 'accessor'),
      tokenKey: '',
      address: text(client, 'address'),
    },
  };
}

function requestOf(request: JsonObject, verb: Verb): Omit<Request, 'body' | 'query' | 'address' | 'signal'> {
  return {
    id: text(request, 'id'),
    verb,
    method: text(request, 'method'),
    path: canonical(text(request, 'path')),
    contentType: text(request, 'contentType'),
    help: false,
    namespace: '',
    token: undefined,
    headers: {},
    port: 0,
    wrapTtl: 0,
    index: undefined,
    listener: { unauthenticatedMetrics: false },
  };
}
