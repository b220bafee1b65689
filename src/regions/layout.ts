/** How storage keys map to API paths: the key layout of the core and the plug-ins' own, for filters. */
import type { MountRecord } from '../core/mounts/mount.ts';
import { isBuiltIn, requestPath } from '../core/mounts/mount.ts';
import type { PluginRegistry } from '../core/registry-contract.ts';
import { decodeRecord } from '../lib/record.ts';
import type { LogicalPath } from './filter.ts';
import type { RegionRecord } from './registry.ts';
import type { Layout, Mount, Mounts } from './view.ts';

const MOUNT = /^s\/[^/]+\/mounts\/([^/]+)$/;
const POLICY = /^s\/[^/]+\/policies\/(.+)$/s;
const PASSWORD_POLICY = /^s\/[^/]+\/password-policies\/(.+)$/s;
const DATA = /^s\/[^/]+\/data\/([^/]+)\/(.*)$/s;
const REGION = /^h\/[^/]+\/regions\/([^/]+)$/;

interface TypedMount extends Mount {
  readonly table: MountRecord['table'];
  readonly type: string;
}

const record = (path: string): LogicalPath => ({ kind: 'record', path });
const whole = (path: string): LogicalPath => ({ kind: 'mount', path });

export function createLayout(registry: PluginRegistry): Layout {
  const pathOfData = (id: string, key: string, mounts: Mounts): LogicalPath | undefined => {
    // Shared data of a built-in mount: the roles of `auth/token`.
    if (isBuiltIn({ uuid: id })) return record(`${id === 'token' ? 'auth/token' : id}/${key}`);
    const mount = mounts.get(id) as TypedMount | undefined;
    if (mount === undefined) return undefined;
    const plugin = mount.table === 'auth' ? registry.auth[mount.type] : registry.engines[mount.type];
    // A plug-in that does not say what its keys mean is replicated as a whole or not at all.
    if (plugin?.logicalPath === undefined) return record(mount.path);
    const below = plugin.logicalPath(key);
    return below === undefined ? whole(mount.path) : record(mount.path + below);
  };
  const mountRecord = (key: string): string | undefined => MOUNT.exec(key)?.[1];
  return {
    mountRecord,
    mountOf: (key) => DATA.exec(key)?.[1],
    regionRecord: (key) => REGION.exec(key)?.[1],
    pathOf: (key, mounts) => {
      const policy = POLICY.exec(key)?.[1];
      if (policy !== undefined) return record(`sys/policies/acl/${policy}`);
      const password = PASSWORD_POLICY.exec(key)?.[1];
      if (password !== undefined) return record(`sys/policies/password/${password}`);
      const mount = mountRecord(key);
      if (mount !== undefined) {
        const known = mounts.get(mount);
        return known === undefined ? undefined : whole(known.path);
      }
      const [, id, below] = DATA.exec(key) ?? [];
      return id === undefined || below === undefined ? undefined : pathOfData(id, below, mounts);
    },
    readMount: ({ key, value }) => {
      const id = mountRecord(key);
      const found = read<MountRecord>(value);
      if (id === undefined || found === undefined) return undefined;
      const namespace = key.split('/')[1] ?? '';
      const mount: TypedMount = {
        ...{ id, path: requestPath(found), record: key, data: `s/${namespace}/data/${id}/` },
        ...{ table: found.table, type: found.type },
      };
      return mount;
    },
    readRule: ({ value }) => {
      const found = read<RegionRecord>(value);
      return found === undefined ? undefined : { filter: found.filter, version: found.version };
    },
  };
}

/** Unreadable is as if it were not there: such a mount or region is in no view. */
function read<T>(value: Uint8Array | undefined): T | undefined {
  if (value === undefined) return undefined;
  try {
    return decodeRecord<T>(value);
  } catch {
    return undefined;
  }
}
