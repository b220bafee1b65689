/** Server-side apply of objects of any kind: where one belongs is asked of the API server. */
import type { KubernetesApi } from './api.ts';
import type { KubernetesObject } from './objects.ts';
import { KubernetesProblem } from './problem.ts';

interface ResourceList {
  readonly resources?: readonly { readonly name: string; readonly kind: string; readonly namespaced: boolean }[];
}

export interface Applying {
  readonly fieldManager: string;
  /** All is checked, admission included, and nothing is stored. */
  readonly dryRun?: boolean;
}

/** The path of an object: `/apis/apps/v1/namespaces/shop/deployments/db`. Rejects with `KubernetesProblem`, as all of these. */
export async function pathOf(api: KubernetesApi, object: KubernetesObject): Promise<string> {
  const { apiVersion = '', kind = '', metadata } = object;
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const { resources = [] } = (await api.json(root)) as ResourceList;
  // Subresources have the kind of what they belong to, or one of their own.
  const found = resources.find((each) => each.kind === kind && !each.name.includes('/'));
  if (found === undefined) throw new KubernetesProblem(`${api.access.server}${root} has no kind ${kind}`);
  const within = found.namespaced ? `/namespaces/${encodeURIComponent(metadata.namespace ?? 'default')}` : '';
  return `${root}${within}/${found.name}/${encodeURIComponent(metadata.name)}`;
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
