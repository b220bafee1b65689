/** What registering a cluster comes to: a mount, its configuration, a policy and a role, each made where it is not there yet. */
import { isDeepStrictEqual } from 'node:util';
import { ApiError } from '../../client/api-error.ts';
import type { Client } from '../../client/client.ts';
import type { Envelope } from '../../client/envelope.ts';
import type { TokenIssuer } from '../../kube/service-accounts.ts';
import { CommandError, during, exit } from '../errors.ts';
import { keyNames, named, without } from './key-names.ts';
import { ofRegions, regionStep } from './region-paths.ts';
import { authMounts, registered } from './registered.ts';

export interface Wanted {
  readonly name: string;
  readonly cluster: TokenIssuer;
  readonly audience: string;
  readonly role: string;
  readonly policy: string;
  /** The KV mount that tenants' secrets are in. */
  readonly kv: string;
  readonly names: readonly string[];
  readonly namespaces: readonly string[];
  readonly ttl: string;
  /** undefined: as it is, or else `DEFAULT_PUBLISHER`. Empty: nobody. */
  readonly publisher: string | undefined;
  readonly apiAudiences: readonly string[] | undefined;
  readonly replaceKeys: boolean;
  /** Names of regions whose filters are to let it in. */
  readonly regions: readonly string[];
}

export const DEFAULT_PUBLISHER = 'lockstep-system/lockstep-keys';

/** How the server says so. */
const MEANWHILE = /^check-and-set parameter/;

/** `differs`: it is there, and otherwise than it would be made; it is left alone. */
export type State = 'made' | 'changed' | 'there' | 'differs';

export interface Step {
  readonly path: string;
  readonly state: State;
  readonly note: string;
}

type Body = Readonly<Record<string, unknown>>;

/** One thing to write, or not. */
export interface Planned extends Step {
  readonly body?: Body;
  /** Instead of it, what changes. */
  readonly patch?: Body;
}

const there = (path: string, note: string): Planned => ({ path, state: 'there', note });

const tenantPolicy = (
  kv: string,
): string => `# Each workload reads the secrets of its own cluster and namespace, and is told of changes. Made by \`lockstep clusters add\`.
path "${kv}/data/\${kubernetes_cluster}/\${kubernetes_namespace}/*" {
  capabilities = ["read", "subscribe"]
}
path "${kv}/metadata/\${kubernetes_cluster}/\${kubernetes_namespace}/*" {
  capabilities = ["read", "list"]
}
`;

/** Names of keys and what became of them are no secrets: the audit shows them in clear. */
const MOUNT: Body = {
  type: 'kubernetes',
  description: 'A Kubernetes cluster, registered by lockstep clusters add',
  config: { audit_non_hmac_response_keys: ['added', 'dropped'] },
};

async function mountStep(client: Client, { name }: Wanted): Promise<Planned> {
  const path = `sys/auth/${name}`;
  const mount = (await authMounts(client))[`${name}/`];
  if (mount === undefined)
    return { path, state: 'made', note: 'auth method kubernetes, verified offline', body: MOUNT };
  if (mount['type'] === 'kubernetes') return there(path, 'auth method kubernetes');
  throw new CommandError(`auth/${name} is a mount of another type (${String(mount['type'])}): choose another name`);
}

const dataOf = (found: Envelope | undefined): Body | undefined => found?.data ?? undefined;

interface Config extends Body {
  readonly issuer: string;
}

async function configStep(client: Client, wanted: Wanted, isNew: boolean): Promise<Planned> {
  const { name, cluster, publisher, apiAudiences } = wanted;
  const path = `auth/${name}/config`;
  // Before the configuration: what was changed in between makes the write fail, and is not overwritten.
  const known = isNew ? undefined : await registered(client, name);
  const before = isNew ? undefined : dataOf(await during(`Error reading ${path}`, client.read(path)));
  const body = (current: Body): Config => ({
    ...{ issuer: cluster.issuer, jwks: cluster.jwks, cas: known?.version ?? 0 },
    key_publisher: publisher ?? current['key_publisher'] ?? DEFAULT_PUBLISHER,
    api_audiences: apiAudiences ?? current['api_audiences'] ?? [],
  });
  const published = await keyNames(cluster.keys);
  const note = `issuer ${cluster.issuer}, keys ${named(published)}`;
  if (before === undefined) return { path, state: 'made', note, body: body({}) };
  checkSame(wanted, before);
  const held = known?.keys ?? [];
  const [more, gone] = [without(published, held), without(held, published)];
  if (more.length + gone.length > 0 && !wanted.replaceKeys) {
    throw new CommandError(
      `the cluster has other keys than are held: new ${named(more) || 'none'}, gone ${named(gone) || 'none'}. If that is ` +
        'right, give -replace-keys to hold what the cluster has now.',
      exit.server,
    );
  }
  const after = body(before);
  const settings = (of: Body) => [of['key_publisher'] ?? '', of['api_audiences'] ?? []];
  const same = more.length + gone.length === 0 && isDeepStrictEqual(settings(before), settings(after));
  return same ? there(path, note) : { path, state: 'changed', note, body: after };
}

/** A name stands for one cluster: whoever had another behind it would hand over its tenants' secrets. */
function checkSame({ name, cluster }: Wanted, before: Body): void {
  if (before['kubernetes_host'] !== '') {
    throw new CommandError(`auth/${name} asks its API server (kubernetes_host): choose another name`, exit.server);
  }
  if (before['issuer'] !== cluster.issuer) {
    throw new CommandError(
      `"${name}" is the cluster of ${String(before['issuer'])}, and this one’s issuer is ${cluster.issuer}: choose ` +
        `another name, or \`lockstep clusters remove ${name}\` first`,
      exit.server,
    );
  }
}

async function policyStep(client: Client, { policy, kv }: Wanted): Promise<Planned> {
  const path = `sys/policies/acl/${policy}`;
  const text = tenantPolicy(kv);
  const before = dataOf(await during(`Error reading ${path}`, client.read(path)))?.['policy'];
  const note = `reads ${kv}/data/\${kubernetes_cluster}/\${kubernetes_namespace}/*`;
  if (before === undefined) return { path, state: 'made', note, body: { policy: text, cas: 0 } };
  return before === text ? there(path, note) : { path, state: 'differs', note: 'it is another text: left as it is' };
}

async function roleStep(client: Client, wanted: Wanted, isNew: boolean): Promise<Planned> {
  const { name, role, audience, names, namespaces, policy, ttl } = wanted;
  const path = `auth/${name}/role/${role}`;
  const bindings = {
    bound_service_account_names: names,
    bound_service_account_namespaces: namespaces,
    audience,
    token_policies: [policy],
  };
  const before = isNew ? undefined : dataOf(await during(`Error reading ${path}`, client.read(path)));
  const note = `service accounts ${names.join(', ')} in namespaces ${namespaces.join(', ')}, audience ${audience}`;
  if (before === undefined) return { path, state: 'made', note, body: { ...bindings, token_ttl: ttl, cas: 0 } };
  const same = Object.entries(bindings).every(([key, value]) => isDeepStrictEqual(before[key], value));
  return same ? there(path, note) : { path, state: 'differs', note: 'it binds otherwise: left as it is' };
}

/** What another operator wrote after it was looked at stays. */
async function unlessChanged(path: string, writing: Promise<unknown>): Promise<void> {
  await during(`Error writing ${path}`, writing).catch((error: unknown) => {
    const refused = error instanceof CommandError && error.cause instanceof ApiError ? error.cause : undefined;
    if (refused?.errors.some((text) => MEANWHILE.test(text)) !== true) throw error;
    throw new CommandError(
      `${path} was written by somebody else meanwhile, and is left as it is. Run this again to go on from there.`,
      exit.server,
      { cause: refused },
    );
  });
}

/**
 * Step by step, so that one that was cut off goes on where it ended. `client`: what writes; `reader`: what looks. `dry`: nothing
 * is written.
 */
export async function register(
  { client, reader, dry }: { readonly client: Client; readonly reader: Client; readonly dry: boolean },
  wanted: Wanted,
): Promise<readonly Step[]> {
  const mount = await mountStep(reader, wanted);
  const isNew = mount.state === 'made';
  // All is looked at before anything is written: a refusal leaves nothing half done.
  const plan = [
    mount,
    await configStep(reader, wanted, isNew),
    await policyStep(reader, wanted),
    await roleStep(reader, wanted, isNew),
  ];
  for (const region of new Set(wanted.regions)) plan.push(await regionStep(reader, wanted, region));
  for (const { path, body, patch } of dry ? [] : plan) {
    if (body !== undefined) await unlessChanged(path, client.write(path, body));
    if (patch !== undefined) await during(`Error changing ${path}`, ofRegions(client).patch(path, patch));
  }
  return plan.map(({ path, state, note }) => ({ path, state, note }));
}
