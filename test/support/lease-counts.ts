/** What lease count quotas count, as it is stored and as the leases and tokens themselves say. */
import assert from 'node:assert/strict';
import { keys } from '../../src/core/keys.ts';
import { leaseGroupOf } from '../../src/core/leases/lease-records.ts';
import type { LeaseRecord } from '../../src/core/leases/lease.ts';
import { groupId, type GroupCount } from '../../src/core/quotas/lease-groups.ts';
import type { TokenRecord } from '../../src/core/tokens/token.ts';
import { decodeRecord } from '../../src/lib/record.ts';
import { everyKey } from '../../src/storage/every-key.ts';
import type { Store } from '../../src/storage/store.ts';

export interface LeaseCounts {
  readonly stored: Readonly<Record<string, number>>;
  readonly recount: Readonly<Record<string, number>>;
}

const AREA = /^l\/([^/]+)\/(leases|tokens|lease-groups|token-groups)\//;

/** By the key of the count. */
export function leaseCounts(store: Store): LeaseCounts {
  using snapshot = store.snapshot();
  const [stored, recount] = [new Map<string, number>(), new Map<string, number>()];
  const add = (at: string): void => void recount.set(at, (recount.get(at) ?? 0) + 1);
  for (const key of everyKey(snapshot, 'l/')) {
    const [, namespace = '', area] = AREA.exec(key) ?? [];
    const bytes = snapshot.get(key) ?? new Uint8Array();
    if (area === 'leases') add(keys.leaseGroups(namespace) + groupId(leaseGroupOf(decodeRecord<LeaseRecord>(bytes))));
    else if (area === 'tokens') {
      const { counted } = decodeRecord<TokenRecord>(bytes);
      if (counted !== undefined) add(keys.tokenGroups(namespace) + counted);
    } else if (area !== undefined) stored.set(key, decodeRecord<GroupCount>(bytes).count);
  }
  return { stored: Object.fromEntries(stored), recount: Object.fromEntries(recount) };
}

export function assertCounts({ stored, recount }: LeaseCounts): void {
  assert.deepEqual(stored, recount, 'what is counted is what there is');
}
