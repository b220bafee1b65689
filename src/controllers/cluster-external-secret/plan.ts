/** Which ExternalSecrets there should be for a ClusterExternalSecret: pure, from what there is. */
import { apiVersionOf, type KubernetesObject } from '../../kube/objects.ts';
import { selects, type LabelSelector } from '../../kube/label-selector.ts';
import { canonicalJson } from '../../lib/canonical-json.ts';
import { externalSecret } from '../external-secret/definition.ts';
import type { ExternalSecret } from '../external-secret/plan.ts';
import type { ObjectOf } from '../kind.ts';
import { clusterExternalSecret } from './definition.ts';

export type ClusterExternalSecret = ObjectOf<typeof clusterExternalSecret>;

export const nameOf = ({ metadata, spec }: ClusterExternalSecret): string => {
  const { externalSecretName = '' } = spec;
  return externalSecretName === '' ? metadata.name : externalSecretName;
};

/** In order. One that is being deleted takes nothing new. Throws `KubernetesProblem` for a selector that is not valid. */
export function namespacesOf({ spec }: ClusterExternalSecret, all: Iterable<KubernetesObject>): readonly string[] {
  const { namespaces = [], namespaceSelector, namespaceSelectors = [] } = spec;
  const selectors: readonly LabelSelector[] = [
    ...namespaceSelectors,
    ...(namespaceSelector === undefined ? [] : [namespaceSelector]),
  ];
  return [...all]
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .filter(
      ({ metadata: { name, labels = {} } }) =>
        namespaces.includes(name) || selectors.some((each) => selects(each, labels)),
    )
    .map(({ metadata }) => metadata.name)
    .sort();
}

/** Whether it was made for the ClusterExternalSecret, which alone changes and deletes it. */
export const isOf = ({ metadata }: ClusterExternalSecret, { metadata: made }: ExternalSecret): boolean =>
  made.ownerReferences?.some(
    ({ kind, name, uid, controller }) =>
      controller === true && kind === clusterExternalSecret.kind && name === metadata.name && uid === metadata.uid,
  ) === true;

/** What it should be; undefined: it is. What others add to its labels and annotations stays. */
export function desired(
  from: ClusterExternalSecret,
  namespace: string,
  before: ExternalSecret | undefined,
): ExternalSecret | undefined {
  const { labels = {}, annotations = {} } = from.spec.externalSecretMetadata ?? {};
  const was = before?.metadata ?? { name: nameOf(from), namespace };
  const { name, uid = '' } = from.metadata;
  const owner = { apiVersion: apiVersionOf(clusterExternalSecret), kind: clusterExternalSecret.kind, name, uid };
  const wanted: ExternalSecret = {
    ...{ apiVersion: apiVersionOf(externalSecret), kind: externalSecret.kind },
    metadata: {
      ...was,
      labels: { ...was.labels, ...labels },
      annotations: { ...was.annotations, ...annotations },
      ownerReferences: was.ownerReferences ?? [{ ...owner, controller: true, blockOwnerDeletion: true }],
    },
    spec: from.spec.externalSecretSpec,
  };
  const seen = ({ metadata: { labels: has = {}, annotations: says = {} }, spec }: ExternalSecret): string =>
    canonicalJson({ has, says, spec });
  return before !== undefined && seen(before) === seen(wanted) ? undefined : wanted;
}
