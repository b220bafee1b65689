/** New tokens: what they are made of, and how they are written with what finds them again. */
import { fail } from '../../errors.ts';
import { hmacSha256Base64Url, type KeyObject } from '../../lib/crypto/hash.ts';
import { encodeRecord } from '../../lib/record.ts';
import type { Transaction } from '../../storage/store.ts';
import { keys, ROOT_NAMESPACE } from '../keys.ts';
import { GrowingGroups, groupId, type LeaseGroup } from '../quotas/lease-groups.ts';
import { namespaceOfToken, newAccessor, newTokenId, tokenKeyIn, type Token, type TokenRecord } from './token.ts';

/** What a new token is made of; the store adds times, key and accessor. Durations in seconds, 0 for none. */
export interface TokenSpec {
  readonly id?: string;
  /** The id of the namespace that it belongs to; the root one if not given. */
  readonly namespace?: string;
  readonly policies: readonly string[];
  readonly path: string;
  readonly meta: Readonly<Record<string, string>> | null;
  readonly displayName: string;
  readonly numUses: number;
  readonly ttl: number;
  readonly maxTtl: number;
  readonly explicitMaxTtl: number;
  readonly period: number;
  readonly renewable: boolean;
  readonly parent?: Token;
  readonly boundCidrs: readonly string[];
  readonly role: string;
  readonly noDefaultPolicy: boolean;
  /** `service` if not given. */
  readonly type?: TokenRecord['type'];
  readonly login?: NonNullable<TokenRecord['login']>;
  readonly access?: NonNullable<TokenRecord['access']>;
  /** The entity that it belongs to; none if not given. */
  readonly entity?: string;
  /** The namespace of the entity, where it is another one. */
  readonly entityNamespace?: string;
  /** What quotas count it as; not at all if not given. */
  readonly counted?: LeaseGroup;
}

export interface NewToken {
  /** The token itself: shown once, never stored. */
  readonly id: string;
  readonly token: Token;
}

export const tokenAt = (key: string): string => keys.token(namespaceOfToken(key), key);
export const childrenOf = (parent: string): string => keys.children(namespaceOfToken(parent), parent);
export const expiryAt = (at: number, key: string): string => keys.expiry(ROOT_NAMESPACE, at, key);

/** What a token is stored under. */
export const tokenKey = (key: KeyObject, id: string, namespace: string = ROOT_NAMESPACE): string =>
  tokenKeyIn(namespace, hmacSha256Base64Url(key, `token:${id}`));
export const accessorKey = (key: KeyObject, accessor: string): string =>
  hmacSha256Base64Url(key, `accessor:${accessor}`);

export function recordOf(spec: TokenSpec, now: number): TokenRecord {
  const { id: _id, namespace, parent, ttl, counted, ...rest } = spec;
  return {
    ...rest,
    accessor: spec.type === 'batch' ? '' : newAccessor(namespace),
    createdAt: now,
    creationTtl: ttl,
    expiresAt: ttl === 0 ? 0 : now + ttl * 1000,
    orphan: parent === undefined,
    ...(parent === undefined ? {} : { parent: parent.key }),
    entity: spec.entity ?? '',
    type: spec.type ?? 'service',
    ...(counted === undefined || spec.type === 'batch' ? {} : { counted: groupId(counted) }),
  };
}

/** By what tokens are written in one transaction. */
interface InsertTerms {
  readonly hmac: KeyObject;
  readonly now: number;
  readonly counts: GrowingGroups;
}

/** What is to be written. Writes nothing itself. Throws as `TokenStore.create`. */
function prepared(tx: Transaction, spec: TokenSpec, { hmac, now, counts }: InsertTerms): NewToken {
  const { namespace = ROOT_NAMESPACE, parent, counted, id = newTokenId(namespace) } = spec;
  if (namespace !== ROOT_NAMESPACE && !tx.has(keys.namespace(namespace))) throw fail('noNamespace');
  const key = tokenKey(hmac, id, namespace);
  // One that is drawn is nobody else's: for what is stored only one is looked for that was chosen. Throws where it is sealed.
  const isTaken = tx.written(tokenAt(key)) !== undefined || (spec.id !== undefined && tx.has(tokenAt(key)));
  if (isTaken) throw fail('badRequest', 'cannot create a token with a duplicate ID');
  if (parent !== undefined && !tx.has(tokenAt(parent.key))) throw fail('invalidToken');
  const record = recordOf(spec, now);
  if (counted !== undefined && record.counted !== undefined) {
    counts.add(keys.tokenGroups(namespace) + record.counted, counted);
  }
  return { id, token: { key, namespace, record } };
}

function put(tx: Transaction, hmac: KeyObject, { token: { key, namespace, record } }: NewToken): void {
  tx.put(tokenAt(key), encodeRecord(record));
  tx.put(keys.accessor(namespace, accessorKey(hmac, record.accessor)), encodeRecord(key));
  if (record.parent !== undefined) tx.put(childrenOf(record.parent) + key, new Uint8Array());
  if (record.expiresAt > 0) tx.put(expiryAt(record.expiresAt, key), new Uint8Array());
}

/** One token. Throws as `TokenStore.create`. */
export function insertToken(tx: Transaction, hmac: KeyObject, spec: TokenSpec, now: number): NewToken {
  const counts = new GrowingGroups(tx);
  const made = prepared(tx, spec, { hmac, now, counts });
  put(tx, hmac, made);
  counts.write();
  return made;
}

/** Several, of which one that is refused keeps back no other. */
export function insertTokens(tx: Transaction, specs: readonly TokenSpec[], terms: InsertTerms) {
  const results = specs.map((spec): PromiseSettledResult<NewToken> => {
    let made: NewToken;
    try {
      made = prepared(tx, spec, terms);
    } catch (reason) {
      return { status: 'rejected', reason };
    }
    put(tx, terms.hmac, made);
    return { status: 'fulfilled', value: made };
  });
  terms.counts.write();
  return results;
}
