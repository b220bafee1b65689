/** Stores of several providers, and stores that stand in for others, by `lockstep controller` on a real API server. */
import { PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from '../../src/cli/up/free-port.ts';
import { azureServer, RESOURCE, TENANT, type AzureServer } from '../support/azure.ts';
import { googleServer, type GoogleServer } from '../support/google.ts';
import { motoServer } from '../support/moto.ts';
import { withoutPython } from '../clients/support/cache.ts';
import { plainServer, type PlainServer } from '../support/snapshots.ts';
import { withoutControlPlane } from './support/binaries.ts';
import { startCluster, type KubernetesCluster } from './support/cluster.ts';
import { applyManifests, controllersOf, type Seen } from './support/controllers.ts';
import { base64, encoded, grant, makeNamespaces } from './support/provider-worlds.ts';
import { create, projectedToken } from './support/service-accounts.ts';

const skip = await withoutControlPlane();
const noPython = await withoutPython();
const GROUP = '/apis/external-secrets.io/v1';
const SECRETS = '/api/v1/namespaces/shop/secrets';

const ref = { name: 'a', key: 'b', namespace: 'c' };
const account = { name: 'a', namespace: 'b', audiences: ['c'] };
const authorities = { caBundle: base64('pem'), caProvider: { type: 'ConfigMap', name: 'a', key: 'b', namespace: 'c' } };
const apiServer = {
  server: { url: 'https://a', ...authorities },
  auth: { cert: { clientCert: ref, clientKey: ref }, token: { bearerToken: ref }, serviceAccount: account },
  authRef: ref,
};

/** Every field that External Secrets Operator 2.9 has of these, and ours. */
const everyField: Readonly<Record<string, object>> = {
  kubernetes: { ...apiServer, remoteNamespace: 'a' },
  crd: {
    ...apiServer,
    ...{ serviceAccountRef: account, remoteNamespace: 'a', resource: { group: 'a', version: 'b', kind: 'c' } },
    whitelist: { rules: [{ name: 'a', namespace: 'b', properties: ['c'] }] },
  },
  webhook: {
    ...{ url: 'https://a', method: 'GET', body: 'b', headers: { c: 'd' }, timeout: '1s', ...authorities },
    ...{ result: { jsonPath: '$' }, secrets: [{ name: 'a', secretRef: ref }] },
    auth: { ntlm: { usernameSecret: ref, passwordSecret: ref } },
  },
  aws: {
    ...{ service: 'SecretsManager', region: 'a', role: 'b', additionalRoles: ['c'], externalID: 'd', prefix: 'e' },
    ...{ sessionTags: [{ key: 'a', value: 'b' }], sessionTagsPolicy: 'Custom', customSessionTags: { a: 'b' } },
    ...{ transitiveTagKeys: ['a'], secretsManager: { forceDeleteWithoutRecovery: true, recoveryWindowInDays: 7 } },
    auth: {
      jwt: { serviceAccountRef: account },
      secretRef: { accessKeyIDSecretRef: ref, secretAccessKeySecretRef: ref, sessionTokenSecretRef: ref },
    },
  },
  gcpsm: {
    ...{ projectID: 'a', location: 'b', secretVersionSelectionPolicy: 'LatestOrFetch' },
    auth: {
      secretRef: { secretAccessKeySecretRef: ref },
      workloadIdentity: { serviceAccountRef: account, clusterLocation: 'a', clusterName: 'b', clusterProjectID: 'c' },
      workloadIdentityFederation: {
        ...{ serviceAccountRef: account, audience: 'a', credConfig: ref, externalTokenEndpoint: 'b' },
        gcpServiceAccountEmail: 'c',
        awsSecurityCredentials: { region: 'a', awsCredentialsSecretRef: { name: 'b', namespace: 'c' } },
      },
    },
  },
  azurekv: {
    ...{ vaultUrl: 'https://a', tenantId: 'b', identityId: 'c', serviceAccountRef: account, useAzureSDK: true },
    ...{ authType: 'WorkloadIdentity', environmentType: 'AzureStackCloud' },
    authSecretRef: { clientId: ref, clientSecret: ref, clientCertificate: ref, tenantId: ref },
    customCloudConfig: {
      ...{ activeDirectoryEndpoint: 'https://a', keyVaultEndpoint: 'https://b', keyVaultDNSSuffix: 'c' },
      resourceManagerEndpoint: 'https://d',
    },
  },
  fake: { data: [{ key: 'a', value: 'b', version: 'c' }], validationResult: 0 },
};

describe('secret stores', { skip }, () => {
  const started = new AsyncDisposableStack();
  const deferred = { after: (end: unknown) => started.defer(end as () => Promise<void>) };
  let cluster: KubernetesCluster;
  let cloud = '';
  let google: GoogleServer;
  let azure: AzureServer;
  let servers: readonly [PlainServer, PlainServer];

  const see = async (path: string): Promise<Seen | undefined> => {
    const { status, body } = await cluster.ask('GET', path);
    return status === 200 ? (body as Seen) : undefined;
  };
  /** Looks until it holds; the suite's own limit ends a test that waits for nothing. */
  const until = async (path: string, holds: (seen: Seen | undefined) => boolean): Promise<Seen | undefined> => {
    for (;;) {
      const seen = await see(path).catch(() => undefined);
      if (holds(seen)) return seen;
      await pause(50);
    }
  };
  const object = (kind: string, name: string, spec: object): object => ({
    ...{ apiVersion: 'external-secrets.io/v1', kind, metadata: { name } },
    spec,
  });
  const storePath = (kind: string): string =>
    kind === 'ClusterSecretStore' ? `${GROUP}/clustersecretstores` : `${GROUP}/namespaces/shop/secretstores`;
  const store = (kind: string, name: string, spec: object): Promise<unknown> =>
    create(cluster, storePath(kind), object(kind, name, spec));
  const external = (name: string, kind: string, spec: object): Promise<unknown> =>
    create(
      cluster,
      `${GROUP}/namespaces/shop/externalsecrets`,
      object('ExternalSecret', name, { secretStoreRef: { kind, name }, refreshInterval: '1s', ...spec }),
    );
  const conditionOf = (seen: Seen | undefined) => seen?.status?.conditions?.[0];
  const write = async ({ server, token }: PlainServer, value: string): Promise<void> => {
    const { status } = await server.ask('POST', '/v1/kv/data/db', { token, body: { data: { value } } });
    assert.equal(status, 200);
  };
  const untilValue = (name: string, value: string): Promise<unknown> =>
    until(`${SECRETS}/${name}`, (seen) => seen?.data?.['value'] === base64(value));

  before(async () => {
    cluster = started.use(await startCluster());
    await makeNamespaces(cluster, ['shop', 'vaults', 'lockstep-system']);
    await applyManifests(cluster);
    for (const plural of ['externalsecrets', 'secretstores', 'clustersecretstores']) {
      await until(`${GROUP}/${plural}`, (seen) => seen !== undefined);
    }
    servers = [await plainServer(deferred), await plainServer(deferred)];
    for (const [at, { server, token }] of servers.entries()) {
      await server.ask('POST', '/v1/sys/mounts/kv', { token, body: { type: 'kv', options: { version: '2' } } });
      await create(cluster, SECRETS, { metadata: { name: `token-${String(at)}` }, data: encoded({ token }) });
    }
    if (noPython === undefined) {
      cloud = await motoServer(deferred);
      // The controller's libraries take it from there.
      process.env['AWS_ENDPOINT_URL'] = cloud;
    }
    google = started.use(await googleServer());
    azure = started.use(await azureServer());
    const folder = await mkdtemp(join(tmpdir(), 'lockstep-stores-'));
    started.defer(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, 'ca.pem'), azure.ca);
    // The controller takes both from there.
    Object.assign(process.env, google.variables, { NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem') });
    const token = await projectedToken(cluster, { namespace: 'lockstep-system', name: 'lockstep-controller' }, []);
    const end = controllersOf(cluster.kubeconfig(cluster.address, token))(`127.0.0.1:${String(await freePort())}`);
    started.defer(async () => {
      assert.deepEqual(await end('SIGTERM'), [0, null]);
    });
  });
  after(() => started.disposeAsync());

  for (const [type, config] of Object.entries(everyField)) {
    test(`the API server knows every field of ${type}, and no other`, async () => {
      const path = `${storePath('ClusterSecretStore')}?fieldValidation=Strict&dryRun=All`;
      const take = (provider: object): ReturnType<KubernetesCluster['ask']> =>
        cluster.ask('POST', path, object('ClusterSecretStore', type, { provider }));
      const taken = await take({ [type]: config });
      assert.equal(taken.status, 201, JSON.stringify(taken.body));
      assert.equal((await take({ [type]: { ...config, none: true } })).status, 400);
    });
  }

  test('from another namespace, by an account of the store’s own', async () => {
    await create(cluster, '/api/v1/namespaces/shop/serviceaccounts', { metadata: { name: 'reader' } });
    const rules = [{ apiGroups: [''], resources: ['secrets'], verbs: ['get', 'list'] }];
    await grant(cluster, { namespace: 'vaults', account: ['shop', 'reader'], rules });
    const raw = Buffer.of(0, 0xff, 0xfe).toString('base64');
    await create(cluster, '/api/v1/namespaces/vaults/secrets', {
      ...{ metadata: { name: 'db' }, data: { value: base64('p<ä>'), raw } },
    });
    const auth = { serviceAccount: { name: 'reader' } };
    await store('SecretStore', 'near', { provider: { kubernetes: { remoteNamespace: 'vaults', auth } } });
    await external('near', 'SecretStore', { dataFrom: [{ extract: { key: 'db' } }] });
    const made = await until(`${SECRETS}/near`, (seen) => seen !== undefined);
    assert.deepEqual(made?.data, { value: base64('p<ä>'), raw });
    const status = await until(`${storePath('SecretStore')}/near`, (seen) => conditionOf(seen)?.reason === 'Valid');
    assert.equal((status?.status as { readonly capabilities?: string }).capabilities, 'ReadWrite');
    await store('SecretStore', 'far', { provider: { kubernetes: { remoteNamespace: 'kube-system', auth } } });
    const denied = await until(`${storePath('SecretStore')}/far`, (seen) => conditionOf(seen) !== undefined);
    assert.deepEqual([conditionOf(denied)?.status, conditionOf(denied)?.reason], ['False', 'ValidationFailed']);
    assert.match(conditionOf(denied)?.message ?? '', /may not get secrets in namespace "kube-system"/);
  });

  test('from a web API, with a Secret that may be sent', async () => {
    const api = createServer((request, response) => {
      const isKnown = request.headers.authorization === 'Bearer s3cret';
      response.writeHead(isKnown ? 200 : 401).end(JSON.stringify({ at: request.url, value: 'from afar' }));
    }).listen(0, '127.0.0.1');
    await once(api, 'listening');
    started.defer(() => {
      api.closeAllConnections();
      api.close();
    });
    const labels = { 'external-secrets.io/type': 'webhook' };
    await create(cluster, SECRETS, { metadata: { name: 'api', labels }, data: encoded({ password: 's3cret' }) });
    const url = `http://127.0.0.1:${String((api.address() as AddressInfo).port)}/{{ .remoteRef.namespace }}/{{ .remoteRef.key }}`;
    const webhook = {
      ...{ url, headers: { Authorization: 'Bearer {{ .api.password }}' } },
      secrets: [{ name: 'api', secretRef: { name: 'api' } }],
    };
    await store('ClusterSecretStore', 'web', { provider: { webhook } });
    await external('web', 'ClusterSecretStore', { dataFrom: [{ extract: { key: 'a/b' } }] });
    const made = await until(`${SECRETS}/web`, (seen) => seen !== undefined);
    assert.deepEqual(made?.data, encoded({ at: '/shop/a%2Fb', value: 'from afar' }));
  });

  test('from AWS, by the role of a service account', { skip: noPython ?? false }, async () => {
    const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'x' };
    const parameters = new SSMClient({ region: 'eu-central-1', endpoint: cloud, credentials });
    const Type = 'SecureString';
    await parameters.send(new PutParameterCommand({ Name: '/shop/db', Value: '{"value":"of the cloud"}', Type }));
    parameters.destroy();
    await create(cluster, '/api/v1/namespaces/shop/serviceaccounts', {
      metadata: { name: 'pod', annotations: { 'eks.amazonaws.com/role-arn': 'arn:aws:iam::123456789012:role/pod' } },
    });
    const auth = { jwt: { serviceAccountRef: { name: 'pod' } } };
    const aws = { service: 'ParameterStore', region: 'eu-central-1', prefix: '/shop/', auth };
    await store('SecretStore', 'cloud', { provider: { aws } });
    await external('cloud', 'SecretStore', { dataFrom: [{ extract: { key: 'db' } }] });
    await untilValue('cloud', 'of the cloud');
    // Without any, it would be the controller's own role.
    await store('SecretStore', 'lent', { provider: { aws: { ...aws, auth: {} } } });
    const refused = await until(`${storePath('SecretStore')}/lent`, (seen) => conditionOf(seen) !== undefined);
    assert.deepEqual([conditionOf(refused)?.status, conditionOf(refused)?.reason], ['False', 'InvalidProviderConfig']);
  });

  test('from Google, by a service account of the cluster, and with a key pushed back', async () => {
    const account = 'reader@shop.iam.gserviceaccount.com';
    const data = Buffer.from('{"value":"of Google"}').toString('base64');
    const labels = { team: 'shop' };
    google.secrets.set('projects/shop/secrets/db', {
      ...{ given: {}, labels, annotations: {}, etag: 1, versions: [{ data, state: 'ENABLED' }] },
    });
    google.allowed.add(account);
    const annotations = { 'iam.gke.io/gcp-service-account': account };
    await create(cluster, '/api/v1/namespaces/shop/serviceaccounts', { metadata: { name: 'google', annotations } });
    google.trust(createPublicKey(cluster.tokenSigningKey));
    const workloadIdentity = {
      ...{ serviceAccountRef: { name: 'google' }, clusterProjectID: 'infra' },
      ...{ clusterLocation: 'eu', clusterName: 'c' },
    };
    await store('SecretStore', 'google', { provider: { gcpsm: { projectID: 'shop', auth: { workloadIdentity } } } });
    await external('google', 'SecretStore', { dataFrom: [{ find: { tags: labels } }, { extract: { key: 'db' } }] });
    await untilValue('google', 'of Google');
    const key = await google.keyFile(account);
    await create(cluster, SECRETS, { metadata: { name: 'google-key' }, data: encoded({ key }) });
    const secretAccessKeySecretRef = { name: 'google-key', key: 'key' };
    const provider = { gcpsm: { projectID: 'shop', auth: { secretRef: { secretAccessKeySecretRef } } } };
    await store('SecretStore', 'google-key', { provider });
    await create(cluster, '/apis/external-secrets.io/v1alpha1/namespaces/shop/pushsecrets', {
      ...{ apiVersion: 'external-secrets.io/v1alpha1', kind: 'PushSecret', metadata: { name: 'google' } },
      spec: {
        secretStoreRefs: [{ name: 'google-key', kind: 'SecretStore' }],
        selector: { secret: { name: 'google' } },
        data: [{ match: { secretKey: 'value', remoteRef: { remoteKey: 'back' } } }],
      },
    });
    const back = (): string => google.secrets.get('projects/shop/secrets/back')?.versions[0]?.data ?? '';
    while (back() === '') await pause(50);
    assert.equal(Buffer.from(back(), 'base64').toString(), 'of Google');
    // Without any, it would be the controller's own account.
    await store('SecretStore', 'google-lent', { provider: { gcpsm: { projectID: 'shop' } } });
    const refused = await until(`${storePath('SecretStore')}/google-lent`, (seen) => conditionOf(seen) !== undefined);
    assert.deepEqual([conditionOf(refused)?.status, conditionOf(refused)?.reason], ['False', 'InvalidProviderConfig']);
  });

  test('from Azure, by a service account that is federated with an application, and pushed back', async () => {
    azure.trust(createPublicKey(cluster.tokenSigningKey));
    azure.federated.set('system:serviceaccount:shop:azure', 'app');
    azure.allowed.add('app');
    azure.vault.put('db', '{"value":"of Azure"}', { team: 'shop' });
    const annotations = { 'azure.workload.identity/client-id': 'app', 'azure.workload.identity/tenant-id': TENANT };
    await create(cluster, '/api/v1/namespaces/shop/serviceaccounts', { metadata: { name: 'azure', annotations } });
    const azurekv = {
      ...{ vaultUrl: azure.url, authType: 'WorkloadIdentity', serviceAccountRef: { name: 'azure', namespace: 'shop' } },
      ...{ environmentType: 'AzureStackCloud', useAzureSDK: true },
      customCloudConfig: {
        ...{ activeDirectoryEndpoint: azure.url, keyVaultEndpoint: RESOURCE, keyVaultDNSSuffix: 'localhost' },
      },
    };
    // One of a namespace reaches no loopback.
    await store('ClusterSecretStore', 'azure', { provider: { azurekv } });
    await external('azure', 'ClusterSecretStore', {
      dataFrom: [{ find: { tags: { team: 'shop' } } }, { extract: { key: 'db' } }],
    });
    await untilValue('azure', 'of Azure');
    const ready = await until(`${GROUP}/clustersecretstores/azure`, (seen) => conditionOf(seen)?.reason === 'Valid');
    assert.equal(conditionOf(ready)?.status, 'True');
    await create(cluster, '/apis/external-secrets.io/v1alpha1/namespaces/shop/pushsecrets', {
      ...{ apiVersion: 'external-secrets.io/v1alpha1', kind: 'PushSecret', metadata: { name: 'azure' } },
      spec: {
        secretStoreRefs: [{ name: 'azure', kind: 'ClusterSecretStore' }],
        selector: { secret: { name: 'azure' } },
        data: [{ match: { secretKey: 'value', remoteRef: { remoteKey: 'back' } } }],
      },
    });
    const back = (): unknown => azure.vault.objects.secrets.get('back')?.[0]?.content['value'];
    while (back() === undefined) await pause(50);
    assert.equal(back(), 'of Azure');
    // With the controller's own machine as who asks, it would be anybody's.
    const lent = { ...azurekv, vaultUrl: 'https://a.vault.azure.net', authType: 'ManagedIdentity' };
    const { customCloudConfig: _custom, environmentType: _stack, ...plain } = lent;
    await store('SecretStore', 'azure-lent', { provider: { azurekv: plain } });
    const refused = await until(`${storePath('SecretStore')}/azure-lent`, (seen) => conditionOf(seen) !== undefined);
    assert.deepEqual([conditionOf(refused)?.status, conditionOf(refused)?.reason], ['False', 'InvalidProviderConfig']);
  });

  test('a store stands in for one that is away, and gives it back', async () => {
    const vaultAt = async (at: 0 | 1): Promise<object> => {
      const auth = { tokenSecretRef: { name: `token-${String(at)}`, key: 'token' } };
      return { vault: { server: await servers[at].server.address(), path: 'kv', auth } };
    };
    await store('SecretStore', 'second', { provider: await vaultAt(1) });
    await store('SecretStore', 'first', {
      ...{ provider: await vaultAt(0), refreshInterval: 1 },
      fallbackStores: [{ name: 'second' }],
    });
    await write(servers[0], 'of the first');
    await write(servers[1], 'of the second');
    await external('first', 'SecretStore', { dataFrom: [{ extract: { key: 'db' } }] });
    await untilValue('first', 'of the first');
    const [{ server, token, key }] = servers;
    await server.ask('PUT', '/v1/sys/seal', { token });
    await untilValue('first', 'of the second');
    const serving = await until(`${storePath('SecretStore')}/first`, (seen) =>
      /SecretStore "second" serves in its place/.test(conditionOf(seen)?.message ?? ''),
    );
    assert.equal(conditionOf(serving)?.status, 'True');
    await write(servers[1], 'changed there');
    await untilValue('first', 'changed there');
    await server.ask('PUT', '/v1/sys/unseal', { body: { key } });
    await untilValue('first', 'of the first');
    await until(`${storePath('SecretStore')}/first`, (seen) => conditionOf(seen)?.message === 'store validated');
  });

  test('a ClusterSecretStore takes no store of a namespace for its stand-in', async () => {
    const server = { server: 'http://127.0.0.1:1', auth: { tokenSecretRef: { name: 'token-0', key: 'token' } } };
    await store('SecretStore', 'own', { provider: { fake: { data: [{ key: 'db', value: '{"value":"theirs"}' }] } } });
    await store('ClusterSecretStore', 'wide', { provider: { vault: server }, fallbackStores: [{ name: 'own' }] });
    await external('wide', 'ClusterSecretStore', { dataFrom: [{ extract: { key: 'db' } }] });
    const refused = await until(
      `${GROUP}/namespaces/shop/externalsecrets/wide`,
      (seen) => conditionOf(seen)?.status === 'False',
    );
    assert.match(conditionOf(refused)?.message ?? '', /names others of its kind, not SecretStore "own"/);
    assert.equal(await see(`${SECRETS}/wide`), undefined);
  });
});
