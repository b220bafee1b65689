/** Leases by prefix and by standing, in pages: their ids are in their records, so names are in no order of their own. */
import type { Page, Snapshot, Store } from '../../storage/store.ts';
import { everyKey } from '../../storage/every-key.ts';
import { keys } from '../keys.ts';
import type { LeaseRecord } from './lease.ts';
import { countOf, readLease } from './lease-records.ts';

/** Folders end in a slash; a lease is the last part of its id. */
export type Names = readonly string[];

/** The folder's prefix: a closing slash, or nothing for the whole namespace. */
export const folderOf = (prefix: string): string => (prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`);

export interface LeaseFolder {
  readonly store: Store;
  readonly namespace: string;
  readonly prefix: string;
  /** The storage key of a lease, from its id. */
  readonly keyOf: (id: string) => string;
}

/** What lies right below a folder: a page, `after` a name of the page before. Those that are being made are left out. */
export function leaseNames({ store, namespace, prefix, keyOf }: LeaseFolder, { after, limit }: Page): Names {
  const folder = folderOf(prefix);
  const from = keys.leasePaths(namespace) + folder;
  using snapshot = store.snapshot();
  const found: string[] = [];
  let behind = after === undefined || after.endsWith('/') ? after : keyOf(folder + after);
  while (found.length < limit) {
    const wanted = limit - found.length;
    const page = snapshot.children(from, { limit: wanted, ...(behind === undefined ? {} : { after: behind }) });
    for (const child of page) {
      const name = child.endsWith('/') ? child : lastOf(readLease(snapshot, child));
      if (name !== undefined) found.push(name);
    }
    if (page.length < wanted) break;
    behind = page.at(-1);
  }
  return found;
}

function lastOf(record: LeaseRecord | undefined): string | undefined {
  return record === undefined || record.state.kind === 'pending' ? undefined : record.id.slice(record.path.length + 1);
}

/** Storage keys of the leases below a prefix, a page of them; `after` a key of the page before, with its path. */
export function leasesBelow(
  snapshot: Snapshot,
  { namespace, prefix }: Pick<LeaseFolder, 'namespace' | 'prefix'>,
  page: Page,
): readonly { readonly at: string; readonly key: string }[] {
  return snapshot
    .list(keys.leasePaths(namespace) + folderOf(prefix), page)
    .map((at) => ({ at, key: at.slice(at.lastIndexOf('/') + 1) }));
}

/** Those that could not be revoked, up to `limit`, in the order in which they ended. */
export function irrevocable(store: Store, namespaces: readonly string[], limit: number): readonly LeaseRecord[] {
  using snapshot = store.snapshot();
  const found: LeaseRecord[] = [];
  for (const namespace of namespaces) {
    for (const entry of everyKey(snapshot, keys.leaseFailures(namespace))) {
      if (found.length >= limit) break;
      const record = readLease(snapshot, entry.slice(keys.leaseFailures(namespace).length));
      if (record !== undefined) found.push(record);
    }
  }
  const endOf = ({ state }: LeaseRecord): number => (state.kind === 'irrevocable' ? state.ended : 0);
  return found.sort((a, b) => endOf(a) - endOf(b) || (a.id < b.id ? -1 : 1));
}

/** How many of each mount could not be revoked, by the mount's UUID. From the counts alone: no lease is read. */
export function failedByMount(store: Store, namespace: string): ReadonlyMap<string, number> {
  using snapshot = store.snapshot();
  const prefix = keys.leaseCounts(namespace);
  const found = new Map<string, number>();
  for (const entry of everyKey(snapshot, prefix)) {
    const mount = entry.slice(prefix.length);
    const { irrevocable: failed } = countOf(snapshot, namespace, mount);
    if (failed > 0) found.set(mount, failed);
  }
  return found;
}
