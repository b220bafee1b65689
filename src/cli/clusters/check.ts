/** `clusters check`: whether a cluster's registration is what the cluster is. */
import type { KubernetesApi } from '../../kube/api.ts';
import { tokenIssuer, type TokenIssuer } from '../../kube/service-accounts.ts';
import { command } from '../command.ts';
import { exit } from '../errors.ts';
import { headedTable, keyValueTable } from '../table.ts';
import { ageOf } from './age.ts';
import { clusterFlags, clusterOf, ofCluster } from './cluster-source.ts';
import { keyNames, named, without } from './key-names.ts';
import { clusterName, mustRegistered, type RegisteredCluster } from './registered.ts';

/** Days after which a key is old. */
const OLD_KEY_MS = 365 * 86_400_000;

interface Finding {
  /** `error`: logins fail, or will. */
  readonly level: 'ok' | 'warning' | 'error';
  readonly finding: string;
  /** What to do; empty: nothing. */
  readonly remedy: string;
}

const finding = (level: Finding['level'], what: string, remedy = ''): Finding => ({ level, finding: what, remedy });

function ofItself({
  name,
  verification,
  source,
  key_publisher: publisher,
  keys,
}: RegisteredCluster): readonly Finding[] {
  if (verification !== 'offline') {
    return [finding('ok', 'the API server is asked at each login (TokenReview)')];
  }
  const old = keys.filter(({ since }) => Date.now() - Date.parse(since) > OLD_KEY_MS);
  return [
    ...(source === 'jwks' && publisher === ''
      ? [
          finding(
            'warning',
            'nobody may publish new keys of it',
            `lockstep clusters add ${name}, which names a publisher`,
          ),
        ]
      : []),
    ...(old.length > 0
      ? [finding('warning', `held for more than a year: ${named(old)}`, 'rotate the cluster’s signing key')]
      : []),
  ];
}

/** Beside what it says itself. */
async function besides(cluster: RegisteredCluster, said: TokenIssuer): Promise<readonly Finding[]> {
  const { name, issuer, source, keys, key_publisher: publisher } = cluster;
  if (issuer !== said.issuer) {
    const remedy = `use the kubeconfig of ${name}, or register this cluster under a name of its own`;
    return [finding('error', `the API server’s issuer is ${said.issuer}, not ${issuer}`, remedy)];
  }
  if (source !== 'jwks') return [finding('ok', 'the issuer is the same')];
  const published = await keyNames(said.keys);
  const [missing, left] = [without(published, keys), without(keys, published)];
  const again = `lockstep clusters add ${name} -replace-keys`;
  const publishing = publisher === '' ? again : `see that publish-keys runs as ${publisher}; or ${again}`;
  return [
    ...(missing.length > 0
      ? [finding('error', `the cluster has keys that are not held: ${named(missing)}`, publishing)]
      : []),
    ...(left.length > 0
      ? [finding('warning', `held, but the cluster has them no more: ${named(left)}`, publishing)]
      : []),
    ...(missing.length + left.length === 0 ? [finding('ok', 'the issuer and all keys are the same')] : []),
  ];
}

function shown(cluster: RegisteredCluster, findings: readonly Finding[]): string {
  const now = Date.now();
  const about = keyValueTable([
    ['cluster', cluster.name],
    ['issuer', cluster.issuer],
    ['verification', cluster.verification],
    ['key_publisher', cluster.key_publisher],
    ['published_time', cluster.published_time ?? ''],
    ['logins', `${String(cluster.logins)} at ${cluster.region}`],
    ['last_login_time', cluster.last_login_time ?? ''],
  ]);
  const keys = cluster.keys.map(({ kid, since, last_login_time: last }) => [kid, ageOf(since, now), ageOf(last, now)]);
  return [
    about,
    ...(keys.length === 0 ? [] : [headedTable(['Key', 'Age', 'Last login'], keys)]),
    ...findings.map(({ level, finding: what, remedy }) => `${level}: ${what}${remedy === '' ? '' : `\n  → ${remedy}`}`),
  ].join('\n\n');
}

async function comparedWith(api: KubernetesApi, cluster: RegisteredCluster): Promise<readonly Finding[]> {
  return besides(cluster, await ofCluster(tokenIssuer(api)));
}

export const check = command({
  summary: 'Say how a cluster’s registration stands, and what to do',
  description:
    'With -kubeconfig or -context the API server is asked for its issuer and keys, and they are compared. Ends with 2 where ' +
    'logins fail, or will.',
  args: { usage: 'NAME', least: 1, most: 1 },
  flags: clusterFlags,
  output: 'format',
  examples: [
    { note: 'By what the server knows:', line: 'clusters check prod-eu' },
    { note: 'Beside the cluster itself:', line: 'clusters check -context=prod-eu prod-eu' },
  ],
  run: async (context, { values, args: [given = ''] }) => {
    const cluster = await mustRegistered(context.client, clusterName(given));
    const asks = values.kubeconfig !== undefined || values.context !== undefined;
    const beside = asks ? await comparedWith(await clusterOf(context, values), cluster) : [];
    const findings = [...ofItself(cluster), ...beside];
    await context.out.value({ ...cluster, findings }, () => shown(cluster, findings));
    return findings.some(({ level }) => level === 'error') ? exit.server : exit.ok;
  },
});
