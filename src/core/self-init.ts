/**
 * A node that initialises itself is complete when its last request has been made. Until then a mark stands in the store,
 * put there in the transaction that made the keys: whatever ends the process in between, the node is never taken for one
 * that has all its policies and audit devices.
 */
import type { Store, Transaction } from '../storage/store.ts';
import { keys } from './keys.ts';

/** What to do then. Nobody has keys to such a store. */
export const CUT_OFF =
  'this store was initialised from the configuration, but not to the end (a request failed, or the process was ended): ' +
  'empty the data directory and start again; nobody holds a token or key of it';

export function beginSelfInit(tx: Transaction): void {
  tx.put(keys.selfInit, new Uint8Array());
}

export async function finishSelfInit(store: Store): Promise<void> {
  await store.transact((tx) => {
    tx.delete(keys.selfInit);
  });
}

export function selfInitUnfinished(store: Store): boolean {
  using snapshot = store.snapshot();
  return snapshot.get(keys.selfInit) !== undefined;
}
