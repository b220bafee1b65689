/** A request that waits for approval, as it is kept: in the cubbyhole of the token that stands for it. */
import type { JsonObject } from '../../framework/field.ts';
import type { Verb } from '../../framework/path.ts';
import type { Request } from '../../framework/request.ts';
import { fail } from '../../errors.ts';
import { encodeRecord } from '../../lib/record.ts';
import { keys } from '../keys.ts';
import { namespaceOfToken } from '../tokens/token.ts';
import type { Factor, Person } from './factors.ts';

/** All of a request that its execution depends on. */
export interface KeptRequest {
  /** Of the request as it was sent: its entries in the audit log and those of its release name it. */
  readonly id: string;
  readonly verb: Verb;
  readonly method: string;
  /** Below its namespace. */
  readonly path: string;
  /** The id of its namespace. */
  readonly namespace: string;
  readonly body?: JsonObject;
  readonly query: Readonly<Record<string, string>>;
  readonly contentType: string;
  readonly address: string;
  readonly port: number;
  readonly wrapTtl: number;
}

export interface Approval extends Person {
  /** Of the token that gave it: with that it ends. */
  readonly tokenKey: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

export interface Waiting {
  readonly request: KeptRequest;
  /** As policies saw it when it was asked: `create`, `update`, `read` … */
  readonly operation: string;
  /** Who asked: its token, and its entity, if it is one. */
  readonly tokenKey: string;
  readonly requester?: Person;
  /** What the policies of that moment asked for. */
  readonly factors: readonly Factor[];
  readonly approvals: readonly Approval[];
  /** RFC 3339. */
  readonly created: string;
  /** Seconds. */
  readonly ttl: number;
  /** When it was given to be done, milliseconds since the epoch: it is never given again. */
  readonly released?: number;
}

/** Bytes of a record: a body may be a secret of some size, and must not fill the storage. */
const MOST_BYTES = 1024 * 1024;

/** Throws `bodyTooLarge`. */
export function encodeWaiting(waiting: Waiting): Uint8Array {
  const bytes = encodeRecord(waiting);
  if (bytes.length <= MOST_BYTES) return bytes;
  throw fail('bodyTooLarge', `a request that waits for approval is kept, and may have ${String(MOST_BYTES)} bytes`);
}

export function kept(request: Request, namespace: string): KeptRequest {
  const { id, verb, method, path, body, query, contentType, address, port, wrapTtl } = request;
  const common = { id, verb, method, path, namespace, query, contentType, address, port, wrapTtl };
  return body === undefined ? common : { ...common, body };
}

/** The request again, without a token: who asks is known by its key. */
export function revived(request: KeptRequest, signal: () => AbortSignal): Request {
  return {
    ...request,
    ...{ body: request.body, namespace: '', help: false, token: undefined, headers: {}, index: undefined, signal },
    listener: { unauthenticatedMetrics: false },
  };
}

/** Goes with the token, and with its namespace. */
export const waitingKey = (tokenKey: string): string =>
  `${keys.data('l', namespaceOfToken(tokenKey), 'cubbyhole')}${tokenKey}/control-group`;
