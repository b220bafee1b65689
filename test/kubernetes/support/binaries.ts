/**
 * The programs of a Kubernetes control plane: given ones where `KUBEBUILDER_ASSETS` names their folder, as envtest has it, or
 * else built from their Go modules once and kept in the user's cache.
 */
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { cached } from '../../clients/support/cache.ts';
import { has, must } from '../../clients/support/run.ts';

/** As the go.mod files below `control-plane/` and `etcd/` have them; a test compares. */
export const kubernetesVersion = '1.36.3';
export const etcdVersion = '3.6.14';

const programs = ['etcd', 'kube-apiserver', 'kube-controller-manager'] as const;
const modules = join(import.meta.dirname, '..');
const assets = process.env['KUBEBUILDER_ASSETS'] ?? '';

export type Program = (typeof programs)[number];

/** Why no control plane can be had here; false when one can. */
export async function withoutControlPlane(): Promise<string | false> {
  if (assets !== '') return false;
  const reason = 'there is neither Go to build a control plane nor a folder of one in KUBEBUILDER_ASSETS';
  return (await has('go', ['version'])) ? false : reason;
}

/** The path of each program. Throws when a given folder lacks one, or when the build fails, with what it wrote. */
export async function controlPlane(): Promise<Readonly<Record<Program, string>>> {
  const folder = assets === '' ? await built() : assets;
  const path = (program: Program): string => join(folder, program);
  for (const program of programs) {
    try {
      accessSync(path(program), constants.X_OK);
    } catch (cause) {
      throw new Error(`${folder} holds no ${program} that can be run: put it there or unset KUBEBUILDER_ASSETS`, {
        cause,
      });
    }
  }
  return {
    etcd: path('etcd'),
    'kube-apiserver': path('kube-apiserver'),
    'kube-controller-manager': path('kube-controller-manager'),
  };
}

function built(): Promise<string> {
  return cached(`kubernetes-${kubernetesVersion}-etcd-${etcdVersion}`, async (into) => {
    const [major = '', minor = ''] = kubernetesVersion.split('.');
    // Without these the API server takes itself for v0.0.0 and refuses to start.
    const told = { gitVersion: `v${kubernetesVersion}`, gitMajor: major, gitMinor: minor };
    const flags = Object.entries(told).map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`);
    const commands = ['kube-apiserver', 'kube-controller-manager'].map((name) => `k8s.io/kubernetes/cmd/${name}`);
    await must('nice', ['go', 'build', '-ldflags', flags.join(' '), '-o', `${into}/`, ...commands], {
      cwd: join(modules, 'control-plane'),
    });
    await must('nice', ['go', 'build', '-o', join(into, 'etcd'), 'go.etcd.io/etcd/server/v3'], {
      cwd: join(modules, 'etcd'),
    });
  });
}
