/**
 * From one kind of seal to another, as Vault does it: the keys that people hold stay as they are. Unseal keys become
 * recovery keys, recovery keys become unseal keys or stay what they are. The unseal key and the root key are new, since
 * who has the old shares and an old copy of the disk would otherwise open today's.
 */
import type { KeyObject } from 'node:crypto';

import { fail } from '../errors.ts';
import { takeKey } from '../lib/crypto/hash.ts';
import { pinnedCopy } from '../lib/crypto/pinned.ts';
import type { Store } from '../storage/store.ts';
import type { Barrier } from './barrier.ts';
import { replaceKeys } from './replace-keys.ts';
import { noteMigration } from './migrated.ts';
import { SHAMIR, type AutoSeal, type Seals } from './seals.ts';
import { decryptRoot, isRecoveryKey, RECOVERY_KEY, type Stored } from './stored.ts';

export interface Migration {
  readonly raw: Store;
  readonly seals: Seals;
  readonly barrier: Barrier;
  /** The seals that open it now; none when people do. */
  readonly from: readonly AutoSeal[];
  /** Who gave the last share, and when: milliseconds since the epoch. */
  readonly by: { readonly address: string; readonly at: number };
}

const OPEN_TIMEOUT_MS = 30_000;

const rootOf = (migration: Migration, stored: Stored, shareKey: Uint8Array) =>
  migration.from.length === 0 ? byShares(stored, shareKey) : bySeal(migration, stored, shareKey);

/**
 * In one transaction; the barrier is unsealed afterwards. `shareKey` is what the given shares add up to, undefined
 * where they add up to nothing, and the caller's to wipe. Throws `invalidShares` when it is the wrong one; rejects as the seals do when they cannot be reached.
 */
export async function migrate(migration: Migration, stored: Stored, shareKey: Uint8Array | undefined): Promise<void> {
  const { raw, seals, barrier, from, by } = migration;
  const root = shareKey === undefined ? undefined : await rootOf(migration, stored, shareKey);
  if (root === undefined || shareKey === undefined) {
    const what = from.length === 0 ? 'unseal' : 'recovery';
    throw fail(
      'invalidShares',
      `at least one of the shares is wrong: a migration takes the ${what} keys of before; start again with the first`,
    );
  }
  const names = (all: readonly AutoSeal[]): readonly string[] =>
    all.length === 0 ? [SHAMIR] : all.map(({ name }) => name);
  const migrated = { from: names(from), to: names(seals.enabled) };
  barrier.unseal(root);
  try {
    const kept = from.length > 0 && seals.auto;
    await replaceKeys({ seals, barrier, announce: async () => undefined }, stored, {
      split: stored.config,
      note: (tx) => {
        noteMigration(tx, { ...migrated, ...by });
      },
      ...(kept ? {} : { shareKey: pinnedCopy(shareKey) }),
    });
  } catch (error) {
    barrier.seal();
    throw error;
  }
  seals.log.info('the seal is migrated', { ...migrated, index: raw.position.sequence });
}

const byShares = ({ root, configBytes }: Stored, shareKey: Uint8Array): KeyObject | undefined =>
  decryptRoot(root, takeKey(pinnedCopy(shareKey)), configBytes);

async function bySeal({ raw, seals, from }: Migration, stored: Stored, shareKey: Uint8Array) {
  const { root } = await seals.open(stored, from, AbortSignal.timeout(OPEN_TIMEOUT_MS));
  using snapshot = raw.snapshot();
  return isRecoveryKey(root, shareKey, snapshot.get(RECOVERY_KEY)) ? root : undefined;
}
