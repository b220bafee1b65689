/** Tables of mounts, for secrets engines and auth methods. */
import { isObject } from '../client/json.ts';
import type { Context } from './context.ts';
import { sortedEntries, toText, type Struct } from './go-format.ts';
import type { Data } from './pairs.ts';
import { headedTable } from './table.ts';

export type MountKind = 'secrets' | 'auth';

/** The API answers with the mounts in `data`; very old servers with them beside the envelope. */
export function mountsOf(data: Data | null | undefined): readonly (readonly [string, Data])[] {
  return sortedEntries(data ?? {}).filter((entry): entry is readonly [string, Data] => isObject(entry[1]));
}

export async function showMounts(
  context: Context,
  data: Data | null | undefined,
  detailedAs?: MountKind,
): Promise<void> {
  const mounts = mountsOf(data);
  const json = Object.fromEntries(mounts.map(([path, mount]) => [path, mountStruct(mount)]));
  await context.out.value(json, () => (detailedAs === undefined ? briefTable(mounts) : fullTable(mounts, detailedAs)));
}

function briefTable(mounts: readonly (readonly [string, Data])[]): string {
  const rows = mounts.map(([path, mount]) => [
    path,
    ...['type', 'accessor', 'description'].map((name) => text(mount, name)),
  ]);
  return headedTable(['Path', 'Type', 'Accessor', 'Description'], rows);
}

export function briefAuthTable(mounts: readonly (readonly [string, Data])[]): string {
  const names = ['type', 'accessor', 'description', 'plugin_version'];
  const rows = mounts.map(([path, mount]) => [path, ...names.map((name) => text(mount, name))]);
  return headedTable(['Path', 'Type', 'Accessor', 'Description', 'Version'], rows);
}

interface Column {
  readonly heading: string;
  readonly only?: MountKind;
  readonly cell: (mount: Data) => string;
}

const columns: readonly Column[] = [
  { heading: 'Plugin', cell: (mount) => text(mount, 'type') },
  { heading: 'Accessor', cell: (mount) => text(mount, 'accessor') },
  { heading: 'Default TTL', cell: (mount) => ttl(mount, 'default_lease_ttl') },
  { heading: 'Max TTL', cell: (mount) => ttl(mount, 'max_lease_ttl') },
  { heading: 'Force No Cache', only: 'secrets', cell: (mount) => String(config(mount, 'force_no_cache') === true) },
  { heading: 'Token Type', only: 'auth', cell: (mount) => toText(config(mount, 'token_type') ?? '') },
  { heading: 'Replication', cell: (mount) => (mount['local'] === true ? 'local' : 'replicated') },
  { heading: 'Seal Wrap', cell: (mount) => String(mount['seal_wrap'] === true) },
  { heading: 'External Entropy Access', cell: (mount) => String(mount['external_entropy_access'] === true) },
  { heading: 'Options', cell: (mount) => toText(mount['options'] ?? {}) },
  { heading: 'Description', cell: (mount) => text(mount, 'description') },
  { heading: 'UUID', cell: (mount) => text(mount, 'uuid') },
  { heading: 'Version', cell: (mount) => text(mount, 'plugin_version') },
  { heading: 'Running Version', cell: (mount) => text(mount, 'running_plugin_version') },
  { heading: 'Running SHA256', cell: (mount) => text(mount, 'running_sha256') },
  { heading: 'Deprecation Status', cell: (mount) => text(mount, 'deprecation_status') },
];

function fullTable(mounts: readonly (readonly [string, Data])[], kind: MountKind): string {
  const shown = columns.filter(({ only }) => only === undefined || only === kind);
  const rows = mounts.map(([path, mount]) => [path, ...shown.map(({ cell }) => cell(mount))]);
  return headedTable(['Path', ...shown.map(({ heading }) => heading)], rows);
}

function text(mount: Data, name: string): string {
  return toText(mount[name] ?? '');
}

function config(mount: Data, name: string): unknown {
  return isObject(mount['config']) ? mount['config'][name] : undefined;
}

function ttl(mount: Data, name: string): string {
  if (mount['type'] === 'system' || mount['type'] === 'cubbyhole') return 'n/a';
  const seconds = config(mount, name);
  return typeof seconds === 'number' && seconds !== 0 ? String(seconds) : 'system';
}

/** A mount's fields in the order of Vault's JSON, with what stands where the server sent none. */
const mountFields: readonly (readonly [string, unknown])[] = [
  ['uuid', ''],
  ['type', ''],
  ['description', ''],
  ['accessor', ''],
  ['config', {}],
  ['options', null],
  ['local', false],
  ['seal_wrap', false],
  ['external_entropy_access', false],
  ['plugin_version', ''],
  ['running_plugin_version', ''],
  ['running_sha256', ''],
  ['deprecation_status', ''],
];
const configFields = ['default_lease_ttl', 'max_lease_ttl', 'force_no_cache'];
const laterConfigFields = [
  'token_type',
  'audit_non_hmac_request_keys',
  'audit_non_hmac_response_keys',
  'listing_visibility',
  'passthrough_request_headers',
  'allowed_response_headers',
];

function mountStruct(mount: Data): Struct {
  const fields = mountFields.map(([name, absent]) => [name, mount[name] ?? absent] as const);
  return new Map(
    fields.map(([name, value]) => [name, name === 'config' && isObject(value) ? configStruct(value) : value]),
  );
}

function configStruct(given: Data): Struct {
  const first = configFields.map((name) => [name, given[name] ?? (name === 'force_no_cache' ? false : 0)] as const);
  const later = laterConfigFields.filter((name) => given[name] !== undefined && given[name] !== '');
  return new Map<string, unknown>([...first, ...later.map((name) => [name, given[name]] as const)]);
}
