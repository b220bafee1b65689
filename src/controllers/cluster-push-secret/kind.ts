/** What a ClusterPushSecret makes, and where. */
import type { Cluster } from '../cluster.ts';
import type { PerNamespace } from '../per-namespace/reconcile.ts';
import { pushSecret } from '../push-secret/definition.ts';
import type { PushSecret } from '../push-secret/plan.ts';
import type { SecretTypes } from '../secret-types.ts';
import { clusterPushSecret, type ClusterPushSecret } from './definition.ts';

export const pushSecretsOf = (cluster: Cluster, types: SecretTypes): PerNamespace<ClusterPushSecret, PushSecret> => ({
  ...{ kind: clusterPushSecret, made: pushSecret, statusName: 'pushSecretName' },
  taken: 'push secret already exists in namespace',
  selection: ({ spec: { namespaceSelectors = [] } }) => ({ selectors: namespaceSelectors }),
  wanted: ({ metadata, spec: { pushSecretName = '', pushSecretMetadata, pushSecretSpec } }) => ({
    ...pushSecretMetadata,
    ...{ name: pushSecretName === '' ? metadata.name : pushSecretName, spec: pushSecretSpec },
  }),
  refreshTime: ({ spec }) => spec.refreshTime,
  problem: ({ spec }) => types.refusal(spec.pushSecretSpec.template?.type),
  cache: { from: cluster.clusterPushSecrets, made: cluster.pushSecrets, namespaces: cluster.namespaces },
  objects: { from: cluster.clusterPushSecretObjects, made: cluster.pushSecretObjects },
});
