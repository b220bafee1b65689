/** A consumer as it is registered: durable, on the node that it subscribes to. */
import { ROOT_NAMESPACE } from '../keys.ts';
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
  readonly id: string;
  readonly identity: Identity;
  /** Keyed HMAC of the accessor of the token that it connected with last. */
  readonly accessor: string;
  /** As it asked for them, with `*` at the end of a prefix. */
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

export const sameIdentity = (a: Identity, b: Identity): boolean =>
  a.displayName === b.displayName && a.path === b.path && a.role === b.role && a.namespace === b.namespace;

export const expiryOf = ({ seenAt, ttl }: ConsumerRecord): number => seenAt + ttl * 1000;
