/** How storage keys map to API paths: the key layout of the core and the plug-ins' own, for filters. */
import type { MountRecord } from '../core/mounts/mount.ts';
import { fullPath, isBuiltIn } from '../core/mounts/mount.ts';
import { ROOT } from '../core/namespaces/namespace.ts';
import type { NamespaceRecord } from '../core/namespaces/namespace.ts';
import type { PluginRegistry } from '../core/registry-contract.ts';
import { BoundedMap } from '../lib/bounded-map.ts';
import { decodeRecord } from '../lib/record.ts';
import type { LogicalPath } from './filter.ts';
import type { Write } from './protocol.ts';
import type { RegionRecord } from './registry.ts';
import type { Layout, Mount, Mounts } from './view.ts';

const MOUNT = /^s\/[^/]+\/mounts\/([^/]+)$/;
/** A namespace is looked after as a mount of everything below its path: it comes into view and leaves as a whole. */
const NAMESPACE = /^s\/root\/namespaces\/([^/]+)$/;
const NAME = /^s\/([^/]+)\/names\/(.+)$/s;
/** Documents that are kept by their names, and where the API has them. */
const DOCUMENT = /^s\/([^/]+)\/(policies|password-policies|workflows)\/(.+)$/s;
const DOCUMENTS: Readonly<Record<string, string>> = {
  policies: 'sys/policies/acl/',
  'password-policies': 'sys/policies/password/',
  workflows: 'sys/workflows/manage/',
};
/** Quotas count what reaches the node itself: each region has those that its filter lets in. */
const QUOTA = /^s\/root\/quotas\/(.+)$/s;
const DATA = /^s\/([^/]+)\/data\/([^/]+)\/(.*)$/s;
/** What belongs to a namespace and to no mount of its own. */
const OF_NAMESPACE = /^s\/([^/]+)\/(?:names|policies|password-policies|workflows|login-enforcements|data)\//;
/** A region that does not know which logins need a second factor would let them through: who may take any has them all. */
const ENFORCEMENT = /^s\/([^/]+)\/login-enforcements\//;
const REGION = /^h\/[^/]+\/regions\/([^/]+)$/;

interface TypedMount extends Mount {
  readonly table: MountRecord['table'];
  readonly type: string;
}

const record = (path: string): LogicalPath => ({ kind: 'record', path });
const whole = (path: string): LogicalPath => ({ kind: 'mount', path });

/** undefined: that namespace is not known, and nothing of it is in any view. */
const pathOfNamespace = (id: string, mounts: Mounts): string | undefined =>
  id === ROOT.id ? '' : mounts.get(id)?.path;

function inNamespace(id: string, mounts: Mounts, below: string): LogicalPath | undefined {
  const path = pathOfNamespace(id, mounts);
  return path === undefined ? undefined : record(path + below);
}

/** Keys; more than most batches write. */
const MOST_REMEMBERED = 1_024;

/** What is read out of a key alone: the streams of all regions ask it of the same keys, those of the newest batches. */
function remembered<T>(read: (key: string) => T): (key: string) => T {
  const known = new BoundedMap<string, { readonly value: T }>(MOST_REMEMBERED);
  return (key) => {
    const found = known.get(key);
    if (found !== undefined) return found.value;
    const value = read(key);
    known.set(key, { value });
    return value;
  };
}

const namespaceIn = remembered((key) => key.split('/', 2)[1] ?? '');

/** Most keys are data: they are told by the part behind their namespace, which costs less than to remember them. */
function mountRecord(key: string): string | undefined {
  const at = key.indexOf('/', 2);
  if (!key.startsWith('/mounts/', at) && !key.startsWith('/namespaces/', at)) return undefined;
  return (MOUNT.exec(key) ?? NAMESPACE.exec(key))?.[1];
}

const dataKey = remembered((key) => {
  const [, namespace, id = '', rest = ''] = DATA.exec(key) ?? [];
  return namespace === undefined ? undefined : { namespace, id, rest, isBuiltIn: isBuiltIn({ uuid: id }) };
});
type DataKey = NonNullable<ReturnType<typeof dataKey>>;

function mountOf(key: string): string | undefined {
  const data = dataKey(key);
  if (data?.isBuiltIn === false) return data.id;
  const namespace = OF_NAMESPACE.exec(key)?.[1];
  return namespace === ROOT.id ? data?.id : namespace;
}

function pathOfData(registry: PluginRegistry, data: DataKey, mounts: Mounts): LogicalPath | undefined {
  const { namespace, id, rest } = data;
  // Shared data of a built-in mount: the roles of `auth/token`.
  if (data.isBuiltIn) return inNamespace(namespace, mounts, `${id === 'token' ? 'auth/token' : id}/${rest}`);
  const mount = mounts.get(id) as TypedMount | undefined;
  if (mount === undefined) return undefined;
  const plugin = mount.table === 'auth' ? registry.auth[mount.type] : registry.engines[mount.type];
  // A plug-in that does not say what its keys mean is replicated as a whole or not at all.
  if (plugin?.logicalPath === undefined) return record(mount.path);
  const below = plugin.logicalPath(rest);
  return below === undefined ? whole(mount.path) : record(mount.path + below);
}

/** Of a record that is no mount's data. */
function pathOfOther(key: string, mounts: Mounts): LogicalPath | undefined {
  const enforced = ENFORCEMENT.exec(key)?.[1];
  if (enforced !== undefined) {
    const path = pathOfNamespace(enforced, mounts);
    return path === undefined ? undefined : whole(path);
  }
  const quota = QUOTA.exec(key)?.[1];
  return quota === undefined ? pathOfNamed(key, mounts) : record(`sys/quotas/${quota}`);
}

function pathOfNamed(key: string, mounts: Mounts): LogicalPath | undefined {
  const [, home = '', kind = '', name] = DOCUMENT.exec(key) ?? [];
  if (name !== undefined) return inNamespace(home, mounts, `${DOCUMENTS[kind] ?? ''}${name}`);
  const mount = mountRecord(key);
  const known = mount === undefined ? undefined : mounts.get(mount);
  if (known !== undefined) return whole(known.path);
  const [, parent = '', below] = NAME.exec(key) ?? [];
  const above = pathOfNamespace(parent, mounts);
  return below === undefined || above === undefined ? undefined : whole(`${above}${below}/`);
}

function readMount({ key, value }: Write): Mount | undefined {
  const id = mountRecord(key);
  if (NAMESPACE.test(key)) return namespaceOf(key, value);
  const found = read<MountRecord>(value);
  if (id === undefined || found === undefined) return undefined;
  const namespace = namespaceIn(key);
  const mount: TypedMount = {
    ...{ id, path: fullPath(found), record: key, data: `s/${namespace}/data/${id}/` },
    ...{ table: found.table, type: found.type },
  };
  return mount;
}

/** What no region gets: namespaces with a seal of their own, and what is in them. */
export interface Apart {
  readonly id: (namespace: string) => boolean;
  /** By its path, with a closing slash. */
  readonly path: (path: string) => boolean;
}

const NOTHING_APART: Apart = { id: () => false, path: () => false };

/** `apart`: asked at the hub, as things are now. */
export function createLayout(registry: PluginRegistry, apart: Apart = NOTHING_APART): Layout {
  const layout = everything(registry);
  return {
    ...layout,
    isApart: (key) => apart.id(namespaceIn(key)),
    pathOf: (key, mounts) => {
      if (apart.id(namespaceIn(key))) return undefined;
      const found = layout.pathOf(key, mounts);
      return found?.kind === 'mount' && apart.path(found.path) ? undefined : found;
    },
    readMount: (write) => (apart.id(namespaceIn(write.key)) ? undefined : layout.readMount(write)),
  };
}

function everything(registry: PluginRegistry): Layout {
  return {
    mountRecord,
    mountOf,
    readMount,
    regionRecord: (key) => REGION.exec(key)?.[1],
    pathOf: (key, mounts) => {
      const data = dataKey(key);
      return data === undefined ? pathOfOther(key, mounts) : pathOfData(registry, data, mounts);
    },
    readRule: ({ value }) => {
      const found = read<RegionRecord>(value);
      return found === undefined ? undefined : { filter: found.filter, version: found.version };
    },
  };
}

function namespaceOf(key: string, value: Uint8Array | undefined): Mount | undefined {
  const found = read<NamespaceRecord>(value);
  // One with a seal of its own, or in such a one, is in no view.
  if (found === undefined || found.domain !== undefined) return undefined;
  return { id: found.id, path: found.path, record: key, data: `s/${found.id}/` };
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
