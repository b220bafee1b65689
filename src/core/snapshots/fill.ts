/** A store that holds what a snapshot holds, for reading: nothing is ever written after it. */
import { createReadStream } from 'node:fs';
import type { SnapshotMeta } from '../../lib/snapshot/meta.ts';
import { readSnapshot, type ReadSnapshot } from '../../lib/snapshot/reader.ts';
import type { LocalStore } from '../../storage/local/local-store.ts';
import type { NewHistory } from '../../storage/local/replacement.ts';

/**
 * Fills an empty store from a file. `check` judges what was read before it counts. Throws as `readSnapshot` and `check` do;
 * then the store is as it was.
 */
export async function fillStore(
  store: LocalStore,
  path: string,
  { check, signal }: { readonly check: (found: ReadSnapshot) => void; readonly signal: AbortSignal },
): Promise<ReadSnapshot> {
  const replacement = await store.replacement();
  let installed = false;
  try {
    const found = await readSnapshot(createReadStream(path), {
      chunk: async (records) => {
        signal.throwIfAborted();
        await replacement.write(records);
      },
    });
    check(found);
    await replacement.complete(historyOf(found.meta));
    installed = true;
    await store.replace(replacement);
    return found;
  } catch (error) {
    if (!installed) await replacement.discard();
    throw error;
  }
}

/** As it was. */
function historyOf({ log, epoch, sequence, hash }: SnapshotMeta): NewHistory {
  const [number = '', id = ''] = epoch.split('.', 2);
  return {
    log,
    epoch: { number: Number(number), id, forkedAt: sequence },
    head: { position: { epoch, sequence }, hash: Buffer.from(hash, 'hex') },
  };
}
