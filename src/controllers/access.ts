/** Which cluster a program asks, and as whom: its flags. */
import { loadClientConfig } from '../config/client.ts';
import { KubernetesApi } from '../kube/api.ts';
import { inClusterAccess } from '../kube/in-cluster.ts';
import { readKubeconfig } from '../kube/kubeconfig.ts';

export const accessFlags = {
  'in-cluster': { type: 'boolean' },
  kubeconfig: { type: 'string' },
  context: { type: 'string' },
  'allow-exec': { type: 'boolean' },
} as const;

export interface AccessValues {
  readonly 'in-cluster'?: boolean | undefined;
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
  readonly 'allow-exec'?: boolean | undefined;
}

const CONNECTIONS = 64;
/** Bytes of a page of a list. */
const LARGEST = 128 * 1024 * 1024;

/** Rejects with `KubernetesProblem` or `invalidConfig`. */
export async function apiOf(values: AccessValues): Promise<KubernetesApi> {
  const { context, kubeconfig = loadClientConfig().kubeconfig } = values;
  const outside = () => readKubeconfig(kubeconfig, { context, allowExec: values['allow-exec'] === true });
  const access = values['in-cluster'] === true ? await inClusterAccess() : await outside();
  return new KubernetesApi(access, { connections: CONNECTIONS, largest: LARGEST });
}
