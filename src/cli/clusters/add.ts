/** `clusters add`: a cluster is registered by one command. */
import { tokenIssuer, type TokenIssuer } from '../../kube/service-accounts.ts';
import { command } from '../command.ts';
import { cleanPath } from '../data.ts';
import type { Context } from '../context.ts';
import { CommandError } from '../errors.ts';
import { flag, type ValuesOf } from '../flags.ts';
import { headedTable } from '../table.ts';
import { clusterFlags, clusterOf, ofCluster } from './cluster-source.ts';
import { keyNames, named } from './key-names.ts';
import { projectedToken, publisherManifest } from './manifest.ts';
import { clusterName, mustRegistered } from './registered.ts';
import { DEFAULT_PUBLISHER, register, type Step, type Wanted } from './registration.ts';

const flags = {
  ...clusterFlags,
  audience: flag.text('What projected tokens must be for; default "lockstep".'),
  role: flag.text('The role that workloads log in by; default "workload".'),
  policy: flag.text('The policy that it gives; default "kubernetes-tenant".'),
  kv: flag.text('The KV version 2 mount with the tenants’ secrets; default "kv".'),
  'bound-names': flag.list('Names of service accounts that log in, with * for any text; default *.', { value: 'name' }),
  'bound-namespaces': flag.list('Their namespaces, likewise; default *.', { value: 'name' }),
  ttl: flag.text('How long their tokens live; default 1h.'),
  publisher: flag.text(
    `The service account that may publish new keys, namespace/name; default ${DEFAULT_PUBLISHER}. Empty: none.`,
  ),
  'api-audiences': flag.list('Audiences of the API server beside its usual ones (its --api-audiences).'),
  region: flag.list('A region where its pods log in, too: its filter lets the mount, the policy and the secrets in.', {
    value: 'name',
  }),
  'replace-keys': flag.boolean('Hold the keys that the cluster has now, in place of others that are held.'),
  'dry-run': flag.boolean('Ask the cluster, say what would be done, and change nothing.'),
};

const orAll = (names: readonly string[]): readonly string[] => (names.length === 0 ? ['*'] : names);

const WORDS: Readonly<Record<Step['state'], readonly [string, string]>> = {
  made: ['made', 'to be made'],
  changed: ['changed', 'to be changed'],
  there: ['there already', 'there already'],
  differs: ['LEFT AS IT IS', 'TO BE LEFT'],
};

function wantedOf(name: string, cluster: TokenIssuer, values: ValuesOf<typeof flags>): Wanted {
  const { audience = 'lockstep', role = 'workload', policy = 'kubernetes-tenant', kv = 'kv', ttl = '1h' } = values;
  if (!/^[\w.-]+(?:\/[\w.-]+)*$/.test(kv)) throw new CommandError(`"${kv}" is no path of a mount`);
  const apiAudiences = values['api-audiences'];
  return {
    ...{ name, cluster, audience, role, policy, kv, ttl, publisher: values.publisher },
    ...{ names: orAll(values['bound-names']), namespaces: orAll(values['bound-namespaces']) },
    apiAudiences: apiAudiences.length === 0 ? undefined : apiAudiences,
    replaceKeys: values['replace-keys'] === true,
    regions: values.region.map(cleanPath),
  };
}

/** As it is registered now. */
async function publisherOf(context: Context, name: string): Promise<string> {
  return (await mustRegistered(context.inquirer, name)).key_publisher;
}

interface Next {
  readonly pod: string;
  readonly publisher: string;
  readonly login: string;
}

function nextOf(context: Context, { name, role, audience }: Wanted, publisher: string): Next {
  const { address, namespace } = context.config;
  return {
    pod: projectedToken(audience),
    login: `lockstep login -method=kubernetes -path=${name} role=${role} jwt=@/var/run/secrets/lockstep/token`,
    publisher:
      publisher === '' ? '' : publisherManifest({ cluster: name, publisher, address, lockstepNamespace: namespace }),
  };
}

function shown(steps: readonly Step[], next: Next, dry: boolean): string {
  const rows = steps.map(({ path, state, note }) => [path, WORDS[state][dry ? 1 : 0], note]);
  return [
    headedTable(['Path', dry ? 'Would be' : 'State', 'What'], rows),
    `Next, in each pod that reads secrets, mount this at /var/run/secrets/lockstep:\n\n${next.pod}\nand log in by\n\n    ${next.login}`,
    ...(next.publisher === ''
      ? []
      : [`So that new keys of the cluster are followed, apply this there once:\n\n${next.publisher}`]),
  ].join('\n\n');
}

export const add = command({
  summary: 'Register a Kubernetes cluster, so that its pods log in without a connection back to it',
  description:
    'Reads issuer and keys from the API server by a kubeconfig, and makes what is not there yet: a mount of the auth method ' +
    'kubernetes under NAME, a role, and a policy by which each workload reads the secrets of its own cluster and namespace. ' +
    'Run again it changes nothing. No program that the kubeconfig names is run without -allow-exec.',
  args: { usage: 'NAME', least: 1, most: 1 },
  flags,
  output: 'format',
  examples: [
    { note: 'The cluster of the current context:', line: 'clusters add prod-eu' },
    { note: 'What would be done:', line: 'clusters add -dry-run -context=prod-eu prod-eu' },
    { note: 'Its pods log in at the region eu:', line: 'clusters add -region=eu prod-eu' },
    { note: 'Only some namespaces:', line: "clusters add -bound-namespaces='shop-*' -kubeconfig=eu.yaml prod-eu" },
    { note: 'After its keys were replaced at once:', line: 'clusters add -replace-keys prod-eu' },
  ],
  run: async (context, { values, args: [given = ''] }) => {
    const name = clusterName(given);
    const cluster = await ofCluster(tokenIssuer(await clusterOf(context, values)));
    const wanted = wantedOf(name, cluster, values);
    const dry = values['dry-run'] === true;
    const steps = await register({ client: context.client, reader: context.inquirer, dry }, wanted);
    const next = nextOf(
      context,
      wanted,
      dry ? (wanted.publisher ?? DEFAULT_PUBLISHER) : await publisherOf(context, name),
    );
    const keys = named(await keyNames(cluster.keys)).split(', ');
    await context.out.value({ cluster: name, issuer: cluster.issuer, keys, dry_run: dry, steps, next }, () =>
      shown(steps, next, dry),
    );
  },
});
