/** The first opening after a restore: what must not come back ends before anything is served. */
import type { Logger } from '../../lib/log.ts';
import type { SealLifecycle } from '../../seal/lifecycle.ts';
import type { PluginRegistry } from '../registry-contract.ts';
import { endCredentials } from './credentials.ts';

export interface Settling {
  readonly registry: PluginRegistry;
  /** Whether this node is a region: shared records are then the hub's. */
  readonly region: boolean;
  readonly log: Logger;
}

/** Does nothing where nothing was restored. Cut off in the middle, it is done again at the next opening. */
export async function settleRestore(lifecycle: SealLifecycle, { registry, region, log }: Settling): Promise<void> {
  const { restored } = lifecycle;
  if (restored === undefined) return;
  if (!restored.keepCredentials) await endCredentials({ store: lifecycle.store, registry, region });
  await lifecycle.rotate();
  await lifecycle.settle();
  const { keepCredentials, from } = restored;
  log.info('restored a snapshot', { sequence: from.sequence, epoch: from.epoch, keepCredentials });
}
