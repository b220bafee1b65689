/** What is counted and measured of leases, under Vault's names. */
import type { Counter, Metrics } from '../../lib/metrics/metrics.ts';
import type { Timing } from '../../lib/metrics/timing.ts';

export interface LeaseMeter {
  readonly created: Counter;
  readonly register: Timing;
  readonly renew: Timing;
  readonly revoke: Timing;
  readonly revokePrefix: Timing;
  readonly revokeForce: Timing;
  readonly lookup: Timing;
  readonly expired: Counter;
  readonly failed: Counter;
  readonly inQueue: Timing;
}

export function leaseMeter(metrics: Metrics): LeaseMeter {
  const timed = (name: string, help: string): Timing =>
    metrics.timing(`vault.expire.${name}`, `${help}, milliseconds.`);
  return {
    created: metrics.counter('vault.secret.lease.creation', 'Leases that were granted.'),
    register: timed('register', 'Writing down a lease, with what its engine does'),
    renew: timed('renew', 'Renewing a lease'),
    revoke: timed('revoke', 'Revoking a lease'),
    revokePrefix: timed('revoke-prefix', 'Revoking all leases below a prefix'),
    revokeForce: timed('revoke-force', 'Forgetting all leases below a prefix'),
    lookup: timed('fetch-lease-times', 'Finding a lease'),
    expired: metrics.counter('vault.expire.lease_expiration', 'Leases whose revocation was tried in the background.'),
    failed: metrics.counter('vault.expire.lease_expiration.error', 'Tries in the background that failed.'),
    inQueue: timed('lease_expiration.time_in_queue', 'From the end of a lease until its revocation is tried'),
  };
}
