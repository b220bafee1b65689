/** ClusterExternalSecret (external-secrets.io/v1): one ExternalSecret in each of several namespaces. */
import { externalSecret } from '../external-secret/definition.ts';
import type { Definition } from '../kind.ts';
import { labelSelector, listOf, mapOf, object, text, type Read } from '../schema.ts';

const spec = object(
  { externalSecretSpec: externalSecret.spec },
  {
    externalSecretName: text('Of what is made in each namespace; default the name of the ClusterExternalSecret.', {
      maxLength: 253,
    }),
    externalSecretMetadata: object({}, { annotations: mapOf(text()), labels: mapOf(text()) }),
    namespaceSelectors: listOf(labelSelector, 'Namespaces that one of them selects.'),
    namespaceSelector: labelSelector,
    namespaces: listOf(text(), 'By name; deprecated in favour of namespaceSelectors.'),
    refreshTime: text('Between two looks, a duration of Go; default 1h.'),
  },
);

const status = object(
  {},
  {
    externalSecretName: text(),
    provisionedNamespaces: listOf(text()),
    failedNamespaces: listOf(object({ namespace: text() }, { reason: text() })),
    conditions: listOf(object({ type: text(), status: text() }, { message: text() })),
  },
);

export type ClusterExternalSecretSpec = Read<typeof spec>;
export type ClusterExternalSecretStatus = Read<typeof status>;

export const clusterExternalSecret: Definition<ClusterExternalSecretSpec, ClusterExternalSecretStatus> = {
  ...{ group: 'external-secrets.io', version: 'v1', kind: 'ClusterExternalSecret', plural: 'clusterexternalsecrets' },
  ...{ namespaced: false, shortNames: ['ces'], spec, status, selectable: [] },
  columns: [
    { name: 'Store', type: 'string', jsonPath: '.spec.externalSecretSpec.secretStoreRef.name' },
    { name: 'Refresh Interval', type: 'string', jsonPath: '.spec.refreshTime' },
    { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
  ],
};
