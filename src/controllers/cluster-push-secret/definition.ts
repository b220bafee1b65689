/** ClusterPushSecret (external-secrets.io/v1alpha1): one PushSecret in each of several namespaces. */
import type { Definition, ObjectOf } from '../kind.ts';
import { pushSecret } from '../push-secret/definition.ts';
import { labelSelector, listOf, mapOf, moment, object, text, type Read } from '../schema.ts';

const spec = object(
  { pushSecretSpec: pushSecret.spec },
  {
    pushSecretName: text('Of what is made in each namespace; default the name of the ClusterPushSecret.', {
      maxLength: 253,
    }),
    pushSecretMetadata: object({}, { annotations: mapOf(text()), labels: mapOf(text()) }),
    namespaceSelectors: listOf(labelSelector, 'Namespaces that one of them selects.'),
    refreshTime: text('Between two looks, a duration of Go; default 1h.'),
  },
);

const condition = object(
  { type: text(), status: text() },
  { reason: text(), message: text(), lastTransitionTime: moment() },
);

const status = object(
  {},
  {
    pushSecretName: text(),
    provisionedNamespaces: listOf(text()),
    failedNamespaces: listOf(object({ namespace: text() }, { reason: text() })),
    conditions: listOf(condition),
  },
);

export const clusterPushSecret: Definition<Read<typeof spec>, Read<typeof status>> = {
  ...{ group: pushSecret.group, version: pushSecret.version, kind: 'ClusterPushSecret', plural: 'clusterpushsecrets' },
  ...{ namespaced: false, shortNames: [], spec, status, selectable: [] },
  columns: [
    { name: 'AGE', type: 'date', jsonPath: '.metadata.creationTimestamp' },
    { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
  ],
};

export type ClusterPushSecret = ObjectOf<typeof clusterPushSecret>;
