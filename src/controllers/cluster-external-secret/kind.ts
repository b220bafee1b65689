/** What a ClusterExternalSecret makes, and where. */
import type { Cluster } from '../cluster.ts';
import { externalSecret, type ExternalSecret } from '../external-secret/definition.ts';
import type { ObjectOf } from '../kind.ts';
import type { PerNamespace } from '../per-namespace/reconcile.ts';
import type { SecretTypes } from '../secret-types.ts';
import { clusterExternalSecret } from './definition.ts';

export type ClusterExternalSecret = ObjectOf<typeof clusterExternalSecret>;

export const externalSecretsOf = (
  cluster: Cluster,
  types: SecretTypes,
): PerNamespace<ClusterExternalSecret, ExternalSecret> => ({
  ...{ kind: clusterExternalSecret, made: externalSecret, statusName: 'externalSecretName' },
  taken: 'external secret already exists in namespace',
  selection: ({ spec: { namespaces, namespaceSelector, namespaceSelectors = [] } }) => ({
    names: namespaces,
    selectors: [...namespaceSelectors, ...(namespaceSelector === undefined ? [] : [namespaceSelector])],
  }),
  wanted: ({ metadata, spec: { externalSecretName = '', externalSecretMetadata, externalSecretSpec } }) => ({
    ...externalSecretMetadata,
    ...{ name: externalSecretName === '' ? metadata.name : externalSecretName, spec: externalSecretSpec },
  }),
  refreshTime: ({ spec }) => spec.refreshTime,
  problem: ({ spec }) => types.refusal(spec.externalSecretSpec.target?.template?.type),
  cache: { from: cluster.clusterExternalSecrets, made: cluster.externalSecrets, namespaces: cluster.namespaces },
  objects: { from: cluster.clusterExternalSecretObjects, made: cluster.externalSecretObjects },
});
