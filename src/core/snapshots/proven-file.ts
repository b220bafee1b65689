/** Whether a file is a snapshot that this node may load, told before anything of it is put anywhere. */
import { createReadStream } from 'node:fs';
import type { KeyObject } from '../../lib/crypto/hash.ts';
import { readSnapshot, UNPROVEN_CHUNK, type ReadSnapshot } from '../../lib/snapshot/reader.ts';
import { KEYRING_KEY } from '../../seal/keyring.ts';
import { checkSeal } from '../../seal/snapshot-proof.ts';

/**
 * Checks all sums, and that they were made under this root key; no chunk is held in memory. Throws `snapshotDamaged`,
 * `snapshotVersion` or `snapshotKeys`.
 */
export async function proveFile(path: string, root: KeyObject): Promise<ReadSnapshot> {
  const found = await readSnapshot(createReadStream(path), {});
  await checkSeal(root, found, () => keyringOf(path));
  return found;
}

/** Where the proof fails, the keyring tells whether the file is of other keys. */
async function keyringOf(path: string): Promise<Uint8Array | undefined> {
  let keyring: Uint8Array | undefined;
  await readSnapshot(createReadStream(path), {
    largest: UNPROVEN_CHUNK,
    chunk: (records) => {
      for (const { key, value } of records) if (key === KEYRING_KEY) keyring = value && Uint8Array.from(value);
    },
  });
  return keyring;
}
