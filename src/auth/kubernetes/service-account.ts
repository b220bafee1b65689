/** Whose token it is: from the claims of one that was verified, or from what the API server says of it. */
import type { Claims } from '../../lib/jwt/claims.ts';
import { TokenRefused } from '../../lib/jwt/refusal.ts';
import { isObject } from '../../lib/jwt/strict-json.ts';

export interface ServiceAccount {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** RFC 1123 label, and subdomain: what the API server lets namespaces and service accounts be named. */
const NAMESPACE = /^[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?$/;
const NAME = /^[a-z\d](?:[a-z\d.-]{0,251}[a-z\d])?$/;
const UID = /^[\w-]{1,128}$/;

export const isServiceAccount = (namespace: unknown, name: unknown): boolean =>
  typeof namespace === 'string' && NAMESPACE.test(namespace) && typeof name === 'string' && NAME.test(name);

const wrong = (why: string): TokenRefused => new TokenRefused('claim', why);

function checked(namespace: unknown, name: unknown, uid: unknown): ServiceAccount {
  if (typeof namespace !== 'string' || !NAMESPACE.test(namespace)) throw wrong('no namespace');
  if (typeof name !== 'string' || !NAME.test(name)) throw wrong('no service account');
  if (typeof uid !== 'string' || !UID.test(uid)) throw wrong('no uid of a service account');
  return { namespace, name, uid };
}

function member(of: unknown, name: string): unknown {
  return isObject(of) && Object.hasOwn(of, name) ? of[name] : undefined;
}

/** Of a bound token. The names stand in it twice, and must be the same. Throws `TokenRefused`. */
export function serviceAccountOf(claims: Claims): ServiceAccount {
  const said = member(claims, 'kubernetes.io');
  const account = member(said, 'serviceaccount');
  const found = checked(member(said, 'namespace'), member(account, 'name'), member(account, 'uid'));
  if (claims['sub'] !== `system:serviceaccount:${found.namespace}:${found.name}`) throw wrong('sub is another account');
  return found;
}

/** Of a user as the API server tells it. Throws `TokenRefused` for whoever is no service account. */
export function serviceAccountOfUser(user: unknown): ServiceAccount {
  const username = member(user, 'username');
  const [system, kind, namespace, name, ...more] = typeof username === 'string' ? username.split(':', 6) : [];
  if (system !== 'system' || kind !== 'serviceaccount' || more.length > 0) throw wrong('no service account');
  return checked(namespace, name, member(user, 'uid'));
}
