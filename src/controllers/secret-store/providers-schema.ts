/** `spec.provider`: the fields of each provider that is offered, as External Secrets Operator names them. */
import { boolean, integer, listOf, mapOf, object, oneOf, OPEN, text } from '../schema.ts';

export const secretRef = object(
  {},
  {
    name: text('The Secret.'),
    namespace: text('Of a ClusterSecretStore alone: where the Secret is. Without, it is that of whoever asks.'),
    key: text('Which of its values.'),
  },
);

export const serviceAccountRef = object(
  { name: text('The ServiceAccount.') },
  { namespace: text('Of a ClusterSecretStore alone.'), audiences: listOf(text(), 'Further audiences of its token.') },
);

export const awsKeys = object(
  {},
  { accessKeyIDSecretRef: secretRef, secretAccessKeySecretRef: secretRef, sessionTokenSecretRef: secretRef },
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
    cert: object(
      {},
      {
        path: text('The mount.', { default: 'cert' }),
        vaultRole: text(),
        clientCert: secretRef,
        secretRef,
      },
    ),
    iam: object(
      { vaultRole: text() },
      {
        path: text('The mount; by default aws.'),
        region: text('By default us-east-1.'),
        role: text('Assumed first.'),
        externalID: text(),
        vaultAwsIamServerID: text(),
        secretRef: awsKeys,
        jwt: object({}, { serviceAccountRef }),
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

const apiServer = object(
  {},
  {
    url: text('https://…; by default the API server of this cluster.', { default: 'kubernetes.default' }),
    caBundle: text('PEM, in base64.', { format: 'byte' }),
    caProvider,
  },
);

const kubernetesAuth = object(
  {},
  {
    cert: object({ clientCert: secretRef, clientKey: secretRef }, {}),
    token: object({ bearerToken: secretRef }, {}),
    serviceAccount: serviceAccountRef,
  },
);

const kubernetes = object(
  {},
  {
    server: apiServer,
    auth: kubernetesAuth,
    authRef: secretRef,
    remoteNamespace: text('Where the Secrets are.', { default: 'default' }),
  },
);

const crd = object(
  { resource: object({ group: text('Empty for the core.'), version: text(), kind: text() }, {}) },
  {
    server: apiServer,
    auth: kubernetesAuth,
    authRef: secretRef,
    serviceAccountRef,
    remoteNamespace: text(),
    whitelist: object(
      {},
      {
        rules: listOf(
          object({}, { name: text('In RE2.'), namespace: text('In RE2.'), properties: listOf(text(), 'In RE2.') }),
          'One of them has to hold; without any, all is allowed.',
        ),
      },
    ),
  },
);

export const webhook = object(
  { url: text('A template: https://….') },
  {
    method: text('By default GET to read, POST to write.'),
    headers: mapOf(text(), 'Templates.'),
    body: text('A template.'),
    timeout: text('By default 20s.'),
    result: object({}, { jsonPath: text('A template that renders to a JSONPath (RFC 9535).') }),
    secrets: listOf(
      object({ name: text('What templates call it.'), secretRef }, {}),
      'Secrets with the label external-secrets.io/type=webhook.',
    ),
    caBundle: text('PEM, in base64.', { format: 'byte' }),
    caProvider,
    auth: object({}, {}, OPEN),
  },
);

const aws = object(
  { service: oneOf(['SecretsManager', 'ParameterStore', 'CertificateManager']), region: text() },
  {
    auth: object(
      {},
      {
        secretRef: awsKeys,
        jwt: object({}, { serviceAccountRef }),
      },
    ),
    role: text('Assumed last, with the session tags.'),
    additionalRoles: listOf(text(), 'Assumed before it, one by the other.'),
    externalID: text(),
    sessionTags: listOf(object({ key: text(), value: text() }, {})),
    sessionTagsPolicy: oneOf(['None', 'Simple', 'Custom'], 'None'),
    customSessionTags: mapOf(text()),
    transitiveTagKeys: listOf(text()),
    prefix: text('Before every key.'),
    secretsManager: object({}, { forceDeleteWithoutRecovery: boolean(), recoveryWindowInDays: integer() }),
  },
);

const awsCredentialsSecretRef = object(
  { name: text('The Secret.') },
  { namespace: text('Of a ClusterSecretStore alone.') },
);

/** As stores and generators of Google have it; what of the cluster must be said differs. */
const gcpWays = {
  secretRef: object({}, { secretAccessKeySecretRef: secretRef }),
  workloadIdentityFederation: object(
    {},
    {
      audience: text('Of the provider of the pool: //iam.googleapis.com/projects/….'),
      serviceAccountRef,
      credConfig: object(
        { name: text('The ConfigMap.'), key: text('Which of its values.') },
        { namespace: text('Of a ClusterSecretStore alone.') },
      ),
      externalTokenEndpoint: text('The one address that its credential_source may name.'),
      gcpServiceAccountEmail: text('The account of Google to become.'),
      awsSecurityCredentials: object({ awsCredentialsSecretRef, region: text() }, {}),
    },
  ),
};
const clusterProjectID = text('Of the project that the cluster is in; by default projectID.');

export const gcpAuth = object(
  {},
  {
    ...gcpWays,
    workloadIdentity: object({ serviceAccountRef }, { clusterLocation: text(), clusterName: text(), clusterProjectID }),
  },
);

export const gcrAuth = object(
  {},
  {
    ...gcpWays,
    workloadIdentity: object({ serviceAccountRef, clusterLocation: text(), clusterName: text() }, { clusterProjectID }),
  },
);

const gcpsm = object(
  {},
  {
    auth: gcpAuth,
    location: text('Of regional secrets; by default they are global ones.'),
    projectID: text(),
    secretVersionSelectionPolicy: text(
      'LatestOrFail, or LatestOrFetch: the newest version that is enabled, where the latest is not.',
      { default: 'LatestOrFail' },
    ),
  },
);

export const environmentType = oneOf(
  ['PublicCloud', 'USGovernmentCloud', 'ChinaCloud', 'GermanCloud', 'AzureStackCloud'],
  'PublicCloud',
);

const azurekv = object(
  { vaultUrl: text('https://<name>.vault.azure.net.') },
  {
    authType: oneOf(['ServicePrincipal', 'ManagedIdentity', 'WorkloadIdentity'], 'ServicePrincipal'),
    authSecretRef: object(
      {},
      { clientId: secretRef, clientSecret: secretRef, clientCertificate: secretRef, tenantId: secretRef },
    ),
    serviceAccountRef,
    identityId: text('The client id of a managed identity, where the machine has several.'),
    tenantId: text('The tenant of Entra.'),
    environmentType,
    customCloudConfig: object(
      { activeDirectoryEndpoint: text('https://….') },
      {
        keyVaultEndpoint: text('What tokens are for: https://….'),
        keyVaultDNSSuffix: text('What the names of vaults end with.'),
        resourceManagerEndpoint: text(),
      },
    ),
    useAzureSDK: boolean(),
  },
);

export const providerSchema = object(
  {},
  { lockstep: vault, vault, openBao: vault, fake, kubernetes, crd, webhook, aws, azurekv, gcpsm },
  { ...OPEN, minProperties: 1, maxProperties: 1 },
);
