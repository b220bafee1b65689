import { ApiError } from '../client/api-error.ts';
import { isObject } from '../client/json.ts';
import type { Context } from './context.ts';
import { cleanPath } from './data.ts';
import { CommandError, exit } from './errors.ts';

/** A secret's place: the engine's mount, its version, and the path below it. */
export interface Place {
  /** With its slash: `secret/`. */
  readonly mount: string;
  readonly version: 1 | 2;
  /** Below the mount; empty for the mount itself. */
  readonly path: string;
}
export type Kind = 'data' | 'metadata' | 'delete' | 'undelete' | 'destroy';

/**
 * Asks the server which engine holds a path, as Vault's clients do (`sys/internal/ui/mounts`). With `-mount` the argument
 * lies below that mount; without, it begins with the mount's name.
 */
export async function findPlace(context: Context, target: string, mountFlag: string | undefined): Promise<Place> {
  const below = cleanPath(target);
  const asked = mountFlag === undefined ? below : cleanPath(mountFlag);
  const found = await findMount(context, asked);
  const { version } = found;
  const mount = asAsked(found.mount, asked);
  if (mountFlag !== undefined) return { mount: `${asked}/`, version, path: below };
  const whole = below === mount.slice(0, -1) ? '' : below.slice(below.startsWith(mount) ? mount.length : 0);
  return { mount: mount === '' ? '' : mount, version, path: whole };
}

/** A mount in a namespace below is told from the root namespace on: what of it stands in the path. */
function asAsked(mount: string, asked: string): string {
  let from = 0;
  while (from < mount.length && !`${asked}/`.startsWith(mount.slice(from))) from = mount.indexOf('/', from) + 1;
  return from < mount.length ? mount.slice(from) : mount;
}

async function findMount(context: Context, path: string): Promise<{ mount: string; version: 1 | 2 }> {
  try {
    const found = await context.inquirer.read(`sys/internal/ui/mounts/${path}`, { wrapTtl: '' });
    const mount = found?.data?.['path'];
    const options = found?.data?.['options'];
    const version = isObject(options) && options['version'] === '2' ? 2 : 1;
    return { mount: typeof mount === 'string' ? mount : '', version };
  } catch (error) {
    // A server that never had this path is taken to have version 1.
    if (error instanceof ApiError && error.status === 404) return { mount: '', version: 1 };
    throw error;
  }
}

/** The API path: `secret/data/app` in version 2, `secret/app` in version 1. */
export function apiPath({ mount, version, path }: Place, kind: Kind): string {
  return cleanPath(version === 2 ? `${mount}${kind}/${path}` : `${mount}${path}`);
}

/** Ends the command where the engine has no versions. */
export function needVersions(place: Place, message: string, code: number = exit.server): void {
  if (place.version !== 2) throw new CommandError(message, code);
}

/** What begins paths of the engine itself. */
const OF_ENGINE = new Set([
  'data',
  'metadata',
  'delete',
  'undelete',
  'destroy',
  'subkeys',
  'detailed-metadata',
  'config',
]);

/** For who asks about rights by the path that kv commands take; undefined where it is the API's, or the server does not tell. */
export async function policyPathHint(context: Context, path: string): Promise<string | undefined> {
  const place = await findPlace(context, path, undefined).catch(() => undefined);
  if (place?.version !== 2 || OF_ENGINE.has(place.path.split('/', 1)[0] ?? '')) return undefined;
  return `${place.mount} is KV version 2, where policies name this secret ${apiPath(place, 'data')}: ask about that path.`;
}
