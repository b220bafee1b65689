/** Which collection holds the objects of a kind: asked of the API server, since no rule makes a plural of each kind. */
import type { KubernetesApi } from './api.ts';
import type { Kind } from './objects.ts';
import { KubernetesProblem } from './problem.ts';

interface ResourceList {
  readonly resources?: readonly { readonly name: string; readonly kind: string; readonly namespaced: boolean }[];
}

/** Rejects with `KubernetesProblem`: of status 404 where the API server has not even the group. */
export async function kindAt(api: KubernetesApi, apiVersion: string, kind: string): Promise<Kind> {
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const { resources = [] } = (await api.json(root)) as ResourceList;
  // Subresources have the kind of what they belong to, or one of their own.
  const found = resources.find((each) => each.kind === kind && !each.name.includes('/'));
  if (found === undefined) throw new KubernetesProblem(`${api.access.server}${root} has no kind ${kind}`);
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
  return { group: group ?? '', version: version ?? '', kind, plural: found.name, namespaced: found.namespaced };
}
