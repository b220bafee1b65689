/** A token's record, and what the outside may see of it. */
import type { JsonObject } from '../../framework/field.ts';
import { randomBase62 } from '../../lib/crypto/random.ts';
import { keys, ROOT_NAMESPACE } from '../keys.ts';

/** Times are milliseconds since the epoch, durations seconds; 0 means none. */
export interface TokenRecord {
  readonly accessor: string;
  readonly policies: readonly string[];
  /** The request path that made it: `auth/token/create`, `auth/approle/login`. */
  readonly path: string;
  readonly meta: Readonly<Record<string, string>> | null;
  readonly displayName: string;
  /** Uses left; 0 is without limit, -1 is used up (the last request is still running). */
  readonly numUses: number;
  readonly createdAt: number;
  readonly creationTtl: number;
  readonly expiresAt: number;
  readonly explicitMaxTtl: number;
  readonly maxTtl: number;
  readonly period: number;
  readonly renewable: boolean;
  readonly lastRenewal?: number;
  readonly orphan: boolean;
  /** Storage key of the parent; absent for orphans. */
  readonly parent?: string;
  readonly boundCidrs: readonly string[];
  readonly role: string;
  readonly entity: string;
  /** Of the entity, where the token belongs to another one. */
  readonly entityNamespace?: string;
  readonly type: 'service' | 'batch';
  readonly noDefaultPolicy: boolean;
  /** Of a login: which mount renews it, and what it needs for that. */
  readonly login?: { readonly mount: string; readonly internal: JsonObject };
  /** Of an access token of an OIDC provider: for which of its clients it is, and what it says. */
  readonly access?: {
    readonly client: string;
    readonly provider: string;
    readonly scopes: readonly string[];
    /** What it ends with (`revokedGrants`). Absent in those of before there were any. */
    readonly grant?: string;
  };
  /** The count that it is part of; absent where quotas do not count it. */
  readonly counted?: string;
}

/** The path of root tokens that initialisation or the holders of shares gave: no request of a token made them. */
export const FIRST_TOKEN_PATH = 'auth/token/root';

/** A token in use. */
export interface Token {
  /** Its storage key: a keyed HMAC of the token, and outside of the root namespace the id of its own. */
  readonly key: string;
  /** The id of its namespace: its policies are meant there, and it works nowhere above or beside it. */
  readonly namespace: string;
  readonly record: TokenRecord;
}

export const entityNamespaceOf = ({ namespace, record }: Token): string => record.entityNamespace ?? namespace;

/** Whose rights a token's are: what policies are asked with. */
export const holderOf = (token: Token) => ({
  namespace: token.namespace,
  policies: token.record.policies,
  entity: token.record.entity,
  entityNamespace: entityNamespaceOf(token),
  // It tells who somebody is, and gives none of their rights.
  ...(token.record.access === undefined ? {} : { entityPolicies: [] }),
});

/** What belongs to a namespace ends in its id, as in Vault; nothing is added in the root one. */
export const tokenEnding = (namespace: string): string => (namespace === ROOT_NAMESPACE ? '' : `.${namespace}`);

/** Vault's form: `hvs.` and 24 characters. */
export const newTokenId = (namespace: string = ROOT_NAMESPACE): string =>
  `hvs.${randomBase62(24)}${tokenEnding(namespace)}`;
export const newAccessor = (namespace: string = ROOT_NAMESPACE): string =>
  `${randomBase62(24)}${tokenEnding(namespace)}`;

/** A storage key from an HMAC in base64url, which has no dot. */
export const tokenKeyIn = (namespace: string, hmac: string): string => hmac + tokenEnding(namespace);

/** The storage keys of tokens, from where their records lie in a namespace. */
export const tokenKeysOf = (namespace: string, records: readonly string[]): readonly string[] =>
  records.map((at) => at.slice(keys.tokens(namespace).length));

/** The namespace of the token with this storage key. */
export function namespaceOfToken(key: string): string {
  const at = key.indexOf('.');
  return at === -1 ? ROOT_NAMESPACE : key.slice(at + 1);
}

export const secondsLeft = (record: TokenRecord, now: number): number =>
  record.expiresAt === 0 ? 0 : Math.max(0, Math.round((record.expiresAt - now) / 1000));

/** Seconds that the creation or the last renewal gave. */
const grantedSeconds = ({ expiresAt, lastRenewal, createdAt }: TokenRecord): number =>
  expiresAt === 0 ? 0 : Math.round((expiresAt - (lastRenewal ?? createdAt)) / 1000);

const rfc3339 = (ms: number): string => new Date(ms).toISOString();

/** `data` of a look-up, with Vault's keys. `id` is shown only to who already holds the token. */
export function describeToken(token: Token, id: string, now: number, given: IdentityPolicies): JsonObject {
  const { record } = token;
  // The token that initialisation gave was never issued by a path, and has no lease.
  const first = record.path === FIRST_TOKEN_PATH;
  return {
    accessor: record.accessor,
    creation_time: Math.floor(record.createdAt / 1000),
    creation_ttl: record.creationTtl,
    display_name: record.displayName,
    entity_id: record.entity,
    expire_time: record.expiresAt === 0 ? null : rfc3339(record.expiresAt),
    explicit_max_ttl: record.explicitMaxTtl,
    id,
    ...shownIdentity(given, token),
    ...(first ? {} : { issue_time: rfc3339(record.createdAt) }),
    ...(record.lastRenewal === undefined
      ? {}
      : { last_renewal: rfc3339(record.lastRenewal), last_renewal_time: Math.floor(record.lastRenewal / 1000) }),
    meta: record.meta,
    // -1, as Vault tells it: this was the last one.
    num_uses: record.numUses,
    orphan: record.orphan,
    path: record.path,
    ...(record.period > 0 ? { period: record.period } : {}),
    policies: record.policies,
    ...(record.boundCidrs.length > 0 ? { bound_cidrs: record.boundCidrs } : {}),
    ...(first ? {} : { renewable: record.renewable }),
    ...(record.role === '' ? {} : { role: record.role }),
    ttl: secondsLeft(record, now),
    type: record.type,
  };
}

/** Policies that a token has by its entity, as they are now. */
export type IdentityPolicies = readonly string[];

/** As Vault: those of the token's own namespace apart from those of another one, and neither where there are none. */
function shownIdentity(given: IdentityPolicies, token: Token): JsonObject {
  if (given.length === 0) return {};
  const home = entityNamespaceOf(token);
  return home === token.namespace
    ? { identity_policies: given, external_namespace_policies: {} }
    : { external_namespace_policies: { [home]: given } };
}

/** The `auth` block of a login, a creation or a renewal. */
export function authBlock(token: Token, clientToken: string, given: IdentityPolicies): JsonObject {
  const { record } = token;
  const own = entityNamespaceOf(token) === token.namespace ? given : [];
  return {
    client_token: clientToken,
    accessor: record.accessor,
    policies: own.length === 0 ? record.policies : [...new Set([...record.policies, ...own])].sort(),
    token_policies: record.policies,
    ...(own.length === 0 ? {} : { identity_policies: own }),
    ...(given.length === own.length ? {} : { external_namespace_policies: { [entityNamespaceOf(token)]: given } }),
    metadata: record.meta,
    lease_duration: grantedSeconds(record),
    renewable: record.renewable,
    entity_id: record.entity,
    token_type: record.type,
    orphan: record.orphan,
    mfa_requirement: null,
    num_uses: Math.max(0, record.numUses),
  };
}
