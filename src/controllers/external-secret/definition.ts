/** ExternalSecret (external-secrets.io/v1): which secrets of which store become a Secret. */
import type { Definition, ObjectOf } from '../kind.ts';
import { boolean, integer, listOf, mapOf, moment, object, oneOf, text, type Read } from '../schema.ts';

const storeRef = object({}, { name: text(), kind: oneOf(['SecretStore', 'ClusterSecretStore']) });

export const generatorRef = object(
  { kind: text(), name: text() },
  { apiVersion: text(undefined, { default: 'generators.external-secrets.io/v1alpha1' }) },
);

const sourceRef = object({}, { storeRef, generatorRef });

const conversionStrategy = oneOf(['Default', 'Unicode']);
const decodingStrategy = oneOf(['Auto', 'Base64', 'Base64URL', 'None']);
const nullBytePolicy = oneOf(['Ignore', 'Fail']);

const remoteRef = object(
  { key: text('The secret in the store.') },
  {
    property: text('One value of it, by the path of gjson; without, all of it as JSON.'),
    version: text(),
    metadataPolicy: oneOf(['None', 'Fetch']),
    conversionStrategy,
    decodingStrategy,
    nullBytePolicy,
  },
);

const find = object(
  {},
  {
    path: text('Below which secrets are looked for.'),
    name: object({}, { regexp: text('In RE2.') }),
    tags: mapOf(text()),
    conversionStrategy,
    decodingStrategy,
    nullBytePolicy,
  },
);

const names = {
  regexp: object({ source: text('In RE2.'), target: text() }, {}),
  transform: object({ template: text() }, {}),
};

/** Of names alone, as a PushSecret has it. */
export const storeRewrite = object({}, names);

const rewrite = object(
  {},
  {
    ...names,
    merge: object(
      {},
      {
        into: text(undefined, { default: '' }),
        conflictPolicy: oneOf(['Ignore', 'Error'], 'Error'),
        priority: listOf(text()),
        priorityPolicy: oneOf(['IgnoreNotFound', 'Strict'], 'Strict'),
        strategy: oneOf(['Extract', 'JSON'], 'Extract'),
      },
    ),
  },
);

const templateItem = object({ key: text() }, { templateAs: oneOf(['Values', 'KeysAndValues'], 'Values') });
const templateSource = object({ name: text(), items: listOf(templateItem) }, {});

export const secretTemplate = object(
  {},
  {
    type: text(),
    engineVersion: oneOf(['v2'], 'v2'),
    mergePolicy: oneOf(['Replace', 'Merge'], 'Replace'),
    metadata: object({}, { annotations: mapOf(text()), labels: mapOf(text()), finalizers: listOf(text()) }),
    data: mapOf(text()),
    templateFrom: listOf(
      object(
        {},
        {
          configMap: templateSource,
          secret: templateSource,
          literal: text(),
          target: text(undefined, { default: 'Data' }),
          valuesDecodingStrategy: oneOf(['Auto', 'Base64', 'Base64URL', 'None']),
        },
      ),
    ),
  },
);

const target = object(
  {},
  {
    name: text('The Secret; default the name of the ExternalSecret.', { minLength: 1, maxLength: 253 }),
    creationPolicy: oneOf(['Owner', 'Orphan', 'Merge', 'None', 'CreateOrMerge'], 'Owner'),
    deletionPolicy: oneOf(['Delete', 'Merge', 'Retain'], 'Retain'),
    immutable: boolean(),
    manifest: object({ apiVersion: text(), kind: text() }, {}),
    template: secretTemplate,
  },
  { default: { creationPolicy: 'Owner', deletionPolicy: 'Retain' } },
);

const spec = object(
  {},
  {
    secretStoreRef: storeRef,
    target,
    refreshPolicy: oneOf(['CreatedOnce', 'Periodic', 'OnChange']),
    refreshInterval: text('A duration of Go; 0: once.', { default: '1h0m0s' }),
    syncWindows: object(
      {
        kind: oneOf(['allow', 'deny']),
        windows: listOf(object({ schedule: text(), duration: text() }, {})),
      },
      {},
    ),
    data: listOf(object({ secretKey: text(), remoteRef }, { sourceRef })),
    dataFrom: listOf(object({}, { extract: remoteRef, find, rewrite: listOf(rewrite), sourceRef })),
  },
);

const statusCondition = object(
  { type: oneOf(['Ready', 'Deleted']), status: text() },
  { reason: text(), message: text(), lastTransitionTime: moment() },
);

const source = object(
  { store: text('SecretStore/name or ClusterSecretStore/name.'), key: text() },
  {
    version: integer(),
    index: text('The X-Vault-Index of the answer, as of the last change.'),
    region: text('The region that answered; absent: the hub.'),
  },
);

const status = object(
  {},
  {
    refreshTime: moment(),
    syncedResourceVersion: text(),
    conditions: listOf(statusCondition),
    binding: object({}, { name: text(undefined, { default: '' }) }, { 'x-kubernetes-map-type': 'atomic' }),
    sources: listOf(source, 'Where what is in the Secret is from, as far as the stores say it.'),
    missingSince: moment(
      'Since when the stores say that something of it is not there, while that is not believed yet.',
    ),
    staleSince: moment('Since when it is not known whether the Secret has what the stores have.'),
  },
);

export type ExternalSecretSpec = Read<typeof spec>;
export type ExternalSecretStatus = Read<typeof status>;
export type Source = Read<typeof source>;
export type StoreRef = Read<typeof storeRef>;
export type SourceRef = Read<typeof sourceRef>;
export type GeneratorRef = Read<typeof generatorRef>;
export type RemoteRef = Read<typeof remoteRef>;
export type Find = Read<typeof find>;
export type Rewrite = Read<typeof rewrite>;
export type Template = Read<typeof secretTemplate>;
export type Target = Read<typeof target>;

export const externalSecret: Definition<ExternalSecretSpec, ExternalSecretStatus> = {
  ...{ group: 'external-secrets.io', version: 'v1', kind: 'ExternalSecret', plural: 'externalsecrets' },
  ...{ namespaced: true, shortNames: ['es'], spec, status },
  columns: [
    { name: 'StoreType', type: 'string', jsonPath: '.spec.secretStoreRef.kind' },
    { name: 'Store', type: 'string', jsonPath: '.spec.secretStoreRef.name' },
    { name: 'Refresh Interval', type: 'string', jsonPath: '.spec.refreshInterval' },
    { name: 'Status', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].reason' },
    { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
    { name: 'Last Sync', type: 'date', jsonPath: '.status.refreshTime' },
  ],
  selectable: ['.spec.secretStoreRef.name', '.spec.secretStoreRef.kind', '.spec.target.name', '.spec.refreshInterval'],
};

export type ExternalSecret = ObjectOf<typeof externalSecret>;

/** Of what it makes. */
export const targetName = ({ metadata, spec }: ExternalSecret): string => {
  const { name = '' } = spec.target ?? {};
  return name === '' ? metadata.name : name;
};
