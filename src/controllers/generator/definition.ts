/** Generators (generators.external-secrets.io/v1alpha1): kinds whose objects say how values are made. */
import type { Definition } from '../kind.ts';
import { anything, boolean, integer, listOf, mapOf, object, oneOf, text, type Read, type Schema } from '../schema.ts';
import {
  awsKeys,
  environmentType,
  gcrAuth,
  secretRef,
  serviceAccountRef,
  vault,
  webhook,
} from '../secret-store/providers-schema.ts';

const GROUP = 'generators.external-secrets.io';
const VERSION = 'v1alpha1';

const controller = text('The class of the controller that looks after it; without, all do.');

const password = object(
  {
    length: integer(undefined, { default: 24 }),
    noUpper: boolean(undefined, { default: false }),
    allowRepeat: boolean(undefined, { default: false }),
  },
  {
    digits: integer('Default a quarter of the length.'),
    symbols: integer('Default a quarter of the length.'),
    symbolCharacters: text(),
    encoding: oneOf(['base64', 'base64url', 'base32', 'hex', 'raw'], 'raw'),
    secretKeys: listOf(text(), 'Each gets a password of its own; default "password".'),
  },
);

const fake = object({}, { controller, data: mapOf(text()) });

const sshKey = object(
  {},
  {
    keyType: oneOf(['rsa', 'ecdsa', 'ed25519'], 'rsa'),
    keySize: integer('Bits of rsa (2048 to 8192) or ecdsa (256, 384, 521).'),
    comment: text(),
  },
);

const vaultDynamicSecret = object(
  { provider: vault, path: text('Of the API, without v1/.') },
  {
    controller,
    method: text('Default GET; LIST and DELETE; any other writes the parameters.'),
    parameters: anything(),
    getParameters: mapOf(listOf(text())),
    resultType: oneOf(['Data', 'Auth', 'Raw'], 'Data'),
    allowEmptyResponse: boolean(),
    retrySettings: object({}, { maxRetries: integer(), retryInterval: text() }),
  },
);

const aws = {
  role: text('Assumed first.'),
  auth: object({}, { secretRef: awsKeys, jwt: object({}, { serviceAccountRef }) }),
};

const ecrAuthorizationToken = object(
  { region: text() },
  { ...aws, scope: text('private, the default; public is not offered.') },
);

const stsSessionToken = object(
  { region: text() },
  {
    ...aws,
    requestParameters: object(
      {},
      { sessionDuration: integer('Seconds.'), serialNumber: text('Of a device.'), tokenCode: text('Of that device.') },
    ),
  },
);

const githubAccessToken = object(
  {
    appID: text(),
    installID: text('The number of the installation.'),
    auth: object({ privateKey: object({ secretRef }, {}) }, {}),
  },
  { url: text('By default https://api.github.com.'), repositories: listOf(text()), permissions: mapOf(text()) },
);

const gcrAccessToken = object({ auth: gcrAuth, projectID: text() }, {});

const acrAccessToken = object(
  {
    auth: object(
      {},
      {
        servicePrincipal: object({ secretRef: object({}, { clientId: secretRef, clientSecret: secretRef }) }, {}),
        workloadIdentity: object({}, { serviceAccountRef }),
        managedIdentity: object({}, { identityId: text() }),
      },
    ),
    registry: text('<name>.azurecr.io.'),
  },
  {
    environmentType,
    scope: text('repository:<name>:pull; without, the token is good for whatever its owner may.'),
    tenantId: text('The tenant of Entra.'),
  },
);

const specs = {
  passwordSpec: password,
  uuidSpec: object({}, {}),
  fakeSpec: fake,
  sshKeySpec: sshKey,
  vaultDynamicSecretSpec: vaultDynamicSecret,
  webhookSpec: webhook,
  ecrAuthorizationTokenSpec: ecrAuthorizationToken,
  stsSessionTokenSpec: stsSessionToken,
  githubAccessTokenSpec: githubAccessToken,
  gcrAccessTokenSpec: gcrAccessToken,
  acrAccessTokenSpec: acrAccessToken,
};

const clusterGeneratorSpec = object({ kind: text(), generator: object({}, specs) }, {});

export type ClusterGeneratorSpec = Read<typeof clusterGeneratorSpec>;

const common = {
  ...{ group: GROUP, version: VERSION, shortNames: [], columns: [], selectable: [] },
  categories: ['external-secrets-generators'],
  status: object({}, {}),
};

const kindOf = <Spec>(kind: string, plural: string, spec: Schema<Spec>): Definition<Spec, object> => ({
  ...common,
  ...{ kind, plural, spec, namespaced: true },
});

export const clusterGenerator: Definition<ClusterGeneratorSpec, object> = {
  ...kindOf('ClusterGenerator', 'clustergenerators', clusterGeneratorSpec),
  namespaced: false,
};

/** By kind; the name of its specification in a ClusterGenerator beside it. */
export const generatorKinds: ReadonlyMap<
  string,
  { readonly definition: Definition<unknown, object>; readonly inCluster: keyof typeof specs }
> = new Map([
  ['Password', { definition: kindOf('Password', 'passwords', password), inCluster: 'passwordSpec' }],
  ['UUID', { definition: kindOf('UUID', 'uuids', specs.uuidSpec), inCluster: 'uuidSpec' }],
  ['Fake', { definition: kindOf('Fake', 'fakes', fake), inCluster: 'fakeSpec' }],
  ['SSHKey', { definition: kindOf('SSHKey', 'sshkeys', sshKey), inCluster: 'sshKeySpec' }],
  [
    'VaultDynamicSecret',
    {
      definition: kindOf('VaultDynamicSecret', 'vaultdynamicsecrets', vaultDynamicSecret),
      inCluster: 'vaultDynamicSecretSpec',
    },
  ],
  ['Webhook', { definition: kindOf('Webhook', 'webhooks', webhook), inCluster: 'webhookSpec' }],
  [
    'ECRAuthorizationToken',
    {
      definition: kindOf('ECRAuthorizationToken', 'ecrauthorizationtokens', ecrAuthorizationToken),
      inCluster: 'ecrAuthorizationTokenSpec',
    },
  ],
  [
    'STSSessionToken',
    {
      definition: kindOf('STSSessionToken', 'stssessiontokens', stsSessionToken),
      inCluster: 'stsSessionTokenSpec',
    },
  ],
  [
    'GithubAccessToken',
    {
      definition: kindOf('GithubAccessToken', 'githubaccesstokens', githubAccessToken),
      inCluster: 'githubAccessTokenSpec',
    },
  ],
  [
    'GCRAccessToken',
    { definition: kindOf('GCRAccessToken', 'gcraccesstokens', gcrAccessToken), inCluster: 'gcrAccessTokenSpec' },
  ],
  [
    'ACRAccessToken',
    { definition: kindOf('ACRAccessToken', 'acraccesstokens', acrAccessToken), inCluster: 'acrAccessTokenSpec' },
  ],
]);
