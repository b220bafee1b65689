/** What a crash cut off in the middle, and what could not be put on record while the seal was closed. */
import { isLockstepError } from '../errors.ts';
import type { SealLifecycle } from '../seal/lifecycle.ts';
import { ROOT_NAMESPACE } from './keys.ts';
import { ROOT } from './namespaces/namespace.ts';
import type { Services } from './services.ts';
import { noteSealChange } from './seal-changes.ts';
import { noteVersion } from './versions.ts';

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : 'unknown');

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
    log.error('what was cut off is not finished', { reason: reasonOf(error) });
  }
}

/**
 * Puts migrations of the seal on record before the node answers that it is open, each as the request that it was: audit and
 * events lie behind the seal that it opened. A node that ends in between has one twice. Never rejects, since a node that
 * stays closed mends nothing: it is tried again at the next opening.
 */
export async function recordMigrations(
  lifecycle: Pick<SealLifecycle, 'migrations' | 'settleMigrations'>,
  { audit, mounts, store, log }: Pick<Services, 'audit' | 'mounts' | 'store' | 'log'>,
): Promise<void> {
  try {
    const { migrations } = lifecycle;
    const mount = mounts.route(ROOT_NAMESPACE, 'sys/unseal')?.mounted.record;
    if (migrations.length === 0 || mount === undefined) return;
    for (const { from, to, address, at } of migrations) {
      const reply = { migrated_from: from, migrated_to: to, migrated_at: new Date(at).toISOString() };
      await audit.afterwards?.({ path: 'sys/unseal', mount, address, data: { migrate: true }, reply });
      await noteSealChange(store, 'migrate', at);
    }
    await lifecycle.settleMigrations();
  } catch (error) {
    log.error('a migration of the seal is not in the audit: it is tried again at the next unseal', {
      reason: reasonOf(error),
    });
  }
}
