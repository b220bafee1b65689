/** Objects put into a cluster as `kubectl apply --server-side` does. */
import { setTimeout as pause } from 'node:timers/promises';
import { definitions } from '../../../src/controllers/rights.ts';
import { KubernetesApi } from '../../../src/kube/api.ts';
import { apply } from '../../../src/kube/apply.ts';
import { readKubeconfig } from '../../../src/kube/kubeconfig.ts';
import { collectionPath, type KubernetesObject } from '../../../src/kube/objects.ts';
import type { KubernetesCluster } from './cluster.ts';

export const apiOf = async (cluster: KubernetesCluster, token?: string): Promise<KubernetesApi> =>
  new KubernetesApi(await readKubeconfig(cluster.kubeconfig(undefined, token), { allowExec: false }), {
    largest: 16 * 1024 * 1024,
  });

/** In their order; as the API server answers. */
export async function applyAll(
  cluster: KubernetesCluster,
  objects: readonly KubernetesObject[],
  dryRun = false,
): Promise<readonly KubernetesObject[]> {
  const api = await apiOf(cluster);
  const answers: KubernetesObject[] = [];
  for (const object of objects) answers.push(await apply(api, object, { fieldManager: 'test', dryRun }));
  return answers;
}

/** Until the API server serves each kind of ours. */
export async function untilServed(cluster: KubernetesCluster): Promise<void> {
  for (const kind of definitions) {
    while ((await cluster.ask('GET', collectionPath(kind))).status !== 200) await pause(50);
  }
}
