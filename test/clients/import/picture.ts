/** All that an import copies, read from a server by other means than the import's own. */
import type { Api, Json } from './api.ts';

export type Picture = Readonly<Record<string, unknown>>;

export async function pictureOf(api: Api, namespaces: readonly string[]): Promise<Picture> {
  const picture: Record<string, unknown> = {};
  for (const namespace of namespaces) {
    for (const [path, value] of await ofNamespace(api, namespace)) picture[`${namespace}: ${path}`] = value;
  }
  return picture;
}

type Entries = (readonly [string, unknown])[];

async function ofNamespace(api: Api, namespace: string): Promise<Entries> {
  const read = (path: string): Promise<Json | undefined> => api('GET', path, { namespace });
  const plain = async (path: string, ...names: readonly string[]): Promise<Entries> => {
    const found = (await read(path)) ?? {};
    return names.map((name) => [`${path} ${name}`, told(found[name])] as const);
  };
  const entries: Entries = [
    ...(await plain('sys/policies/acl/app', 'policy')),
    ...(await plain('sys/policies/acl/team/one%20two', 'policy')),
    ...(await plain('sys/policies/password/strong', 'policy')),
    ...(await plain('auth/token/roles/ci', 'allowed_policies', 'token_period', 'renewable', 'token_num_uses')),
    ...(await plain('auth/approle/role/web', 'token_policies', 'token_ttl', 'secret_id_num_uses', 'token_bound_cidrs')),
    ...(await plain('auth/approle/role/batch', 'bind_secret_id', 'secret_id_bound_cidrs')),
    ...(await plain('auth/approle/role/web/role-id', 'role_id')),
    ...(await plain('auth/approle/role/batch/role-id', 'role_id')),
    ...(await plain('kv-2/config', 'max_versions', 'cas_required', 'delete_version_after')),
    ...(await plain('sys/auth/approle', 'description', 'type')),
  ];
  const mounts = (await read('sys/mounts')) ?? {};
  for (const path of ['kv-2/', 'old/kv/']) {
    const { type, description, options, config } = mounts[path] as Json;
    const { default_lease_ttl, listing_visibility, audit_non_hmac_request_keys } = config as Json;
    entries.push([
      path,
      { type, description, options, default_lease_ttl, listing_visibility, audit_non_hmac_request_keys },
    ]);
  }
  for (const name of await below(api, namespace, 'kv-2/metadata/'))
    entries.push([`kv-2 ${name}`, await secretOf(read, name)]);
  for (const name of await below(api, namespace, 'old/kv/'))
    entries.push([`kv-1 ${name}`, await read(`old/kv/${escaped(name)}`)]);
  return entries;
}

const told = (value: unknown): unknown => (value === null || value === undefined ? [] : value);
const escaped = (name: string): string => name.split('/').map(encodeURIComponent).join('/');

async function below(api: Api, namespace: string, folder: string, inner = ''): Promise<readonly string[]> {
  const keys = ((await api('GET', `${folder}${escaped(inner)}?list=true`, { namespace }))?.['keys'] ??
    []) as readonly string[];
  const deep: string[] = [];
  for (const key of keys)
    deep.push(...(key.endsWith('/') ? await below(api, namespace, folder, inner + key) : [inner + key]));
  return deep;
}

async function secretOf(read: (path: string) => Promise<Json | undefined>, name: string): Promise<unknown> {
  const metadata = (await read(`kv-2/metadata/${escaped(name)}`)) ?? {};
  const { max_versions, cas_required, delete_version_after, custom_metadata, current_version, oldest_version } =
    metadata;
  const versions: Record<string, unknown> = {};
  for (const [number, state] of Object.entries(metadata['versions'] as Readonly<Record<string, Json>>)) {
    const found = await read(`kv-2/data/${escaped(name)}?version=${number}`);
    const gone = state['destroyed'] === true ? 'destroyed' : 'deleted';
    versions[number] = found === undefined ? gone : [found['data'], hours(state['deletion_time'])];
  }
  return {
    max_versions,
    cas_required,
    delete_version_after,
    custom_metadata,
    current_version,
    oldest_version,
    versions,
  };
}

/** Until it is deleted by itself. */
function hours(time: unknown): number | 'kept' {
  return typeof time === 'string' && time !== '' ? Math.round((Date.parse(time) - Date.now()) / 3_600_000) : 'kept';
}
