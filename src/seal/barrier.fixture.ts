/** What the tests of the barrier start from. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';

import { openMemoryStore, type MemoryStoreOptions } from '../storage/memory/open.ts';
import type { Store } from '../storage/store.ts';
import { Barrier, createBarrier, type BarrierOptions } from './barrier.ts';
import { Keyring, KEYRING_KEY, newKey } from './keyring.ts';

export const key = 's/root/data/3c2f/apps/db';

export async function unsealed(t: TestContext, options?: BarrierOptions, memory?: MemoryStoreOptions) {
  const raw = openMemoryStore(memory);
  t.after(() => raw[Symbol.asyncDispose]());
  const root = newKey();
  await raw.transact((tx) => {
    createBarrier(tx, root, 1_000, () => undefined);
  });
  const barrier = new Barrier(raw, { now: () => 2_000, ...options });
  return { raw, root, barrier, store: barrier.unseal(root) };
}

export function rawOf(raw: Store, name: string): Buffer {
  using snapshot = raw.snapshot();
  return Buffer.from(snapshot.get(name) ?? assert.fail(`${name} is absent`));
}

export const termOf = (raw: Store, name: string): number => rawOf(raw, name).readUInt32BE(1);
export const storedKeyring = (raw: Store, root: ReturnType<typeof newKey>): Keyring =>
  Keyring.decrypt(root, rawOf(raw, KEYRING_KEY));
