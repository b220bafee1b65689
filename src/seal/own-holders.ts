/**
 * The holders of the shares of one part of the data (`own-keys.ts`): whether they authorise, and new keys in the place of
 * theirs. As with the node's seal the root key changes too, and the keys of the data stay.
 */
import type { KeyObject } from 'node:crypto';

import { fail } from '../errors.ts';
import { takeKey } from '../lib/crypto/hash.ts';
import { pinnedCopy } from '../lib/crypto/pinned.ts';
import { failpoint } from '../lib/failpoint.ts';
import type { Snapshot } from '../storage/store.ts';
import { newKey } from './keyring.ts';
import { readOwnKeys, type OwnKeysPlace } from './own-keys.ts';
import type { HeldKeys } from './rekey.ts';
import type { KeyChange } from './replace-keys.ts';
import type { Session } from './session.ts';
import { combineShares } from './shamir/shares.ts';
import { decodeBackup, encodeBackup } from './share-backup.ts';
import { decryptRoot, encodeConfig, encryptRoot } from './stored.ts';

export interface OwnHoldersOptions {
  /** A snapshot of the store that the keys lie in. */
  readonly read: () => Pick<Snapshot, 'get'> & Disposable;
  readonly at: OwnKeysPlace;
  /** Throws while the part is sealed. */
  readonly session: () => Session;
  /** Told of the new root key, and waited for, before anything is stored: whoever reads the keyring must know it. */
  readonly announce: (root: KeyObject) => Promise<void>;
  /** One after the other with sealing and unsealing. */
  readonly inTurn: <T>(work: () => Promise<T>) => Promise<T>;
}

const KIND = 'root';

export function ownHolders(options: OwnHoldersOptions): HeldKeys {
  const { read, at, session, inTurn } = options;
  const stored = () => {
    using snapshot = read();
    return readOwnKeys(snapshot, at);
  };
  return {
    get shareholders() {
      const { type, shares, threshold } = stored().config;
      return { split: { shares, threshold }, auto: false, type };
    },
    authorise: async (shares) => {
      const { config, configBytes, root } = stored();
      const key = await combineShares(shares, config);
      return key !== undefined && decryptRoot(root, takeKey(key), configBytes) !== undefined;
    },
    replaceKeys: (change) => inTurn(() => replaceOwnKeys(options, change)),
    backup: (kind) => {
      const root = session().rootKey;
      using snapshot = read();
      const kept = kind === KIND ? snapshot.get(at.backup) : undefined;
      return kept === undefined ? undefined : decodeBackup(root, KIND, kept);
    },
    deleteBackup: async (kind) => {
      if (kind !== KIND) return;
      await session().raw.transact((tx) => {
        tx.delete(at.backup);
      });
    },
  };
}

/** In one transaction: what is stored belongs to the old shares, or to the new ones. */
async function replaceOwnKeys({ read, at, session, announce }: OwnHoldersOptions, change: KeyChange): Promise<void> {
  const open = session();
  const before = open.rootKey;
  const stored = (() => {
    using snapshot = read();
    return readOwnKeys(snapshot, at);
  })();
  const { shareKey, split, backup } = change;
  if (shareKey === undefined) throw fail('internal', 'keys that people hold need new shares');
  const root = newKey();
  const config = encodeConfig(stored.config.type, split, stored.config.nonce);
  const sealed = encryptRoot(root, { unsealKey: takeKey(pinnedCopy(shareKey)), config });
  await announce(root);
  failpoint('own-keys.before-replace');
  await open.changeRoot(root, (tx) => {
    const found = tx.get(at.root);
    if (found === undefined || Buffer.compare(found, stored.root) !== 0) {
      throw fail('conflict', 'the keys were changed, or deleted, meanwhile: start again');
    }
    tx.put(at.config, config);
    tx.put(at.root, sealed);
    const kept = tx.get(at.backup);
    const now = backup?.shares ?? (kept === undefined ? undefined : decodeBackup(before, KIND, kept));
    if (now !== undefined) tx.put(at.backup, encodeBackup(root, KIND, now));
    failpoint('own-keys.in-replace');
  });
  failpoint('own-keys.after-replace');
}
