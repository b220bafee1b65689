/** KV: version 1 (one value a path) and version 2 (versions, check-and-set, metadata), by the mount's option `version`. */
import type { Path } from '../../framework/path.ts';
import { plugin, type AnyPlugin, type MountView } from '../../framework/plugin.ts';
import { retune } from './upgrade.ts';
import { v1Changes, v1DataAt, v1LogicalPath, v1Paths, v1Recovered, type KvV1 } from './v1.ts';
import { v2Changes, v2DataAt } from './v2/changes.ts';
import { configPaths } from './v2/config.ts';
import { dataPaths } from './v2/data.ts';
import { metadataPaths } from './v2/metadata.ts';
import { v2Recovered } from './v2/recovered.ts';
import { v2LogicalPath, v2RequestPath, type KvV2 } from './v2/records.ts';
import { versionPaths } from './v2/versions.ts';

interface Kv extends KvV1, KvV2 {}

const v2Paths = [...configPaths, ...dataPaths, ...metadataPaths, ...versionPaths];

export const kv: AnyPlugin = plugin<Kv>({
  type: 'kv',
  help: 'Names and values at paths.',
  open: (view: MountView) => ({ view }),
  paths: ({ options }): readonly Path<Kv>[] => (options['version'] === '2' ? v2Paths : v1Paths),
  unsupported: (options) =>
    options['version'] === '2'
      ? 'in version 2 values lie below data/ and names below metadata/ of the mount, and `lockstep kv` adds that itself'
      : undefined,
  retune,
  // The versions keep apart keys of their own, so one mapping serves both.
  requestPath: (rest, options) => (options['version'] === '2' ? v2RequestPath(rest) : rest),
  logicalPath: (key) => v1LogicalPath(key) ?? v2LogicalPath(key),
  changes: (writes) => [...v1Changes(writes), ...v2Changes(writes)],
  fromSnapshot: {
    recovered: (mounts, call) =>
      (mounts.live.view.options['version'] === '2' ? v2Recovered : v1Recovered)(mounts, call),
    lists: (options) => options['version'] !== '2',
  },
  dataAt: (mount, dataPath, version) =>
    (mount.view.options['version'] === '2' ? v2DataAt : v1DataAt)(mount, dataPath, version),
});
