/** New tokens: what they are made of, and how they are written with what finds them again. */
import { fail } from '../../errors.ts';
import { hmacSha256, type KeyObject } from '../../lib/crypto/hash.ts';
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
  tokenKeyIn(namespace, hmacSha256(key, `token:${id}`).toString('base64url'));
export const accessorKey = (key: KeyObject, accessor: string): string =>
  hmacSha256(key, `accessor:${accessor}`).toString('base64url');

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

/** Writes new tokens, in one transaction of the caller's. */
class Insertion {
  readonly #tx: Transaction;
  readonly #hmac: KeyObject;
  readonly #now: number;
  readonly #counts: GrowingGroups;

  constructor(tx: Transaction, hmac: KeyObject, now: number) {
    this.#tx = tx;
    this.#hmac = hmac;
    this.#now = now;
    this.#counts = new GrowingGroups(tx);
  }

  /** Writes nothing. Throws as `TokenStore.create`. */
  prepare(spec: TokenSpec): NewToken {
    const { namespace = ROOT_NAMESPACE, parent, counted, id = newTokenId(namespace) } = spec;
    if (namespace !== ROOT_NAMESPACE && !this.#tx.has(keys.namespace(namespace))) throw fail('noNamespace');
    const key = tokenKey(this.#hmac, id, namespace);
    // One that is drawn is nobody else's: what is written already is looked at, and what is stored only for one that was chosen.
    const isTaken =
      this.#tx.written(tokenAt(key)) !== undefined || (spec.id !== undefined && this.#tx.has(tokenAt(key)));
    if (isTaken) throw fail('badRequest', 'cannot create a token with a duplicate ID');
    if (parent !== undefined && !this.#tx.has(tokenAt(parent.key))) throw fail('invalidToken');
    const record = recordOf(spec, this.#now);
    if (counted !== undefined && record.counted !== undefined) {
      this.#counts.add(keys.tokenGroups(namespace) + record.counted, counted);
    }
    return { id, token: { key, namespace, record } };
  }

  write({ token: { key, namespace, record } }: NewToken): void {
    const tx = this.#tx;
    tx.put(tokenAt(key), encodeRecord(record));
    tx.put(keys.accessor(namespace, accessorKey(this.#hmac, record.accessor)), encodeRecord(key));
    if (record.parent !== undefined) tx.put(childrenOf(record.parent) + key, new Uint8Array());
    if (record.expiresAt > 0) tx.put(expiryAt(record.expiresAt, key), new Uint8Array());
  }

  end(): void {
    this.#counts.write();
  }
}

/** One token. Throws as `TokenStore.create`. */
export function insertToken(tx: Transaction, hmac: KeyObject, spec: TokenSpec, now: number): NewToken {
  const insertion = new Insertion(tx, hmac, now);
  const made = insertion.prepare(spec);
  insertion.write(made);
  insertion.end();
  return made;
}

/** Several, of which one that is refused keeps back no other. */
export function insertTokens(tx: Transaction, hmac: KeyObject, specs: readonly TokenSpec[], now: number) {
  const insertion = new Insertion(tx, hmac, now);
  const results = specs.map((spec): PromiseSettledResult<NewToken> => {
    let made: NewToken;
    try {
      made = insertion.prepare(spec);
    } catch (reason) {
      return { status: 'rejected', reason };
    }
    insertion.write(made);
    return { status: 'fulfilled', value: made };
  });
  insertion.end();
  return results;
}
