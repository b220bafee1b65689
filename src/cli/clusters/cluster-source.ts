/** The API server that a command asks, by the flags that all of these commands have. */
import { KubernetesApi } from '../../kube/api.ts';
import { inClusterAccess } from '../../kube/in-cluster.ts';
import { readKubeconfig } from '../../kube/kubeconfig.ts';
import { KubernetesProblem } from '../../kube/problem.ts';
import type { Context } from '../context.ts';
import { CommandError, exit } from '../errors.ts';
import { flag } from '../flags.ts';

export const clusterFlags = {
  kubeconfig: flag.path('The kubeconfig; default $KUBECONFIG, or ~/.kube/config.'),
  context: flag.text('Its context; default the current one.'),
  'allow-exec': flag.boolean('Run the program that it names for credentials. Without, it is shown, and not run.'),
};

export interface ClusterFlags {
  readonly kubeconfig: string | undefined;
  readonly context: string | undefined;
  readonly 'allow-exec': boolean | undefined;
}

/** What the cluster gives; what is wrong with it ends the command. */
export async function ofCluster<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof KubernetesProblem)) throw error;
    throw new CommandError(`Error asking the cluster: ${error.message}`, exit.local, { cause: error });
  }
}

export async function clusterOf(context: Context, flags: ClusterFlags): Promise<KubernetesApi> {
  const file = flags.kubeconfig ?? context.config.kubeconfig;
  const options = { context: flags.context, allowExec: flags['allow-exec'] === true };
  return new KubernetesApi(await ofCluster(readKubeconfig(file, options)));
}

/** Without a kubeconfig: the cluster that this runs in. */
export async function clusterHere(context: Context, flags: ClusterFlags): Promise<KubernetesApi> {
  if (flags.kubeconfig !== undefined || flags.context !== undefined) return clusterOf(context, flags);
  return new KubernetesApi(await ofCluster(inClusterAccess()));
}
