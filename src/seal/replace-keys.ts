/** Puts new keys in the place of all above the keyring: the unseal key, the root key, the recovery key. */
import type { KeyObject } from 'node:crypto';

import { fail } from '../errors.ts';
import { takeKey } from '../lib/crypto/hash.ts';
import { failpoint } from '../lib/failpoint.ts';
import { pinnedCopy } from '../lib/crypto/pinned.ts';
import type { Transaction } from '../storage/store.ts';
import type { Barrier } from './barrier.ts';
import { newKey } from './keyring.ts';
import { SHAMIR, type Seals } from './seals.ts';
import type { Split } from './shamir/shares.ts';
import { BACKUP_KEYS, decodeBackup, encodeBackup, type ShareBackup, type ShareKind } from './share-backup.ts';
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
import { encodeWrapped, WRAPPED_KEY } from './wrapped.ts';

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
  /** Writes what is to be there if and only if the new keys are. */
  readonly note?: (tx: Transaction) => void;
}

export interface Replacing {
  readonly seals: Seals;
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
  const { seals, barrier, announce } = replacing;
  const before = barrier.rootKey;
  const root = newKey();
  const unsealKey = !seals.auto && change.shareKey !== undefined ? takeKey(pinnedCopy(change.shareKey)) : newKey();
  const wrapped = await seals.wrapByAll(unsealKey, AbortSignal.timeout(WRAP_TIMEOUT_MS));
  const config = encodeConfig(seals.type, change.split, stored.config.nonce);
  const sealed = encryptRoot(root, { unsealKey, config });
  await announce(root);
  failpoint('seal.before-replace');
  await barrier.changeRoot(root, (tx) => {
    const found = tx.get(ROOT_KEY);
    if (found === undefined || Buffer.compare(found, stored.root) !== 0) {
      throw fail('conflict', 'the keys of the seal were changed meanwhile: start again');
    }
    tx.put(CONFIG_KEY, config);
    tx.put(ROOT_KEY, sealed);
    if (seals.auto) tx.put(WRAPPED_KEY, encodeWrapped(wrapped));
    else tx.delete(WRAPPED_KEY);
    change.note?.(tx);
    moveRest(tx, { before, root, auto: seals.auto, wasAuto: stored.config.type !== SHAMIR }, change);
    failpoint('seal.in-replace');
  });
  failpoint('seal.after-replace');
}

interface Move {
  readonly before: KeyObject;
  readonly root: KeyObject;
  /** Whether a machine unseals from now on, and did before. */
  readonly auto: boolean;
  readonly wasAuto: boolean;
}

/** What else is under the root key. */
function moveRest(tx: Transaction, { before, root, auto, wasAuto }: Move, { shareKey, backup }: KeyChange): void {
  if (auto) {
    const kept = (): Uint8Array => moveRecovery(before, root, tx.get(RECOVERY_KEY));
    tx.put(RECOVERY_KEY, shareKey === undefined ? kept() : encodeRecovery(root, shareKey));
  } else {
    tx.delete(RECOVERY_KEY);
  }
  const kinds = ['root', 'recovery'] as const;
  const found = kinds.map((kind) => ({ kind, kept: tx.get(BACKUP_KEYS[kind]) }));
  for (const { kind } of found) tx.delete(BACKUP_KEYS[kind]);
  for (const { kind, kept } of found) {
    if (kept === undefined) continue;
    // The same people hold the same shares, which are for something else from now on.
    const now = auto === wasAuto ? kind : auto ? 'recovery' : 'root';
    tx.put(BACKUP_KEYS[now], encodeBackup(root, now, decodeBackup(before, kind, kept)));
  }
  if (backup !== undefined) tx.put(BACKUP_KEYS[backup.kind], encodeBackup(root, backup.kind, backup.shares));
}
