/** What a namespace with a seal of its own has waited for while it was sealed. */
import { isLockstepError } from '../../errors.ts';
import { keys } from '../keys.ts';
import type { PluginRegistry } from '../registry-contract.ts';
import type { Services } from '../services.ts';
import { endIssued } from '../snapshots/credentials.ts';
import type { CoreSettings } from '../settings.ts';
import type { ReadingThreads } from '../threads.ts';
import { NamespaceSeals } from './namespace-seals.ts';
import type { NamespaceTable } from './namespace-table.ts';
import type { SealableStore } from './sealable-store.ts';

export interface Waking {
  readonly sealable: SealableStore;
  readonly registry: PluginRegistry;
  readonly settings: Pick<CoreSettings, 'region'>;
  readonly namespaces: NamespaceTable;
  readonly threads: ReadingThreads | undefined;
}

/** `services`: asked when something is unsealed. */
export function openNamespaceSeals(waking: Waking, services: () => Services): NamespaceSeals {
  return new NamespaceSeals({
    ...{ store: waking.sealable, namespaces: waking.namespaces, threads: waking.threads },
    tokens: () => services().tokens,
    wake: (ids) => wakeNamespaces(waking, services(), ids),
    goOn: (ids) => goOnInNamespaces(services(), ids),
  });
}

/** Before anything is served from them. */
async function wakeNamespaces(waking: Waking, services: Services, ids: readonly string[]): Promise<void> {
  const { revocation, leases } = services;
  for (const id of ids) await settleRestored(waking, id);
  for (const id of ids) await leases.wake(id);
  for (const id of ids) await revocation.wake(id);
  await revocation.resume();
}

/** A snapshot was restored meanwhile. */
async function settleRestored({ sealable, registry, settings }: Waking, id: string): Promise<void> {
  const [credentials, rotation] = [keys.waitingCredentials(id), keys.waitingRotation(id)];
  if (sealable.has(credentials))
    await endIssued({ store: sealable, registry, region: settings.region !== undefined }, id);
  if (sealable.has(rotation)) await sealable.domains.session(id)?.rotate();
  if (!sealable.has(credentials) && !sealable.has(rotation)) return;
  await sealable.transact((tx) => {
    tx.delete(credentials);
    tx.delete(rotation);
  });
}

/** What goes on while they are served. Never rejects: their next unsealing tries again. */
async function goOnInNamespaces(services: Services, ids: readonly string[]): Promise<void> {
  const { leases, mountMoves, mountChanges, namespaces, log } = services;
  try {
    await leases.resume();
    await mountMoves.resume();
    for (const id of ids) if (namespaces.isReadable(id)) await mountChanges.resumeRemovals(id);
  } catch (error) {
    if (isLockstepError(error, 'sealed') || isLockstepError(error, 'namespaceSealed')) return;
    const reason = error instanceof Error ? error.message : 'unknown';
    log.error('what waited for a namespace to be unsealed is not finished', { reason });
  }
}
