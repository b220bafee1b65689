/** Which objects there should be for one of the cluster that makes one in each of several namespaces: pure, from what there is. */
import { selects, type LabelSelector } from '../../kube/label-selector.ts';
import { apiVersionOf, type Kind, type KubernetesObject } from '../../kube/objects.ts';
import { canonicalJson } from '../../lib/canonical-json.ts';

/** What is made in each namespace. */
export interface MadeObject extends KubernetesObject {
  readonly spec: unknown;
}

export interface Selection {
  /** By name. */
  readonly names?: readonly string[] | undefined;
  /** By labels: one of them suffices. */
  readonly selectors: readonly LabelSelector[];
}

export interface Wanted {
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  readonly spec: unknown;
}

/** In order. One that is being deleted takes nothing new. Throws `KubernetesProblem` for a selector that is not valid. */
export function namespacesOf({ names = [], selectors }: Selection, all: Iterable<KubernetesObject>): readonly string[] {
  return [...all]
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .filter(
      ({ metadata: { name, labels = {} } }) => names.includes(name) || selectors.some((each) => selects(each, labels)),
    )
    .map(({ metadata }) => metadata.name)
    .sort();
}

/** Whether it was made for the one of the cluster, which alone changes and deletes it. `kind`: of that one. */
export const isOf = ({ kind: ofCluster }: Kind, { metadata }: KubernetesObject, made: KubernetesObject): boolean =>
  made.metadata.ownerReferences?.some(
    ({ kind, name, uid, controller }) =>
      controller === true && kind === ofCluster && name === metadata.name && uid === metadata.uid,
  ) === true;

export interface Place {
  /** Of the one of the cluster. */
  readonly kind: Kind;
  readonly from: KubernetesObject;
  readonly namespace: string;
  readonly made: Kind;
}

/** What it should be; undefined: it is. What others add to its labels and annotations stays. */
export function desired(
  { kind, from, namespace, made }: Place,
  { name, labels = {}, annotations = {}, spec }: Wanted,
  before: MadeObject | undefined,
): MadeObject | undefined {
  const was = before?.metadata ?? { name, namespace };
  const owner = {
    apiVersion: apiVersionOf(kind),
    kind: kind.kind,
    name: from.metadata.name,
    uid: from.metadata.uid ?? '',
  };
  const wanted: MadeObject = {
    ...{ apiVersion: apiVersionOf(made), kind: made.kind },
    metadata: {
      ...was,
      labels: { ...was.labels, ...labels },
      annotations: { ...was.annotations, ...annotations },
      ownerReferences: was.ownerReferences ?? [{ ...owner, controller: true, blockOwnerDeletion: true }],
    },
    spec,
  };
  return before !== undefined && seen(before) === seen(wanted) ? undefined : wanted;
}

const seen = ({ metadata: { labels = {}, annotations = {} }, spec }: MadeObject): string =>
  canonicalJson({ labels, annotations, spec });
