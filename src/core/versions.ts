/** Which versions of the program this node has run, and since when: for `sys/version-history`. */
import { decodeRecord, encodeRecord } from '../lib/record.ts';
import { version } from '../lib/version.ts';
import { everyKey } from '../storage/every-key.ts';
import type { Store, Transaction } from '../storage/store.ts';
import { keys } from './keys.ts';

interface VersionRecord {
  /** Milliseconds since the epoch. */
  readonly installed: number;
  readonly previous: string | null;
}

export interface InstalledVersion extends VersionRecord {
  readonly version: string;
}

/** The oldest first. */
export function installedVersions(store: Store): readonly InstalledVersion[] {
  using snapshot = store.snapshot();
  const found: InstalledVersion[] = [];
  for (const key of everyKey(snapshot, keys.versions)) {
    const bytes = snapshot.get(key);
    if (bytes !== undefined) {
      found.push({ version: key.slice(keys.versions.length), ...decodeRecord<VersionRecord>(bytes, key) });
    }
  }
  return found.sort((a, b) => a.installed - b.installed);
}

/** In the transaction that makes a node, and at its first unseal under another version. */
export function putVersion(tx: Transaction, now: number, previous: string | null = null): void {
  tx.put(keys.version(version), encodeRecord({ installed: now, previous } satisfies VersionRecord));
}

/** Notes the running version, unless that is done. */
export async function noteVersion(store: Store, now: number): Promise<void> {
  const known = installedVersions(store);
  if (known.some((each) => each.version === version)) return;
  await store.transact((tx) => {
    putVersion(tx, now, known.at(-1)?.version ?? null);
  });
}
