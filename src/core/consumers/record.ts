/** A consumer as it is registered: durable, on the node that it subscribes to. */
import { ROOT_NAMESPACE } from '../keys.ts';
import type { Namespace } from '../namespaces/namespace.ts';
import type { Token } from '../tokens/token.ts';

/** Who may speak as this consumer: whoever logs in the same way, with whichever token of the day. */
export interface Identity {
  readonly displayName: string;
  /** How its token was made: `auth/approle/login`. */
  readonly path: string;
  /** Of the login or of the token; empty without one. */
  readonly role: string;
  /** The id of the namespace of its token; absent for the root one. */
  readonly namespace?: string;
}

export interface ConsumerRecord {
  /** As it named itself; in a namespace, the namespace's id, `/` and that: two namespaces know nothing of each other. */
  readonly id: string;
  /** The id of the namespace that it subscribes in; absent for the root one. */
  readonly namespace?: string;
  readonly identity: Identity;
  /** Keyed HMAC of the accessor of the token that it connected with last. */
  readonly accessor: string;
  /** From the root namespace on, with `*` at the end of a prefix. */
  readonly paths: readonly string[];
  readonly region: string;
  /** Seconds that it stays registered after it was last connected. */
  readonly ttl: number;
  /** Milliseconds since the epoch. */
  readonly registeredAt: number;
  readonly seenAt: number;
  readonly acknowledged?: { readonly index: string; readonly at: number };
}

export function identityOf({ record, namespace }: Token): Identity {
  const { displayName, path, role, meta } = record;
  const identity = { displayName, path, role: meta?.['role_name'] ?? role };
  return namespace === ROOT_NAMESPACE ? identity : { ...identity, namespace };
}

/** By which it is registered. */
export interface ConsumerName {
  readonly id: string;
  readonly namespace: Pick<Namespace, 'id'>;
}

export const idOf = ({ id, namespace }: ConsumerName): string =>
  namespace.id === ROOT_NAMESPACE ? id : `${namespace.id}/${id}`;

/** The other way round: no name has a slash. */
export function nameOf(id: string): { readonly name: string; readonly namespace: string } {
  const slash = id.indexOf('/');
  return { name: id.slice(slash + 1), namespace: slash < 0 ? ROOT_NAMESPACE : id.slice(0, slash) };
}

export const sameIdentity = (a: Identity, b: Identity): boolean =>
  a.displayName === b.displayName && a.path === b.path && a.role === b.role && a.namespace === b.namespace;

export const expiryOf = ({ seenAt, ttl }: ConsumerRecord): number => seenAt + ttl * 1000;
