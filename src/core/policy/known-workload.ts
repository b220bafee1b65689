/** Which workload an identity is: of the mount that stands for its cluster, and of what that said of its service account. */
import { recordAt } from '../../lib/record.ts';
import type { Snapshot } from '../../storage/store.ts';
import type { Identity } from '../identity/identity-store.ts';
import { keys } from '../keys.ts';
import type { MountRecord } from '../mounts/mount.ts';
import type { Workload } from './workload.ts';

/** The type of mounts that are clusters, and what their logins say, as Vault's method does. */
const CLUSTERS = 'kubernetes';
const NAMESPACE = 'service_account_namespace';
const SERVICE_ACCOUNT = 'service_account_name';

/** The name of the cluster that the mount is, as it is called now; undefined for every other mount, and one that is gone. */
function clusterOf(store: Pick<Snapshot, 'get'>, namespace: string, mount: string): string | undefined {
  for (const cls of ['s', 'l'] as const) {
    const record = recordAt<MountRecord>(store, keys.mount(cls, namespace, mount));
    if (record === undefined) continue;
    const isCluster = record.table === 'auth' && record.type === CLUSTERS && record.moving !== true;
    return isCluster ? record.path.slice(0, -1) : undefined;
  }
  return undefined;
}

/** undefined for who is none, and for who is one in two clusters: which of them asks is not told. */
export function workloadOf(store: Pick<Snapshot, 'get'>, { namespace, record }: Identity): Workload | undefined {
  const found = record.aliases.flatMap(({ mount, metadata }): readonly Workload[] => {
    const cluster = clusterOf(store, namespace, mount);
    if (cluster === undefined) return [];
    // Known by hand, and not logged in yet: nobody has said of which namespace it is. It counts as one that fills nothing.
    return [{ cluster, namespace: metadata?.[NAMESPACE] ?? '', serviceAccount: metadata?.[SERVICE_ACCOUNT] ?? '' }];
  });
  return found.length === 1 ? found[0] : undefined;
}
