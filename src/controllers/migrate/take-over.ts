/** The steps by which a cluster changes hands. Each is looked at first: what is done already is left, so a run that was cut off is run again. */
import { apply } from '../../kube/apply.ts';
import type { KubernetesApi } from '../../kube/api.ts';
import { keyOf, Objects } from '../../kube/objects.ts';
import { manifests, type ManifestOptions } from '../manifests.ts';
import { deployments, type Operator, type Survey } from './survey.ts';

export interface Step {
  readonly what: string;
  readonly state: 'done' | 'there already' | 'to be done';
}

/** How many it had, so that it can be put back by hand. */
const REPLICAS = 'lockstep/replicas-before';

export interface TakingOver extends ManifestOptions {
  readonly namespace: string;
  /** Between two looks at whether a controller's pods are gone. */
  readonly pause: () => Promise<unknown>;
}

async function stop(api: KubernetesApi, operator: Operator, pause: () => Promise<unknown>): Promise<void> {
  const objects = new Objects<Operator>(api, deployments);
  const { namespace = '', name, annotations = {} } = operator.metadata;
  const before = String(operator.spec.replicas ?? 1);
  const metadata = { ...operator.metadata, annotations: { ...annotations, [REPLICAS]: before } };
  await objects.replace({ ...operator, metadata, spec: { ...operator.spec, replicas: 0 } });
  // Two that write the same Secrets would undo each other.
  while (((await objects.get({ namespace, name }))?.status?.replicas ?? 0) > 0) await pause();
}

/** `dry`: nothing is done. Rejects with `KubernetesProblem`. */
export async function takeOver(
  api: KubernetesApi,
  { operators }: Survey,
  { namespace, pause, ...options }: TakingOver,
  dry: boolean,
): Promise<readonly Step[]> {
  const steps: Step[] = [];
  for (const operator of operators) {
    const what = `stop External Secrets Operator: Deployment ${keyOf(operator.metadata)} to 0 replicas`;
    const stopped = operator.spec.replicas === 0 && (operator.status?.replicas ?? 0) === 0;
    if (!stopped && !dry) await stop(api, operator, pause);
    steps.push({ what, state: stopped ? 'there already' : dry ? 'to be done' : 'done' });
  }
  const place = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } };
  const objects = [place, ...manifests(namespace, options)];
  if (!dry) for (const object of objects) await apply(api, object, { fieldManager: 'lockstep-migrate' });
  const state = dry ? 'to be done' : 'done';
  const crds = objects.filter(({ kind }) => kind === 'CustomResourceDefinition').length;
  steps.push({ what: `apply ${String(crds)} kinds, in place of theirs of the same names`, state });
  steps.push({ what: `apply the rights of ${namespace}/lockstep-controller, and what else it needs`, state });
  return steps;
}
