/** Where a secret's data and metadata lie, from the key that an ExternalSecret names: as External Secrets Operator has it. */
import { ProviderProblem } from '../contract.ts';

export interface Mount {
  /** Without, keys begin with the mount. */
  readonly path?: string | undefined;
  readonly version: 'v1' | 'v2';
}

/** The key without its mount, and without `data/` after it, if it has them. */
function below(key: string, mount: string, version: Mount['version']): string {
  if (!key.startsWith(`${mount}/`)) return key;
  const rest = key.slice(mount.length + 1);
  return version === 'v2' && rest.startsWith('data/') ? rest.slice('data/'.length) : rest;
}

/** A path that whatever stands before a server would make another of is not sent. Throws `ProviderProblem`. */
export function canonical(path: string): string {
  if (path.split('/').every((segment) => segment !== '.' && segment !== '..')) return path;
  throw new ProviderProblem('invalid', `"${path}" is no path: a segment of it is . or ..`);
}

/** Throws `ProviderProblem`. */
export function dataPath(key: string, mount: Mount): string {
  return canonical(dataPathOf(key, mount));
}

/** The same, of whatever key. */
export function dataPathOf(key: string, { path, version }: Mount): string {
  if (path !== undefined) return [path, ...(version === 'v2' ? ['data'] : []), below(key, path, version)].join('/');
  if (version === 'v1' || key.includes('/data/')) return key;
  const [mount = '', ...rest] = key.split('/');
  return [mount, 'data', ...rest].join('/');
}

/** Throws `ProviderProblem`, also where the mount is not known. */
export function metadataPath(key: string, mount: Mount): string {
  return canonical(metadataPathOf(key, mount));
}

function metadataPathOf(key: string, { path, version }: Mount): string {
  if (path !== undefined) return version === 'v1' ? `${path}/${key}` : `${path}/metadata/${below(key, path, version)}`;
  if (version === 'v1' || !key.includes('data')) {
    throw new ProviderProblem('invalid', "provided Path isn't a valid kv v2 path: name the mount in the store's path");
  }
  return key.replace('/data/', '/metadata/');
}
