/** What a crash cut off in the middle. */
import { isLockstepError } from '../errors.ts';
import { ROOT } from './namespaces/namespace.ts';
import type { Services } from './services.ts';
import { noteSealChange } from './seal-changes.ts';
import { noteVersion } from './versions.ts';

/**
 * Nothing of it can be used any more (a token without its parent, data without its mount), and it can be much, so that
 * requests do not wait for it. Never rejects: it is tried again at the next opening.
 */
export async function finishWhatWasCutOff(services: Services, region: boolean): Promise<void> {
  const { revocation, leases, mountChanges, mountMoves, namespaceChanges, namespaces, log, store, now } = services;
  try {
    await noteSealChange(store, 'unseal', now());
    await noteVersion(store, now());
    await leases.resume();
    await revocation.resume();
    if (region) return;
    await mountMoves.resume();
    await namespaceChanges.resumeRemovals();
    for (const { id } of [ROOT, ...namespaces.all()]) {
      // Of one that is sealed when it is unsealed.
      if (namespaces.isReadable(id)) await mountChanges.resumeRemovals(id);
    }
  } catch (error) {
    if (isLockstepError(error, 'sealed')) return;
    log.error('what was cut off is not finished', { reason: error instanceof Error ? error.message : 'unknown' });
  }
}
