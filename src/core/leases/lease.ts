/** A lease's record, and what the outside may see of it. */
import type { JsonObject } from '../../framework/field.ts';
import { hmacSha256Base64Url, type KeyObject } from '../../lib/crypto/hash.ts';
import { randomBase62 } from '../../lib/crypto/random.ts';
import { ROOT_NAMESPACE } from '../keys.ts';
import { namespaceOfToken, tokenKeyIn } from '../tokens/token.ts';
import type { LeaseState } from './lease-machine.ts';

/** Times are milliseconds since the epoch, durations seconds; 0 means none. */
export interface LeaseRecord {
  readonly id: string;
  /** The id of the namespace that it lies in. */
  readonly namespace: string;
  /** UUID of the mount, which may have moved since, or be gone. */
  readonly mount: string;
  readonly mountAccessor: string;
  /** The request path that it was made by: `database/creds/readonly`. */
  readonly path: string;
  /** The part of it below the mount. */
  readonly rest: string;
  /**
   * Storage key of the token that the lease ends with: the one that asked. Of a batch token, which is stored nowhere, its
   * parent; absent where it has none.
   */
  readonly token?: string;
  readonly issuedAt: number;
  /** As it was granted: what a renewal gives that asks for nothing. */
  readonly ttl: number;
  readonly maxTtl: number;
  readonly renewable: boolean;
  readonly lastRenewal?: number;
  /** The engine's own: never shown. */
  readonly internal: JsonObject;
  readonly state: LeaseState;
}

const RANDOM_LENGTH = 24;

/** As Vault: the path and 24 characters, and outside of the root namespace the id of its own. */
export function newLeaseId(path: string, namespace: string): string {
  return `${path}/${randomBase62(RANDOM_LENGTH)}${namespace === ROOT_NAMESPACE ? '' : `.${namespace}`}`;
}

/** What a lease is stored under: ids lie in no storage key (design rule 27). */
export const leaseKey = (key: KeyObject, namespace: string, id: string): string =>
  tokenKeyIn(namespace, hmacSha256Base64Url(key, `lease:${id}`));

/** Storage keys of leases end as those of tokens do. */
export const namespaceOfLease = namespaceOfToken;

const rfc3339 = (ms: number): string => new Date(ms).toISOString();

const endOf = ({ state, issuedAt }: LeaseRecord): number => {
  if (state.kind === 'live') return state.expiresAt;
  return state.kind === 'ending' || state.kind === 'irrevocable' ? state.ended : issuedAt;
};

/** `data` of a look-up, with Vault's keys. One that is being revoked is over, and says why it is still there. */
export function describeLease(record: LeaseRecord, now: number): JsonObject {
  const { state } = record;
  const expiresAt = endOf(record);
  const error = state.kind === 'irrevocable' || state.kind === 'ending' ? state.error : undefined;
  return {
    id: record.id,
    path: record.path,
    issue_time: rfc3339(record.issuedAt),
    expire_time: rfc3339(expiresAt),
    last_renewal: record.lastRenewal === undefined ? null : rfc3339(record.lastRenewal),
    renewable: record.renewable && state.kind === 'live',
    ttl: Math.max(0, Math.round((expiresAt - now) / 1000)),
    ...(error === undefined ? {} : { revoke_error: error }),
  };
}
