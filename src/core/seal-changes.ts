/**
 * What was done with the seal, written down after it was done so that subscribers are told: what the seal keeps of itself
 * lies outside the log that they follow.
 */
import { encodeRecord } from '../lib/record.ts';
import type { Store } from '../storage/store.ts';
import { keys } from './keys.ts';

/** Below `sys/`: where each is read. */
export const SEAL_PATHS = {
  unseal: 'seal-status',
  seal: 'seal-status',
  migrate: 'seal-status',
  rekey: 'rekey/init',
  rotate: 'key-status',
  'generate-root': 'generate-root/attempt',
} as const;

export type SealChange = keyof typeof SEAL_PATHS;

export const isSealChange = (what: string): what is SealChange => Object.hasOwn(SEAL_PATHS, what);

/**
 * The newest of each kind. `at`: milliseconds since the epoch. Never rejects: new shares are shown, and a node is sealed,
 * also where the disk is full.
 */
export async function noteSealChange(store: Store, what: SealChange, at: number): Promise<void> {
  const noted = store.transact((tx) => {
    tx.put(keys.sealChange(what), encodeRecord({ at }));
  });
  await noted.catch(() => undefined);
}
