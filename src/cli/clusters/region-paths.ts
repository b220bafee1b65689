/** What a region must hold so that a cluster’s pods log in there: it joins the region’s filter, at the hub. */
import type { Client } from '../../client/client.ts';
import { CommandError, during, exit } from '../errors.ts';
import type { Planned, Wanted } from './registration.ts';

/** The mount, the policy, and the tenants' secrets; a filter names what lies in a namespace with its path in front. */
function pathsOf({ name, policy, kv }: Wanted, namespace: string): readonly string[] {
  const within = namespace === '' ? '' : `${namespace.replace(/^\/+|\/+$/g, '')}/`;
  return [`auth/${name}/`, `sys/policies/acl/${policy}`, `${kv}/${name}/`].map((path) => `${within}${path}`);
}

/** As the hub reads an entry of a filter. */
function isHeldBy(entry: string, path: string): boolean {
  if (entry.endsWith('*')) return path.startsWith(entry.slice(0, -1));
  return entry.endsWith('/') ? path.startsWith(entry) : path === entry || path.startsWith(`${entry}/`);
}

/** Regions are known in the root namespace alone. */
export const ofRegions = (client: Client): Client => client.with({ namespace: '' });

export async function regionStep(reader: Client, wanted: Wanted, region: string): Promise<Planned> {
  const path = `sys/regions/${region}`;
  const data = (await during(`Error reading the region ${region}`, ofRegions(reader).read(path)))?.data;
  if (data === undefined || data === null) {
    throw new CommandError(
      `There is no region "${region}", or this server is no hub: see \`lockstep regions list\``,
      exit.server,
    );
  }
  const held: readonly unknown[] = Array.isArray(data['paths']) ? data['paths'] : [];
  const entries = held.filter((entry): entry is string => typeof entry === 'string');
  const missing = pathsOf(wanted, reader.settings.namespace ?? '').filter(
    (each) => !entries.some((entry) => isHeldBy(entry, each)),
  );
  if (missing.length === 0) return { path, state: 'there', note: 'it may hold the mount, the policy and the secrets' };
  return { path, state: 'changed', note: `may hold ${missing.join(', ')}`, patch: { add_paths: missing } };
}
