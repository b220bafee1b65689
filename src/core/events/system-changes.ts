/**
 * What a batch did to the server itself: mounts, policies, identities, namespaces, audit devices, the seal. By keys and
 * records alone, like the changes of engines, so that regions and resumed subscribers are told the same. An event names the
 * path under which the thing is read below the built-in mount that answers it; no record is told.
 */
import type { DataChange } from '../../framework/plugin.ts';
import { decodeRecord } from '../../lib/record.ts';
import type { Write } from '../../storage/store.ts';
import { identityChange, IDENTITY_MOUNT } from '../identity/identity-keys.ts';
import { keys, namespaceOfKey, ROOT_NAMESPACE } from '../keys.ts';
import { requestPath, type MountRecord } from '../mounts/mount.ts';
import { idIn } from '../mounts/mount-id.ts';
import type { NamespaceRecord } from '../namespaces/namespace.ts';
import { isSealChange, SEAL_PATHS } from '../seal-changes.ts';
import { identityChanges } from './identity-changes.ts';

export interface MountedChange {
  readonly mount: string;
  readonly change: DataChange;
}

/** The request path that a mount had before the batch; undefined where nobody remembers. */
export type PathBefore = (uuid: string) => string | undefined;

/** Of one batch. */
interface Reading {
  readonly byKey: ReadonlyMap<string, Write>;
  readonly before: PathBefore;
}

type Derive = (write: Write, reading: Reading) => MountedChange | undefined;

const SYS = 'sys';

function onSys(namespace: string, type: string, dataPath: string): MountedChange {
  const operation = /\/(?:delete|disable)$/.test(type) ? 'delete' : 'write';
  return { mount: idIn(namespace, SYS), change: { type, operation, dataPath, path: dataPath } };
}

const bare = (path: string): string => (path.endsWith('/') ? path.slice(0, -1) : path);
const last = (key: string): string => key.slice(key.lastIndexOf('/') + 1);

/** `auth/approle/` is read at `sys/auth/approle`, `secret/` at `sys/mounts/secret`. */
function onMount(namespace: string, path: string, what: string): MountedChange {
  const auth = path.startsWith('auth/');
  return onSys(namespace, `${auth ? 'auth' : 'mount'}/${what}`, bare(auth ? path : `mounts/${path}`));
}

const mountChange: Derive = ({ key, value }, { byKey, before }) => {
  const namespace = namespaceOfKey(key, 's', 'mounts') ?? namespaceOfKey(key, 'l', 'mounts');
  if (namespace === undefined) return undefined;
  if (value !== undefined) {
    const record = decodeRecord<MountRecord>(value, key);
    if (record.moving === true) return undefined;
    return onMount(namespace, requestPath(record), record.lastChange ?? 'tune');
  }
  // The order to delete its data says where it was; a region has none, and remembers.
  const order = byKey.get(keys.removals(namespace) + last(key))?.value;
  const path =
    order === undefined
      ? before(last(key))
      : decodeRecord<{ path?: string }>(order, keys.removals(namespace) + last(key)).path;
  return path === undefined ? undefined : onMount(namespace, path, 'disable');
};

const named =
  (area: string, type: string, folder: string): Derive =>
  ({ key, value }) => {
    const namespace = namespaceOfKey(key, 's', area);
    if (namespace === undefined) return undefined;
    const name = key.slice(`s/${namespace}/${area}/`.length);
    return onSys(namespace, `${type}/${value === undefined ? 'delete' : 'write'}`, folder + name);
  };

/** A deletion is told by the name, which says whose child it was: the record is gone. */
const namespaceChange: Derive = ({ key, value }) => {
  if (key.startsWith(keys.namespaces) && value !== undefined) {
    const { path, parent, lastChange = 'update' } = decodeRecord<NamespaceRecord>(value, key);
    return onSys(parent, `namespace/${lastChange}`, `namespaces/${last(bare(path))}`);
  }
  const parent = value === undefined ? namespaceOfKey(key, 's', 'names') : undefined;
  return parent === undefined ? undefined : onSys(parent, 'namespace/delete', `namespaces/${last(key)}`);
};

const auditChange: Derive = ({ key, value }) => {
  if (!key.startsWith(keys.audits)) return undefined;
  const path = bare(key.slice(keys.audits.length));
  return onSys(ROOT_NAMESPACE, `audit/${value === undefined ? 'disable' : 'enable'}`, `audit/${path}`);
};

const sealChange: Derive = ({ key, value }) => {
  if (!key.startsWith(keys.sealChanges) || value === undefined) return undefined;
  const what = last(key);
  return isSealChange(what) ? onSys(ROOT_NAMESPACE, `seal/${what}`, SEAL_PATHS[what]) : undefined;
};

const DERIVED: readonly Derive[] = [
  mountChange,
  named('policies', 'policy', 'policies/acl/'),
  named('password-policies', 'password-policy', 'policies/password/'),
  namespaceChange,
  auditChange,
  sealChange,
];

/** What holds data or tokens is never of these, and is much more. */
const MAY_BE =
  /^(?:s\/[^/]+\/(?:mounts|policies|password-policies|namespaces|names)|l\/[^/]+\/(?:mounts|audit|seal-changes))\//;

/** Throws what reading a damaged record throws. */
export function systemChanges(writes: readonly Write[], before: PathBefore): readonly MountedChange[] {
  const found: MountedChange[] = [];
  const identities: Write[] = [];
  let reading: Reading | undefined;
  for (const write of writes) {
    if (identityChange(write.key) !== undefined) identities.push(write);
    if (!MAY_BE.test(write.key)) continue;
    reading ??= { byKey: new Map(writes.map((each) => [each.key, each])), before };
    for (const derive of DERIVED) {
      const change = derive(write, reading);
      if (change !== undefined) found.push(change);
    }
  }
  const ofIdentities = identityChanges(identities).map(({ namespace, change }): MountedChange => ({
    mount: idIn(namespace, IDENTITY_MOUNT),
    change,
  }));
  return [...found, ...ofIdentities];
}
