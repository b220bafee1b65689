/** The cluster that this process runs in, by the files that the kubelet gives each pod. */
import { readFile } from 'node:fs/promises';
import type { ClusterAccess } from './access.ts';
import { KubernetesProblem } from './problem.ts';

const FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';

const contents = (name: string): Promise<string> =>
  readFile(`${FOLDER}/${name}`, 'utf8').catch((error: unknown) => {
    throw new KubernetesProblem(`${FOLDER}/${name} cannot be read: this runs in no pod. Give -kubeconfig`, {
      cause: error,
    });
  });

/** Rejects with `KubernetesProblem` where it is none. */
export async function inClusterAccess(): Promise<ClusterAccess> {
  return {
    ...{ name: 'in-cluster', server: 'https://kubernetes.default.svc', serverName: undefined, impersonate: {} },
    ca: await contents('ca.crt'),
    credential: async () => ({ token: (await contents('token')).trim() }),
  };
}

/** The namespace of this pod. Rejects with `KubernetesProblem` where it is none. */
export const ownNamespace = async (): Promise<string> => (await contents('namespace')).trim();
