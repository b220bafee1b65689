/** The providers that read from an API server, at a real one, with what a store names read from it by the controller's own code. */
import assert from 'node:assert/strict';
import { credentialsOf } from '../../../src/controllers/secret-store/credentials.ts';
import { KubernetesApi } from '../../../src/kube/api.ts';
import { readKubeconfig } from '../../../src/kube/kubeconfig.ts';
import { Objects, type Kind } from '../../../src/kube/objects.ts';
import type { Credentials } from '../../../src/providers/contract.ts';
import type { KubernetesCluster } from './cluster.ts';
import { create } from './service-accounts.ts';

const core = (kind: string, plural: string): Kind => ({ group: '', version: 'v1', kind, plural, namespaced: true });

export const base64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64');

export const encoded = (values: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [key, base64(value)]));

export interface Scope {
  readonly own?: string;
  readonly asking?: string;
}

/** Of stores in this cluster: a SecretStore of the namespace `own`, else a ClusterSecretStore. */
export async function storeCredentials(cluster: KubernetesCluster): Promise<(scope: Scope) => Credentials> {
  const api = new KubernetesApi(await readKubeconfig(cluster.kubeconfig(), { allowExec: false }));
  const secrets = new Objects<never>(api, core('Secret', 'secrets'));
  const configMaps = new Objects<never>(api, core('ConfigMap', 'configmaps'));
  return ({ own, asking }) =>
    credentialsOf({ api, secrets, configMaps, localServers: true }, { name: 'store', own, asking });
}

/** A role in that namespace, held by the service account of another. */
export async function grant(
  cluster: KubernetesCluster,
  {
    namespace,
    account,
    rules,
  }: { readonly namespace: string; readonly account: readonly [string, string]; readonly rules: readonly object[] },
): Promise<void> {
  const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
  const [of, name] = account;
  const metadata = { name: `${of}-${name}` };
  await create(cluster, `${rbac}/roles`, { metadata, rules });
  await create(cluster, `${rbac}/rolebindings`, {
    metadata,
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: metadata.name },
    subjects: [{ kind: 'ServiceAccount', namespace: of, name }],
  });
}

export async function makeNamespaces(cluster: KubernetesCluster, names: readonly string[]): Promise<void> {
  for (const name of names) await create(cluster, '/api/v1/namespaces', { metadata: { name } });
}

interface Named {
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
}

/** Made, or replaced by what has these values. */
export async function replace(cluster: KubernetesCluster, collection: string, object: Named) {
  const made = await cluster.ask('POST', collection, object);
  if (made.status === 201) return;
  const { status, body } = await cluster.ask('PUT', `${collection}/${object.metadata.name}`, object);
  assert.equal(status, 200, JSON.stringify(body));
}
