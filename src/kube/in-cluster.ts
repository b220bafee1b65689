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

/** Milliseconds for which a token is good: the kubelet writes another long before one ends, and client-go looks as often. */
const TOKEN_MS = 60_000;

function tokenSource(now = () => performance.now()): () => Promise<{ readonly token: string }> {
  let known: { readonly token: string; readonly at: number } | undefined;
  return async () => {
    if (known === undefined || now() - known.at >= TOKEN_MS)
      known = { token: (await contents('token')).trim(), at: now() };
    return known;
  };
}

/** Rejects with `KubernetesProblem` where it is none. */
export async function inClusterAccess(): Promise<ClusterAccess> {
  return {
    ...{ name: 'in-cluster', server: 'https://kubernetes.default.svc', serverName: undefined, impersonate: {} },
    ca: await contents('ca.crt'),
    credential: tokenSource(),
  };
}

/** The namespace of this pod. Rejects with `KubernetesProblem` where it is none. */
export const ownNamespace = async (): Promise<string> => (await contents('namespace')).trim();
