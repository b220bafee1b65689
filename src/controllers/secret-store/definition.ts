/** SecretStore and ClusterSecretStore (external-secrets.io/v1): where secrets come from, and by what right. */
import type { Definition, PrinterColumn } from '../kind.ts';
import {
  boolean,
  integer,
  integerOrText,
  labelSelector,
  listOf,
  mapOf,
  moment,
  object,
  oneOf,
  OPEN,
  text,
  type Read,
} from '../schema.ts';

const secretRef = object(
  {},
  {
    name: text('The Secret.'),
    namespace: text('Of a ClusterSecretStore alone: where the Secret is. Without, it is that of whoever asks.'),
    key: text('Which of its values.'),
  },
);

const serviceAccountRef = object(
  { name: text('The ServiceAccount.') },
  { namespace: text('Of a ClusterSecretStore alone.'), audiences: listOf(text(), 'Further audiences of its token.') },
);

const vaultAuth = object(
  {},
  {
    namespace: text('The namespace to log in at, where that is another.'),
    tokenSecretRef: secretRef,
    appRole: object(
      { path: text('The mount.', { default: 'approle' }), secretRef },
      { roleId: text(), roleRef: secretRef },
    ),
    kubernetes: object(
      { mountPath: text('The mount.', { default: 'kubernetes' }), role: text() },
      { serviceAccountRef, secretRef },
    ),
    jwt: object(
      { path: text('The mount.', { default: 'jwt' }) },
      {
        role: text(),
        secretRef,
        kubernetesServiceAccountToken: object(
          { serviceAccountRef },
          { audiences: listOf(text()), expirationSeconds: integer() },
        ),
      },
    ),
    ldap: object({ path: text('The mount.', { default: 'ldap' }), username: text() }, { secretRef }),
    userPass: object({ path: text('The mount.', { default: 'userpass' }), username: text() }, { secretRef }),
  },
  OPEN,
);

const caProvider = object(
  { type: oneOf(['Secret', 'ConfigMap']), name: text() },
  { key: text(), namespace: text('Of a ClusterSecretStore alone.') },
);

export const vault = object(
  { server: text('Its address: https://….') },
  {
    path: text('The mount of the secrets. Without, the keys begin with it.'),
    version: oneOf(['v1', 'v2'], 'v2'),
    namespace: text(),
    auth: vaultAuth,
    caBundle: text('PEM, in base64.', { format: 'byte' }),
    caProvider,
    tls: object({}, { certSecretRef: secretRef, keySecretRef: secretRef }),
    headers: mapOf(text()),
    readYourWrites: boolean(),
    forwardInconsistent: boolean(),
    checkAndSet: object({}, { required: boolean() }),
  },
);

const fake = object(
  {
    data: listOf(object({ key: text(), value: text() }, { version: text() })),
  },
  { validationResult: integer('What a look at the store says: 0 it is ready, 1 unknown, 2 it is not.') },
);

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
    provider: object(
      {},
      { lockstep: vault, vault, openBao: vault, fake },
      { ...OPEN, minProperties: 1, maxProperties: 1 },
    ),
  },
  {
    controller: text('The class of the controller that looks after it; without, all do.'),
    refreshInterval: integerOrText('Seconds between two looks at the store itself.'),
    retrySettings: object({}, { maxRetries: integer(), retryInterval: text() }),
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
