/** SecretStore and ClusterSecretStore (external-secrets.io/v1): where secrets come from, and by what right. */
import type { Definition, PrinterColumn } from '../kind.ts';
import { integer, integerOrText, labelSelector, listOf, moment, object, oneOf, text, type Read } from '../schema.ts';
import { providerSchema } from './providers-schema.ts';

const condition = object(
  {},
  {
    namespaces: listOf(text()),
    namespaceRegexes: listOf(text(), 'In RE2.'),
    namespaceSelector: labelSelector,
  },
);

const spec = object(
  {
    provider: providerSchema,
  },
  {
    controller: text('The class of the controller that looks after it; without, all do.'),
    refreshInterval: integerOrText('Seconds between two looks at the store itself.'),
    retrySettings: object({}, { maxRetries: integer(), retryInterval: text() }),
    fallbackStores: listOf(
      object({ name: text() }, { kind: oneOf(['SecretStore', 'ClusterSecretStore'], 'SecretStore') }),
      'Of Lockstep: stores that are read in this order while this one does not answer.',
    ),
    conditions: listOf(condition, 'Of a ClusterSecretStore: whose ExternalSecrets may use it. Without, all.'),
  },
);

const statusCondition = object(
  { type: text(), status: text() },
  { reason: text(), message: text(), lastTransitionTime: moment() },
);

const status = object({}, { capabilities: text(), conditions: listOf(statusCondition) });

export type StoreSpec = Read<typeof spec>;
export type StoreStatus = Read<typeof status>;
export type StoreCondition = Read<typeof condition>;

const columns: readonly PrinterColumn[] = [
  { name: 'AGE', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  { name: 'Status', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].reason' },
  { name: 'Capabilities', type: 'string', jsonPath: '.status.capabilities' },
  { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
];

const shared = { group: 'external-secrets.io', version: 'v1', spec, status, columns, selectable: [] };

export const secretStore: Definition<StoreSpec, StoreStatus> = {
  ...shared,
  ...{ kind: 'SecretStore', plural: 'secretstores', shortNames: ['ss'], namespaced: true },
};

export const clusterSecretStore: Definition<StoreSpec, StoreStatus> = {
  ...shared,
  ...{ kind: 'ClusterSecretStore', plural: 'clustersecretstores', shortNames: ['css'], namespaced: false },
};
