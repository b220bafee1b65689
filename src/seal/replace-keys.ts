/** Puts new keys in the place of all above the keyring: the unseal key, the root key, the recovery key. */
import type { KeyObject } from 'node:crypto';

import { fail } from '../errors.ts';
import { takeKey } from '../lib/crypto/hash.ts';
import { failpoint } from '../lib/failpoint.ts';
import { pinnedCopy } from '../lib/crypto/pinned.ts';
import type { Transaction } from '../storage/store.ts';
import type { Barrier } from './barrier.ts';
import { newKey } from './keyring.ts';
import type { Seal } from './seal.ts';
import type { Split } from './shamir/shares.ts';
import { BACKUP_KEYS, encodeBackup, moveBackup, type ShareBackup, type ShareKind } from './share-backup.ts';
import {
  CONFIG_KEY,
  encodeConfig,
  encodeRecovery,
  encryptRoot,
  moveRecovery,
  RECOVERY_KEY,
  ROOT_KEY,
  type Stored,
} from './stored.ts';

export interface KeyChange {
  /** Of the shares from now on. */
  readonly split: Split;
  /**
   * The key that the new shares give: the unseal key, or with auto-unseal the recovery key. Absent, with auto-unseal: the
   * recovery shares stay.
   */
  readonly shareKey?: Uint8Array | undefined;
  /** Encrypted shares to keep. */
  readonly backup?: { readonly kind: ShareKind; readonly shares: ShareBackup } | undefined;
}

export interface Replacing {
  readonly seal: Seal;
  readonly barrier: Barrier;
  /** Told of the new root key, and waited for, before anything is stored: whoever reads the keyring must know it. */
  readonly announce: (root: KeyObject) => Promise<void>;
}

const WRAP_TIMEOUT_MS = 30_000;

/**
 * In one transaction: what is stored belongs to the old shares, or to the new ones. The root key changes as well, since
 * whoever had old shares and an old copy of the disk would otherwise open today's.
 */
export async function replaceKeys(replacing: Replacing, stored: Stored, change: KeyChange): Promise<void> {
  const { seal, barrier, announce } = replacing;
  const before = barrier.rootKey;
  const root = newKey();
  const unsealKey =
    seal.wrapper === undefined && change.shareKey !== undefined ? takeKey(pinnedCopy(change.shareKey)) : newKey();
  const wrapped = (await seal.wrapper?.wrap(unsealKey, AbortSignal.timeout(WRAP_TIMEOUT_MS))) ?? new Uint8Array(0);
  const config = encodeConfig(seal.type, change.split, stored.config.nonce);
  const sealed = encryptRoot(root, { unsealKey, config, wrapped });
  await announce(root);
  failpoint('seal.before-replace');
  await barrier.changeRoot(root, (tx) => {
    const found = tx.get(ROOT_KEY);
    if (found === undefined || Buffer.compare(found, stored.root) !== 0) {
      throw fail('conflict', 'the keys of the seal were changed meanwhile: start again');
    }
    tx.put(CONFIG_KEY, config);
    tx.put(ROOT_KEY, sealed);
    moveRest(tx, { before, root, seal }, change);
    failpoint('seal.in-replace');
  });
  failpoint('seal.after-replace');
}

interface Move {
  readonly before: KeyObject;
  readonly root: KeyObject;
  readonly seal: Seal;
}

/** What else is under the root key. */
function moveRest(tx: Transaction, { before, root, seal }: Move, { shareKey, backup }: KeyChange): void {
  if (seal.wrapper !== undefined) {
    const kept = (): Uint8Array => moveRecovery(before, root, tx.get(RECOVERY_KEY));
    tx.put(RECOVERY_KEY, shareKey === undefined ? kept() : encodeRecovery(root, shareKey));
  }
  for (const kind of ['root', 'recovery'] as const) {
    const key = BACKUP_KEYS[kind];
    const kept = tx.get(key);
    if (backup?.kind === kind) tx.put(key, encodeBackup(root, kind, backup.shares));
    else if (kept !== undefined) tx.put(key, moveBackup(before, root, kind, kept));
  }
}
