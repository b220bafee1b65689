/** `lockstep controller` for a cluster: what it needs there, and itself as a process. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { manifests, type ManifestOptions } from '../../../src/controllers/manifests.ts';
import type { KubernetesCluster } from './cluster.ts';
import { create } from './service-accounts.ts';

const executable = join(import.meta.dirname, '../../../bin/lockstep');

const PLACES: Readonly<Record<string, string>> = {
  ValidatingWebhookConfiguration: '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations',
  CustomResourceDefinition: '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
  ServiceAccount: '/api/v1/namespaces/lockstep-system/serviceaccounts',
  ClusterRole: '/apis/rbac.authorization.k8s.io/v1/clusterroles',
  ClusterRoleBinding: '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings',
  Role: '/apis/rbac.authorization.k8s.io/v1/namespaces/lockstep-system/roles',
  RoleBinding: '/apis/rbac.authorization.k8s.io/v1/namespaces/lockstep-system/rolebindings',
};

/** What a test looks at in an object. */
export interface Seen {
  readonly metadata: {
    readonly uid: string;
    readonly resourceVersion: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly {
      readonly kind: string;
      readonly name: string;
      readonly controller: boolean;
    }[];
  };
  readonly data?: Readonly<Record<string, string>>;
  readonly type?: string;
  readonly status?: {
    readonly binding?: { readonly name: string };
    readonly staleSince?: string;
    readonly missingSince?: string;
    readonly sources?: readonly {
      readonly store: string;
      readonly key: string;
      readonly version?: number;
      readonly index?: string;
    }[];
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly reason: string;
      readonly message: string;
    }[];
  };
}

/** Into the namespace `lockstep-system`, which must be there. */
export async function applyManifests(cluster: KubernetesCluster, options: ManifestOptions = {}): Promise<void> {
  const accounts = [{ namespace: '*', name: '*' }];
  for (const object of manifests('lockstep-system', { accounts, ...options }))
    await create(cluster, PLACES[object.kind ?? ''] ?? '', object);
}

export type End = (signal: 'SIGTERM' | 'SIGKILL') => Promise<readonly [code: number | null, signal: string | null]>;

/** Starts a controller that may lead; `live` is the address of its pages. */
export function controllersOf(kubeconfig: string, flags: readonly string[] = []): (live: string) => End {
  const argv = [
    'controller',
    `-kubeconfig=${kubeconfig}`,
    '-metrics-addr=0',
    '-allow-local-servers',
    '-enable-leader-election',
    ...flags,
  ];
  return (live) => {
    const child = spawn(executable, [...argv, `-live-addr=${live}`], { stdio: ['ignore', 'ignore', 'inherit'] });
    const ended = once(child, 'exit');
    return async (signal) => {
      child.kill(signal);
      return (await ended) as [number | null, string | null];
    };
  };
}
