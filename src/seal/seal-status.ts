/** What `sys/seal-status` and `sys/seal-backend-status` show of the seal, in Vault's names. */
import { isFullyWrapped } from './rewrap.ts';
import type { AutoSeal, Seals } from './seals.ts';
import type { Stored } from './stored.ts';

/** The caller adds the cluster's name and id where it is unsealed. */
export interface SealStatus {
  /** Of the seal that the configuration names, also before a migration to it. */
  readonly type: string;
  readonly initialized: boolean;
  readonly sealed: boolean;
  /** Threshold and number of the shares; of the recovery shares with auto-unseal. 0 before init. */
  readonly t: number;
  readonly n: number;
  readonly progress: number;
  /** Names the attempt under way; empty when there is none. */
  readonly nonce: string;
  readonly version: string;
  readonly build_date: string;
  /** Whether shares are awaited for a migration to the configured seal. */
  readonly migration: boolean;
  readonly recovery_seal: boolean;
  readonly storage_type: string;
}

/** Of one seal. `last_seen`, `type` and `priority` are Lockstep's own. Times are RFC 3339. */
export interface BackendStatus {
  readonly name: string;
  readonly type: string;
  readonly priority: number;
  readonly configured: boolean;
  readonly disabled: boolean;
  readonly healthy: boolean;
  readonly unhealthy_since?: string;
  readonly last_seen?: string;
}

export interface BackendsStatus {
  /** All that are not disabled are. */
  readonly healthy: boolean;
  /** Since when one is not. */
  readonly unhealthy_since?: string;
  /** Whether each of them alone could open this node. */
  readonly fully_wrapped: boolean;
  readonly backends: readonly BackendStatus[];
}

/** People that hold shares are one seal that is always healthy. */
const PEOPLE = { type: 'shamir', priority: 1, configured: true, disabled: false, healthy: true } as const;

export function backendsStatus(seals: Seals, stored: Stored | undefined): BackendsStatus {
  const own = seals.auto ? seals.enabled.map(statusOf) : [{ name: 'shamir', ...PEOPLE }];
  const since = seals.enabled.flatMap(({ health }) => health.unhealthySince ?? []);
  return {
    healthy: since.length === 0,
    ...(since.length === 0 ? {} : { unhealthy_since: new Date(Math.min(...since)).toISOString() }),
    fully_wrapped: stored === undefined || isFullyWrapped(seals, stored),
    backends: [...own, ...seals.disabled.map(statusOf)],
  };
}

function statusOf({ name, type, priority, disabled, seal, health }: AutoSeal): BackendStatus {
  const { healthy, unhealthySince, lastSeen } = health;
  return {
    ...{ name, type, priority, configured: seal !== undefined, disabled, healthy },
    ...(unhealthySince === undefined ? {} : { unhealthy_since: new Date(unhealthySince).toISOString() }),
    ...(lastSeen === undefined ? {} : { last_seen: new Date(lastSeen).toISOString() }),
  };
}
