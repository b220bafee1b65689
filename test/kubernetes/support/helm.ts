/** `helm`, built from its Go module once and kept in the user's cache. */
import { join } from 'node:path';
import { cached } from '../../clients/support/cache.ts';
import { has, must, run, type Ran } from '../../clients/support/run.ts';
import { kubernetesVersion } from './binaries.ts';

/** As helm/go.mod has it; a test compares. */
export const helmVersion = '3.22.0';

/** Why there is none; false when there is one. */
export async function withoutHelm(): Promise<string | false> {
  return (await has('go', ['version'])) ? false : 'there is no Go to build helm with';
}

/** The folder that has it. */
export function builtHelm(): Promise<string> {
  return cached(`helm-${helmVersion}`, async (into) => {
    const building = ['go', 'build', '-ldflags', '-s -w', '-o', `${into}/`, 'helm.sh/helm/v3/cmd/helm'];
    await must('nice', building, { cwd: join(import.meta.dirname, '../helm') });
  });
}

/** Runs it: what it wrote, and how it ended. */
export async function helm(...args: readonly string[]): Promise<Ran> {
  return run(join(await builtHelm(), 'helm'), args);
}

export const template = (chart: string, namespace: string, values: readonly string[]): Promise<Ran> =>
  helm('template', 'release', chart, `--namespace=${namespace}`, `--kube-version=${kubernetesVersion}`, ...values);
