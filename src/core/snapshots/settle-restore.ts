/** The first opening after a restore: what must not come back ends before anything is served. */
import type { Logger } from '../../lib/log.ts';
import type { SealLifecycle } from '../../seal/lifecycle.ts';
import { keys } from '../keys.ts';
import { SealableStore } from '../namespaces/sealable-store.ts';
import type { PluginRegistry } from '../registry-contract.ts';
import { endCredentials } from './credentials.ts';

export interface Settling {
  readonly registry: PluginRegistry;
  /** Whether this node is a region: shared records are then the hub's. */
  readonly region: boolean;
  readonly log: Logger;
  readonly now: () => number;
}

/** Does nothing where nothing was restored. Cut off in the middle, it is done again at the next opening. */
export async function settleRestore(lifecycle: SealLifecycle, { registry, region, log, now }: Settling): Promise<void> {
  const { restored } = lifecycle;
  if (restored === undefined) return;
  await using store = new SealableStore(lifecycle.store, { now });
  if (!restored.keepCredentials) await endCredentials({ store, registry, region });
  await lifecycle.rotate();
  // Their keys are not here: each rotates when its namespace is unsealed.
  await store.transact((tx) => {
    for (const domain of store.domains.all()) tx.put(keys.waitingRotation(domain), new Uint8Array());
  });
  await lifecycle.settle();
  const { keepCredentials, from } = restored;
  log.info('restored a snapshot', { sequence: from.sequence, epoch: from.epoch, keepCredentials });
}
