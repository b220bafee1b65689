/** What a cluster needs before the controllers can run in it: their kinds, and their rights. */
import { stringify } from 'yaml';
import { leaseKind } from '../kube/leader.ts';
import type { KubernetesObject } from '../kube/objects.ts';
import { clusterExternalSecret } from './cluster-external-secret/definition.ts';
import { clusterPushSecret } from './cluster-push-secret/definition.ts';
import { externalSecret } from './external-secret/definition.ts';
import { clusterGenerator, generatorKinds } from './generator/definition.ts';
import { generatorState } from './generator-state/definition.ts';
import { customResourceDefinition } from './kind.ts';
import { pushSecret } from './push-secret/definition.ts';
import { clusterSecretStore, secretStore } from './secret-store/definition.ts';

const NAME = 'lockstep-controller';

interface Manifest extends KubernetesObject {
  readonly spec?: unknown;
  readonly rules?: readonly Rule[];
  readonly roleRef?: unknown;
  readonly subjects?: unknown;
}

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

const making = [clusterExternalSecret, clusterPushSecret];
const watched = [externalSecret, pushSecret, ...making, secretStore, clusterSecretStore];
const generating = [clusterGenerator, ...[...generatorKinds.values()].map(({ definition }) => definition)];

/** Every kind of ours. */
export const definitions = [...watched, ...generating, generatorState];

/** What the code watches, reads and writes, and nothing else. */
const rules: readonly Rule[] = [
  {
    apiGroups: ['external-secrets.io'],
    resources: watched.map(({ plural }) => plural),
    verbs: ['get', 'list', 'watch'],
  },
  {
    apiGroups: ['external-secrets.io'],
    resources: watched.map(({ plural }) => `${plural}/status`),
    verbs: ['get', 'patch'],
  },
  { apiGroups: [generatorState.group], resources: generating.map(({ plural }) => plural), verbs: ['get'] },
  {
    apiGroups: [generatorState.group],
    resources: [generatorState.plural],
    verbs: ['get', 'list', 'watch', 'create', 'update', 'delete'],
  },
  { apiGroups: [generatorState.group], resources: [`${generatorState.plural}/status`], verbs: ['get', 'patch'] },
  // Those of a ClusterExternalSecret or ClusterPushSecret; the finalizer of a PushSecret that takes away what it wrote.
  {
    apiGroups: ['external-secrets.io'],
    resources: [externalSecret.plural, pushSecret.plural],
    verbs: ['create', 'update', 'delete'],
  },
  // An owner reference that blocks deletion needs it, where the API server asks (OwnerReferencesPermissionEnforcement).
  {
    apiGroups: ['external-secrets.io'],
    resources: [externalSecret, ...making].map(({ plural }) => `${plural}/finalizers`),
    verbs: ['update'],
  },
  { apiGroups: [''], resources: ['secrets'], verbs: ['get', 'list', 'watch', 'create', 'update', 'delete'] },
  { apiGroups: [''], resources: ['configmaps'], verbs: ['get'] },
  { apiGroups: [''], resources: ['namespaces'], verbs: ['get', 'list', 'watch'] },
  // The role of AWS stands in its annotations.
  { apiGroups: [''], resources: ['serviceaccounts'], verbs: ['get'] },
  { apiGroups: [''], resources: ['serviceaccounts/token'], verbs: ['create'] },
  { apiGroups: [''], resources: ['events'], verbs: ['create'] },
];

/** Where it runs: who leads. */
const ownRules: readonly Rule[] = [
  { apiGroups: [leaseKind.group], resources: [leaseKind.plural], verbs: ['get', 'create', 'update'] },
];

const rbac = 'rbac.authorization.k8s.io';

/** `namespace`: of the service account that the controller runs as. */
export function manifests(namespace: string): readonly Manifest[] {
  const account = { kind: 'ServiceAccount', name: NAME, namespace };
  const named = { metadata: { name: NAME } };
  return [
    ...definitions.map((each) => customResourceDefinition(each)),
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: NAME, namespace } },
    { apiVersion: `${rbac}/v1`, kind: 'ClusterRole', ...named, rules },
    {
      ...{ apiVersion: `${rbac}/v1`, kind: 'ClusterRoleBinding', ...named },
      roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: NAME },
      subjects: [account],
    },
    { apiVersion: `${rbac}/v1`, kind: 'Role', metadata: { name: NAME, namespace }, rules: ownRules },
    {
      ...{ apiVersion: `${rbac}/v1`, kind: 'RoleBinding', metadata: { name: NAME, namespace } },
      roleRef: { apiGroup: rbac, kind: 'Role', name: NAME },
      subjects: [account],
    },
  ];
}

export const asYaml = (objects: readonly Manifest[]): string =>
  objects.map((each) => `---\n${stringify(each, { aliasDuplicateObjects: false })}`).join('');
