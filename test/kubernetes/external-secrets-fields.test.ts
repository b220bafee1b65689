/** Fields that no other test sets: each changes what becomes of a secret, on a real API server. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { withoutControlPlane } from './support/binaries.ts';
import { create } from './support/service-accounts.ts';
import { base64, readyOf, SECRETS, Shop } from './support/shop.ts';

const skip = await withoutControlPlane();
const GENERATORS = '/apis/generators.external-secrets.io/v1alpha1';
const V1ALPHA1 = '/apis/external-secrets.io/v1alpha1';

describe('fields of External Secrets', { skip }, () => {
  let shop: Shop;

  before(async () => {
    shop = await Shop.open();
    await shop.put('fields', { b: base64('plain'), nul: 'a\u0000b' });
    await shop.put('objects', { one: '{"a":"1","c":"1"}', two: '{"b":"2","c":"2"}' });
  });
  after(() => shop[Symbol.asyncDispose]());

  const made = async (name: string, spec: object) => {
    await shop.external(name, spec);
    await shop.untilReason(name, 'SecretSynced', 'True');
    return (await shop.see(`${SECRETS}/${name}`)) ?? assert.fail();
  };
  const refused = async (name: string, spec: object): Promise<string> => {
    await shop.external(name, spec);
    const seen = await shop.untilReason(name, 'SecretSyncedError', 'False');
    return readyOf(seen)?.message ?? '';
  };

  test('values are decoded, and those with a zero byte are refused where that is asked for', async () => {
    const remoteRef = { key: 'fields', property: 'b', decodingStrategy: 'Base64', metadataPolicy: 'None' };
    const one = await made('decoded', {
      data: [{ secretKey: 'one', remoteRef: { ...remoteRef, nullBytePolicy: 'Fail' } }],
      dataFrom: [
        { extract: { key: 'fields', decodingStrategy: 'Auto', metadataPolicy: 'None', nullBytePolicy: 'Ignore' } },
        { find: { name: { regexp: '^fields$' }, decodingStrategy: 'None', nullBytePolicy: 'Ignore' } },
      ],
    });
    assert.equal(one.data?.['one'], base64('plain'));
    assert.equal(one.data?.['b'], base64('plain'));
    assert.equal(one.data?.['nul'], base64('a\u0000b'));
    const failing = [{ extract: { key: 'fields', nullBytePolicy: 'Fail' } }];
    assert.match(await refused('zero-extracted', { dataFrom: failing }), /null bytes/);
    const found = [{ find: { name: { regexp: '^fields$' }, nullBytePolicy: 'Fail' } }];
    // What is found is the whole secret as JSON, where a zero byte is written out.
    assert.deepEqual((await made('zero-found', { dataFrom: found })).data, {
      fields: base64(JSON.stringify({ b: base64('plain'), nul: 'a\u0000b' })),
    });
    const wrong = { key: 'fields', property: 'nul', decodingStrategy: 'Base64URL' };
    assert.match(await refused('no-base64', { data: [{ secretKey: 'x', remoteRef: wrong }] }), /Base64URL/);
  });

  test('objects are merged by their order, or under one name', async () => {
    const merge = { strategy: 'Extract', priority: ['one'], priorityPolicy: 'Strict', conflictPolicy: 'Ignore' };
    const { data } = await made('merged', { dataFrom: [{ extract: { key: 'objects' }, rewrite: [{ merge }] }] });
    assert.deepEqual(data, { a: base64('1'), b: base64('2'), c: base64('1') });
    const into = {
      strategy: 'JSON',
      into: 'all',
      priority: ['none'],
      priorityPolicy: 'IgnoreNotFound',
      conflictPolicy: 'Ignore',
    };
    const json = await made('merged-into', { dataFrom: [{ extract: { key: 'objects' }, rewrite: [{ merge: into }] }] });
    assert.equal(json.data?.['all'], base64('{"a":"1","b":"2","c":"2"}'));
    const strict = { strategy: 'Extract', conflictPolicy: 'Error' };
    const dataFrom = [{ extract: { key: 'objects' }, rewrite: [{ merge: strict }] }];
    assert.match(await refused('merge-conflict', { dataFrom }), /conflicts: c/);
  });

  test('other objects than Secrets are made only where the controller was told so', async () => {
    const manifest = { apiVersion: 'v1', kind: 'ConfigMap' };
    await shop.external('no-flag', { target: { manifest }, dataFrom: [{ extract: { key: 'fields' } }] });
    const seen = await shop.untilReason('no-flag', 'ResourceSyncedError', 'False');
    assert.match(readyOf(seen)?.message ?? '', /spec\.target\.manifest: .* only with -unsafe-allow-generic-targets/);
    assert.equal(await shop.see('/api/v1/namespaces/shop/configmaps/no-flag'), undefined);
  });

  test('a template decodes what it renders, and its Secret has its finalizers', async () => {
    const template = {
      ...{ engineVersion: 'v2', mergePolicy: 'Merge', metadata: { finalizers: ['example.com/keep'] } },
      templateFrom: [{ literal: 'decoded: {{ .b }}', valuesDecodingStrategy: 'Base64', target: 'Data' }],
    };
    const data = [{ secretKey: 'b', remoteRef: { key: 'fields', property: 'b' } }];
    const secret = await made('templated', { data, target: { template } });
    assert.equal(secret.data?.['decoded'], base64('plain'));
    assert.deepEqual((secret.metadata as unknown as { readonly finalizers: unknown }).finalizers, ['example.com/keep']);
  });

  test('functions of dates, versions and addresses are in templates', async () => {
    const data = {
      year: '{{ toDate "2006-01-02" "2024-02-29" | date "2006" }}',
      fits: '{{ semverCompare "^1.2" "1.9.3" }}',
      host: '{{ (urlParse "https://a.example:1/x").hostname }}',
    };
    const remote = [{ secretKey: 'b', remoteRef: { key: 'fields', property: 'b' } }];
    const secret = await made('functions', { data: remote, target: { template: { data } } });
    const expected = { year: base64('2024'), fits: base64('true'), host: base64('a.example') };
    assert.deepEqual(secret.data, expected);
  });

  test('a ClusterGenerator has each kind under its own field', async () => {
    const apiVersion = 'generators.external-secrets.io/v1alpha1';
    const kinds = {
      UUID: { uuidSpec: {} },
      Fake: { fakeSpec: { data: { a: '1' } } },
      SSHKey: { sshKeySpec: { keyType: 'ed25519' } },
      VaultDynamicSecret: {
        vaultDynamicSecretSpec: {
          ...{
            path: 'sys/mounts/kv',
            method: 'GET',
            getParameters: { x: ['y'] },
            resultType: 'Data',
            allowEmptyResponse: true,
          },
          provider: await shop.serverConfig(),
        },
      },
    };
    for (const [kind, generator] of Object.entries(kinds)) {
      const name = `all-${kind.toLowerCase()}`;
      const object = { apiVersion, kind: 'ClusterGenerator', metadata: { name }, spec: { kind, generator } };
      await create(shop.cluster, `${GENERATORS}/clustergenerators`, object);
      const generatorRef = { apiVersion, kind: 'ClusterGenerator', name };
      const { data = {} } = await made(name, { refreshInterval: '1h', dataFrom: [{ sourceRef: { generatorRef } }] });
      assert.ok(Object.keys(data).length > 0, kind);
    }
    const closed = {
      Webhook: { webhookSpec: { url: 'http://127.0.0.1:1/' } },
      GithubAccessToken: {
        githubAccessTokenSpec: {
          appID: '1',
          installID: '1',
          auth: { privateKey: { secretRef: { name: 'token', key: 'token' } } },
        },
      },
      ECRAuthorizationToken: { ecrAuthorizationTokenSpec: { region: 'eu-central-1' } },
      STSSessionToken: { stsSessionTokenSpec: { region: 'eu-central-1' } },
      GCRAccessToken: { gcrAccessTokenSpec: { projectID: 'shop', auth: {} } },
      ACRAccessToken: {
        acrAccessTokenSpec: { registry: 'shop.azurecr.io', auth: { managedIdentity: { identityId: 'x' } } },
      },
    };
    const said =
      /no address that a SecretStore may ask|no private key in PEM|neither secretRef nor jwt|(lends|lent).* to a ClusterSecretStore alone/;
    for (const [kind, generator] of Object.entries(closed)) {
      const name = `all-${kind.toLowerCase()}`;
      const object = { apiVersion, kind: 'ClusterGenerator', metadata: { name }, spec: { kind, generator } };
      await create(shop.cluster, `${GENERATORS}/clustergenerators`, object);
      const generatorRef = { apiVersion, kind: 'ClusterGenerator', name };
      assert.match(await refused(name, { dataFrom: [{ sourceRef: { generatorRef } }] }), said);
    }
  });

  test('what makes one in each namespace names it, and looks again when it is due; openBao is a server as any', async () => {
    await shop.put('each', { k: 'v' });
    const apiVersion = 'external-secrets.io/v1';
    const namespaces = { matchLabels: { 'kubernetes.io/metadata.name': 'shop' } };
    await create(shop.cluster, '/apis/external-secrets.io/v1/namespaces/shop/secretstores', {
      ...{ apiVersion, kind: 'SecretStore', metadata: { name: 'bao' } },
      spec: { provider: { openBao: await shop.serverConfig() } },
    });
    await create(shop.cluster, '/apis/external-secrets.io/v1/clusterexternalsecrets', {
      ...{ apiVersion, kind: 'ClusterExternalSecret', metadata: { name: 'everywhere' } },
      spec: {
        ...{ externalSecretName: 'each', refreshTime: '1h', namespaceSelectors: [namespaces] },
        externalSecretSpec: { secretStoreRef: { name: 'bao' }, dataFrom: [{ extract: { key: 'each' } }] },
      },
    });
    await shop.untilReason('each', 'SecretSynced', 'True');
    assert.deepEqual((await shop.see(`${SECRETS}/each`))?.data, { k: base64('v') });
    await create(shop.cluster, `${V1ALPHA1}/clusterpushsecrets`, {
      ...{ apiVersion: 'external-secrets.io/v1alpha1', kind: 'ClusterPushSecret', metadata: { name: 'everywhere' } },
      spec: {
        ...{ pushSecretName: 'each', refreshTime: '1h', namespaceSelectors: [namespaces] },
        pushSecretSpec: {
          ...{ secretStoreRefs: [{ name: 'bao', kind: 'SecretStore' }], selector: { secret: { name: 'each' } } },
          data: [{ match: { secretKey: 'k', remoteRef: { remoteKey: 'back', property: 'k' } } }],
        },
      },
    });
    await shop.untilReady(`${V1ALPHA1}/namespaces/shop/pushsecrets/each`, 'Synced', 'True');
    assert.deepEqual(await shop.at('back'), { k: 'v' });
  });

  test('what is there at the store is left by updatePolicy: IfNotExists', async () => {
    await create(shop.cluster, SECRETS, { metadata: { name: 'source' }, data: { k: base64('new') } });
    await shop.ask('POST', 'kv/metadata/there', { custom_metadata: { 'managed-by': 'external-secrets' } });
    await shop.put('there', { k: 'old' });
    const match = (remoteKey: string) => ({ match: { secretKey: 'k', remoteRef: { remoteKey, property: 'k' } } });
    await create(shop.cluster, `${V1ALPHA1}/namespaces/shop/pushsecrets`, {
      ...{ apiVersion: 'external-secrets.io/v1alpha1', kind: 'PushSecret', metadata: { name: 'once' } },
      spec: {
        ...{ updatePolicy: 'IfNotExists', selector: { secret: { name: 'source' } } },
        secretStoreRefs: [{ name: 'ours', kind: 'SecretStore' }],
        data: [match('there'), match('not-there')],
      },
    });
    await shop.untilReady(`${V1ALPHA1}/namespaces/shop/pushsecrets/once`, 'Synced', 'True');
    assert.deepEqual([await shop.at('there'), await shop.at('not-there')], [{ k: 'old' }, { k: 'new' }]);
  });
});
