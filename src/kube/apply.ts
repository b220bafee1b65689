/** Server-side apply of objects of any kind: where one belongs is asked of the API server. */
import type { KubernetesApi } from './api.ts';
import { kindAt } from './discovery.ts';
import { collectionPath, segmentOf, type KubernetesObject } from './objects.ts';

export interface Applying {
  readonly fieldManager: string;
  /** All is checked, admission included, and nothing is stored. */
  readonly dryRun?: boolean;
}

/** The path of an object: `/apis/apps/v1/namespaces/shop/deployments/db`. Rejects with `KubernetesProblem`, as all of these. */
export async function pathOf(api: KubernetesApi, object: KubernetesObject): Promise<string> {
  const { apiVersion = '', kind = '', metadata } = object;
  const found = await kindAt(api, apiVersion, kind);
  return `${collectionPath(found, metadata.namespace ?? 'default')}/${segmentOf(metadata.name)}`;
}

/** Made, or changed to have these fields; those of it that other managers changed are taken over. As the API server answers. */
export async function apply<T extends KubernetesObject>(
  api: KubernetesApi,
  object: T,
  { fieldManager, dryRun = false }: Applying,
): Promise<T> {
  const query = new URLSearchParams({ fieldManager, force: 'true', ...(dryRun ? { dryRun: 'All' } : {}) });
  const answer = await api.send({
    method: 'PATCH',
    path: `${await pathOf(api, object)}?${query.toString()}`,
    body: object,
    contentType: 'application/apply-patch+yaml',
  });
  return answer as T;
}
