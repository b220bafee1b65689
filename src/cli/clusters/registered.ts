/** The clusters that a server knows: its mounts of the method kubernetes, and what they tell of themselves. */
import { ApiError } from '../../client/api-error.ts';
import type { Client } from '../../client/client.ts';
import { isObject } from '../../client/json.ts';
import { CommandError, during } from '../errors.ts';

type Data = Readonly<Record<string, unknown>>;

export interface HeldKey {
  readonly kid: string;
  /** RFC 7638. */
  readonly thumbprint: string;
  /** RFC 3339. */
  readonly since: string;
  /** null: not since its logins are counted. */
  readonly last_login_time: string | null;
}

export interface RegisteredCluster {
  readonly name: string;
  readonly issuer: string;
  readonly verification: string;
  readonly source: string;
  readonly key_publisher: string;
  readonly published_time: string | null;
  /** Of its configuration and its keys. */
  readonly version: number;
  readonly keys: readonly HeldKey[];
  readonly logins: number;
  readonly last_login_time: string | null;
  /** Whose logins these are. */
  readonly region: string;
}

/** A name is the path of a mount, and a segment of paths in policies. */
export function clusterName(given: string): string {
  if (/^[a-zA-Z\d](?:[\w.-]{0,61}[a-zA-Z\d])?$/.test(given)) return given;
  throw new CommandError(`"${given}" is no name of a cluster: letters, digits, "-", "_" and ".", 63 at most`);
}

/** The auth mounts by their path with its closing slash. */
export async function authMounts(client: Client): Promise<Readonly<Record<string, Data>>> {
  const data = (await during('Error reading the auth methods', client.read('sys/auth')))?.data ?? {};
  return Object.fromEntries(Object.entries(data).filter((entry): entry is [string, Data] => isObject(entry[1])));
}

export async function clusterNames(client: Client): Promise<readonly string[]> {
  const mounts = Object.entries(await authMounts(client));
  return mounts.flatMap(([path, { type }]) => (type === 'kubernetes' ? [path.replace(/\/$/, '')] : [])).sort();
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const moment = (value: unknown): string | null => (typeof value === 'string' ? value : null);

/** undefined: there is no such mount, or it is not configured yet. */
export async function registered(client: Client, name: string): Promise<RegisteredCluster | undefined> {
  const data = (await during(`Error reading the cluster ${name}`, client.read(`auth/${name}/keys`)))?.data;
  if (data === undefined || data === null) return undefined;
  const keys: readonly unknown[] = Array.isArray(data['keys']) ? data['keys'] : [];
  return {
    ...{ name, issuer: text(data['issuer']), verification: text(data['verification']), source: text(data['source']) },
    ...{ key_publisher: text(data['key_publisher']), published_time: moment(data['published_time']) },
    version: Number(data['version'] ?? 0),
    keys: keys.filter(isObject).map((key) => ({
      ...{ kid: text(key['kid']), thumbprint: text(key['thumbprint']), since: text(key['since']) },
      last_login_time: moment(key['last_login_time']),
    })),
    ...{ logins: Number(data['logins'] ?? 0), last_login_time: moment(data['last_login_time']) },
    region: text(data['region']),
  };
}

/** Throws where there is none. */
export async function mustRegistered(client: Client, name: string): Promise<RegisteredCluster> {
  const found = await registered(client, name).catch((error: unknown) => {
    if (error instanceof CommandError && error.cause instanceof ApiError && error.cause.status === 404)
      return undefined;
    throw error;
  });
  if (found !== undefined) return found;
  throw new CommandError(
    `There is no cluster "${name}": see \`lockstep clusters list\`, or register it with \`clusters add\``,
  );
}
