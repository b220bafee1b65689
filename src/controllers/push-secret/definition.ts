/** PushSecret (external-secrets.io/v1alpha1): a Secret of the cluster becomes a secret of stores. */
import { generatorRef, secretTemplate, storeRewrite } from '../external-secret/definition.ts';
import type { Definition } from '../kind.ts';
import { anything, labelSelector, listOf, mapOf, moment, object, oneOf, OPEN, text, type Read } from '../schema.ts';

const storeRef = object(
  {},
  { name: text(), kind: oneOf(['SecretStore', 'ClusterSecretStore'], 'SecretStore'), labelSelector },
);

const remoteRef = object({ remoteKey: text('The secret in the store.') }, { property: text('One value of it.') });

const conversionStrategy = oneOf(['None', 'ReverseUnicode'], 'None');

const data = object(
  { match: object({ remoteRef }, { secretKey: text('Of the Secret; without, all of it as JSON.') }) },
  { metadata: anything(), conversionStrategy },
);

const dataTo = object(
  {},
  {
    ...{ storeRef, remoteKey: text(), match: object({}, { regexp: text() }), rewrite: listOf(storeRewrite) },
    ...{ metadata: anything(), conversionStrategy },
  },
);

const spec = object(
  {
    secretStoreRefs: listOf(storeRef),
    selector: object({}, { secret: object({}, { name: text(), selector: labelSelector }), generatorRef }),
  },
  {
    refreshInterval: text('A duration of Go; 0: once.', { default: '1h0m0s' }),
    updatePolicy: oneOf(['Replace', 'IfNotExists'], 'Replace'),
    deletionPolicy: oneOf(['Delete', 'None'], 'None'),
    data: listOf(data),
    dataTo: listOf(dataTo),
    template: secretTemplate,
  },
);

const condition = object(
  { type: text(), status: text() },
  { reason: text(), message: text(), lastTransitionTime: moment() },
);

const status = object(
  {},
  {
    refreshTime: moment(),
    syncedResourceVersion: text(),
    syncedPushSecrets: mapOf(
      mapOf(object({ match: object({ remoteRef }, { secretKey: text() }) }, { metadata: anything() }, OPEN)),
    ),
    conditions: listOf(condition),
  },
);

export type PushSecretSpec = Read<typeof spec>;
export type PushSecretStatus = Read<typeof status>;
export type PushData = Read<typeof data>;
export type PushDataTo = Read<typeof dataTo>;

export const pushSecret: Definition<PushSecretSpec, PushSecretStatus> = {
  ...{ group: 'external-secrets.io', version: 'v1alpha1', kind: 'PushSecret', plural: 'pushsecrets' },
  ...{ namespaced: true, shortNames: ['ps'], spec, status, selectable: [] },
  columns: [
    { name: 'AGE', type: 'date', jsonPath: '.metadata.creationTimestamp' },
    { name: 'Status', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].reason' },
    { name: 'Last Sync', type: 'date', jsonPath: '.status.refreshTime' },
  ],
};
