/** What ties a snapshot to the keys that it was taken under, and a restore to those it is opened with. */
import type { KeyObject } from 'node:crypto';

import { fail } from '../errors.ts';
import { deriveKey, equalSecret, hmacSha256 } from '../lib/crypto/hash.ts';
import type { Replacement } from '../storage/local/replacement.ts';
import type { Store } from '../storage/store.ts';
import { Keyring } from './keyring.ts';
import { CONFIG_KEY, decodeConfig, RECOVERY_KEY, ROOT_KEY } from './stored.ts';

const INFO = 'lockstep snapshot';

/** `SHA256SUMS.sealed`: only who has the root key can make it, so nobody else can make a snapshot that is restored. */
export function sealSums(root: KeyObject, sums: string): string {
  return `hmac-sha256 ${hmacSha256(deriveKey(root, INFO), sums).toString('hex')}\n`;
}

/** What a reader of an archive found of its proof. */
export interface Proof {
  readonly sums: string;
  readonly sealed: Uint8Array;
}

const isProven = (root: KeyObject, { sums, sealed }: Proof): boolean =>
  equalSecret(sealed, Buffer.from(sealSums(root, sums)));
const notMade = (): Error =>
  fail('snapshotDamaged', 'the snapshot is damaged: SHA256SUMS.sealed was not made from SHA256SUMS');

/** Throws `snapshotDamaged` for one that a holder of this key did not write. */
export function proveSeal(root: KeyObject, proof: Proof): void {
  if (!isProven(root, proof)) throw notMade();
}

/**
 * Throws `snapshotKeys` for a snapshot of other keys, `snapshotDamaged` for one that their holder did not write. `keyring`
 * gives the keyring that it carries; it is asked only where the proof is not this key's.
 */
export async function checkSeal(
  root: KeyObject,
  proof: Proof,
  keyring: () => Promise<Uint8Array | undefined>,
): Promise<void> {
  if (isProven(root, proof)) return;
  const carried = await keyring();
  try {
    Keyring.decrypt(root, carried);
  } catch {
    throw fail(
      'snapshotKeys',
      'the snapshot was taken under other keys than this node has: snapshot-force restores it, and its own keys unseal it',
    );
  }
  throw notMade();
}

/** Throws `snapshotKeys` when the content could never be unsealed by the seal that this node is configured with. */
export function checkSealType(type: string, content: Pick<Replacement, 'get'>): void {
  const stored = content.get(CONFIG_KEY);
  if (stored === undefined) throw fail('snapshotDamaged', 'the snapshot holds no initialised node');
  const found = decodeConfig(stored).type;
  if (found === type) return;
  throw fail(
    'snapshotKeys',
    `the snapshot was taken under the seal "${found}", this node has "${type}": configure that one`,
  );
}

/** Under the same root key, the shares (or the wrapping) of today open what is restored: older ones stay replaced. */
export async function keepSeal(raw: Store, content: Replacement): Promise<void> {
  using snapshot = raw.snapshot();
  await content.write([CONFIG_KEY, ROOT_KEY, RECOVERY_KEY].map((key) => ({ key, value: snapshot.get(key) })));
}
