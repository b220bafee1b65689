/** Events as Vault sends them: CloudEvents 1.0 in JSON (`json=true`). */
import { uuid } from '../../lib/crypto/random.ts';
import type { DataChange } from '../../framework/plugin.ts';
import type { Mounted } from '../mounts/mount-table.ts';

export interface Told {
  readonly mounted: Mounted;
  readonly change: DataChange;
  /** Wall-clock milliseconds. */
  readonly time: number;
}

/** `asked` is the type as the subscriber wrote it: Vault repeats it. */
export function cloudEvent({ mounted, change, time }: Told, asked: string): string {
  const id = uuid();
  const { record, path: mount } = mounted;
  const metadata: Record<string, string> = {
    ...(change.currentVersion === undefined ? {} : { current_version: String(change.currentVersion) }),
    data_path: mount + change.dataPath,
    modified: 'true',
    ...(change.oldestVersion === undefined ? {} : { oldest_version: String(change.oldestVersion) }),
    operation: change.type.slice(change.type.indexOf('/') + 1),
    path: mount + change.path,
  };
  return JSON.stringify({
    id,
    source: 'lockstep://node',
    specversion: '1.0',
    type: asked,
    data: {
      event: { id, metadata },
      ...(record.namespace === undefined ? {} : { namespace: record.namespace }),
      event_type: change.type,
      plugin_info: {
        mount_class: record.table,
        mount_accessor: record.accessor,
        mount_path: mount,
        plugin: record.type,
        ...(record.options?.['version'] === undefined ? {} : { version: record.options['version'] }),
      },
    },
    // Vault writes this name with one t less than CloudEvents does, and its clients look for it.
    datacontentype: 'application/cloudevents',
    time: new Date(time).toISOString(),
  });
}
