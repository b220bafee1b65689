/** A forwarded request on the wire: JSON, checked field by field at the hub, which believes none of it. */
import { fail } from '../errors.ts';
import type { JsonObject } from '../framework/field.ts';
import { verbs } from '../framework/path.ts';
import type { Outcome, Request } from '../framework/request.ts';
import type { Client } from '../framework/call.ts';
import type { Position } from '../storage/store.ts';
import type { Access } from '../core/requests/access.ts';
import { parseJsonObject } from '../server/json.ts';
import { defaultLimits } from '../server/listener.ts';
import { checkSegments } from '../lib/path-segments.ts';

export interface ForwardedRequest {
  readonly idempotencyKey: string;
  readonly request: Request;
  /**
   * Its namespace is a path here: ids are looked up by whoever has them. That of its entity is an id, and empty where an
   * older region does not say it: the same one.
   */
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
  const { request, call, home } = access;
  const { displayName, policies, entity, entityNamespace, accessor, address } = call.client;
  return JSON.stringify({
    idempotencyKey: idempotencyKeyOf(access),
    request: {
      id: request.id,
      verb: request.verb,
      method: request.method,
      namespace: call.namespace.path,
      path: request.path,
      body: request.body ?? null,
      contentType: request.contentType,
      query: request.query,
    },
    client: { displayName, policies, namespace: home, entity, entityNamespace, accessor, address },
  });
}

/** The longest path that a request may have; policies bound it further down. */
const MAX_PATH = 4_096;
const MAX_TEXT = 512;
const MAX_POLICIES = 512;
const MAX_QUERY = 64;
/** What a true region sends: the id of its own request. */
const ID = /^[0-9A-Za-z._-]{1,64}$/;
/** As for bodies that clients send, and a level or two for what stands around them. */
const LIMITS = { ...defaultLimits, maxJsonDepth: defaultLimits.maxJsonDepth + 2 };
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/u;

const refused = (what: string): Error => fail('badRequest', `forwarded request: ${what}`);

function object(value: unknown, name: string): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refused(name);
  return value as JsonObject;
}

/** Without control characters: what a region says goes into logs and cache keys. */
function text(from: JsonObject, name: string, most: number = MAX_TEXT): string {
  const value = from[name];
  if (typeof value !== 'string' || value.length > most || CONTROL.test(value) || !value.isWellFormed())
    throw refused(name);
  return value;
}

/** As the hub's own listener has it (design rule 29): nothing that has a second spelling. */
function canonical(path: string): string {
  if (path === '') throw refused('path');
  checkSegments(path, 'the forwarded path');
  return path;
}

/** A path with a closing slash; empty for the root namespace, also from a region that knows no others. */
function namespaceOf(from: JsonObject): string {
  if (from['namespace'] === undefined) return '';
  const path = text(from, 'namespace', MAX_PATH);
  if (path !== '' && !path.endsWith('/')) throw refused('namespace');
  checkSegments(path, 'the forwarded namespace');
  return path;
}

function policiesOf(client: JsonObject): readonly string[] {
  const value = client['policies'];
  if (!Array.isArray(value) || value.length > MAX_POLICIES) throw refused('policies');
  return value.map((_, at) => text(value as unknown as JsonObject, String(at)));
}

function queryOf(request: JsonObject): Readonly<Record<string, string>> {
  const query = object(request['query'], 'query');
  const names = Object.keys(query);
  if (names.length > MAX_QUERY) throw refused('query');
  const values = names.map((name): [string, string] => {
    const value = query[name];
    if (typeof value !== 'string') throw refused('query');
    return [name, value];
  });
  return Object.fromEntries(values);
}

/** Throws `badRequest` or `malformedBody`. */
export function decodeForward(bytes: Uint8Array, address: string, signal: AbortSignal): ForwardedRequest {
  const parsed = parseJsonObject(bytes, LIMITS);
  const request = object(parsed['request'], 'request');
  const client = object(parsed['client'], 'client');
  const { body } = request;
  const clientAddress = text(client, 'address', 128);
  return {
    idempotencyKey: text(parsed, 'idempotencyKey', MAX_PATH),
    request: {
      ...requestOf(request),
      body: body === null || body === undefined ? undefined : object(body, 'body'),
      address: `${clientAddress}@${address}`,
      signal: () => signal,
    },
    client: {
      displayName: text(client, 'displayName'),
      policies: policiesOf(client),
      namespace: namespaceOf(client),
      entity: text(client, 'entity'),
      entityNamespace: client['entityNamespace'] === undefined ? '' : text(client, 'entityNamespace', 64),
      accessor: text(client, 'accessor'),
      tokenKey: '',
      address: clientAddress,
    },
  };
}

function requestOf(request: JsonObject): Omit<Request, 'body' | 'address' | 'signal'> {
  const id = text(request, 'id');
  const verb = verbs.find((known) => known === request['verb']);
  if (!ID.test(id)) throw refused('id');
  if (verb === undefined) throw refused('verb');
  return {
    id,
    verb,
    method: text(request, 'method', 16),
    path: canonical(text(request, 'path', MAX_PATH)),
    query: queryOf(request),
    contentType: text(request, 'contentType'),
    help: false,
    namespace: namespaceOf(request).slice(0, -1),
    token: undefined,
    headers: {},
    port: 0,
    wrapTtl: 0,
    index: undefined,
    listener: { unauthenticatedMetrics: false },
  };
}

/** The hub's answer, as far as a region builds on its shape. Throws `hubUnreachable`. */
export function decodeReply(answer: unknown): ForwardReply {
  try {
    const reply = object(answer, 'answer');
    const outcome = object(reply['outcome'], 'outcome');
    const position = object(reply['position'], 'position');
    const whole = Number.isSafeInteger(outcome['status']) && Number.isSafeInteger(position['sequence']);
    object(outcome['headers'], 'headers');
    if (whole && typeof position['epoch'] === 'string') return reply as unknown as ForwardReply;
  } catch {
    // Below.
  }
  throw fail('hubUnreachable', 'the hub answered with something that is no answer');
}
