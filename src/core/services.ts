/** What an unsealed node works with. Made at unseal, dropped at seal; nothing here survives without the keys. */
import type { KeyObject } from '../lib/crypto/hash.ts';
import type { Outcome } from '../framework/request.ts';
import type { Logger } from '../lib/log.ts';
import type { Store } from '../storage/store.ts';
import type { AuditTable } from './audit/audit-table.ts';
import type { AuditTrail } from './audit/trail.ts';
import type { ControlGroups } from './control/control-groups.ts';
import type { Consumers } from './consumers/consumers.ts';
import type { Subscriptions } from './events/subscriptions.ts';
import type { Freshness } from './freshness.ts';
import type { Leases } from './leases/leases.ts';
import type { LeaseExpiry } from './leases/lease-expiry.ts';
import type { Identities } from './identity/identities.ts';
import type { NodeMetrics } from './metrics/node-metrics.ts';
import type { Lockout } from './lockout/lockout.ts';
import type { LoginMfa } from './mfa/login-mfa.ts';
import type { MountChanges } from './mounts/mount-changes.ts';
import type { MountMoves } from './mounts/mount-moves.ts';
import type { MountTable } from './mounts/mount-table.ts';
import type { MountConfig } from './mounts/mount.ts';
import type { NamespaceChanges } from './namespaces/namespace-changes.ts';
import type { NamespaceSeals } from './namespaces/namespace-seals.ts';
import type { NamespaceTable } from './namespaces/namespace-table.ts';
import type { NodeConfig } from './node-config.ts';
import type { PolicyStore } from './policy/policy-store.ts';
import type { LeaseCountQuotas } from './quotas/lease-count.ts';
import type { Quotas } from './quotas/quotas.ts';
import type { Access } from './requests/access.ts';
import type { SnapshotSource } from './requests/from-snapshot.ts';
import type { StalenessLimits } from './requests/staleness.ts';
import type { Revocation } from './tokens/revocation.ts';
import type { TokenStore } from './tokens/token-store.ts';
import type { Wrapping } from './wrapping/wrapping.ts';

/** What a request is served with, on the node's own thread and on those that only read. */
export interface RequestServices {
  /** With plaintext values: the barrier is below. */
  readonly store: Store;
  readonly namespaces: NamespaceTable;
  readonly mounts: MountTable;
  readonly tokens: TokenStore;
  readonly revocation: Revocation;
  readonly wrapping: Wrapping;
  readonly leases: Leases;
  readonly identities: Identities;
  readonly policies: PolicyStore;
  readonly quotas: Quotas;
  readonly leaseQuotas: LeaseCountQuotas;
  readonly freshness: Freshness;
  readonly audit: AuditTrail;
  readonly metrics: NodeMetrics;
  /** What `sys/config` says. */
  readonly config: NodeConfig;
  readonly log: Logger;
  readonly now: () => number;
  /** Seconds, after the system's defaults. */
  readonly ttl: (config: MountConfig) => { readonly default: number; readonly max: number };
  /** At a region: asks the hub to serve a request that writes shared data. */
  readonly forward: ((access: Access) => Promise<Outcome>) | undefined;
  /** Headers that say how this node stands, such as the age of a region's data. */
  readonly standing: () => Readonly<Record<string, string>>;
  /** At a region: milliseconds since the last word of the hub. */
  readonly age: () => number | undefined;
  readonly staleness: StalenessLimits;
  /** Absent on threads that only read: what has to wait for an approval is handed over. */
  readonly controls?: ControlGroups;
  /** Absent on threads that only read: they serve no logins. */
  readonly lockout?: Lockout;
  /** The same. */
  readonly loginMfa?: LoginMfa;
  /** Absent on threads that only read. */
  readonly snapshotSource?: () => SnapshotSource | undefined;
}

/** All of an unsealed node, on the thread that writes. */
export interface Services extends RequestServices {
  readonly controls: ControlGroups;
  readonly lockout: Lockout;
  readonly loginMfa: LoginMfa;
  readonly namespaceChanges: NamespaceChanges;
  readonly namespaceSeals: NamespaceSeals;
  readonly mountChanges: MountChanges;
  readonly mountMoves: MountMoves;
  readonly leaseExpiry: LeaseExpiry;
  readonly subscriptions: Subscriptions;
  readonly consumers: Consumers;
  readonly auditDevices: AuditTable;
  /** Keys derived for other parts of the node, by purpose. */
  readonly subkey: (purpose: string) => KeyObject;
}
