/** PushSecret on a real API server: a Secret of the cluster becomes a secret of a real server of ours. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { withoutControlPlane } from './support/binaries.ts';
import type { KubernetesCluster } from './support/cluster.ts';
import { grant } from './support/provider-worlds.ts';
import { create, serviceAccounts } from './support/service-accounts.ts';
import { base64, readyOf, SECRETS, Shop } from './support/shop.ts';

const skip = await withoutControlPlane();
const PUSHES = '/apis/external-secrets.io/v1alpha1/namespaces/shop/pushsecrets';

describe('PushSecrets', { skip }, () => {
  let shop: Shop;
  let cluster: KubernetesCluster;

  before(async () => {
    shop = await Shop.open();
    ({ cluster } = shop);
  });
  after(() => shop[Symbol.asyncDispose]());

  const untilPushed = (name: string, reason: string) =>
    shop.until(`${PUSHES}/${name}`, (seen) => readyOf(seen)?.reason === reason);
  const pushes = (name: string, spec: object): Promise<unknown> =>
    create(cluster, PUSHES, {
      ...{ apiVersion: 'external-secrets.io/v1alpha1', kind: 'PushSecret', metadata: { name } },
      spec: {
        refreshInterval: '1s',
        secretStoreRefs: [{ name: 'ours' }],
        selector: { secret: { name: 'source' } },
        ...spec,
      },
    });

  test('a PushSecret writes what it names, and takes it away with itself', async () => {
    await create(cluster, SECRETS, {
      metadata: { name: 'source' },
      data: { user: base64('app'), a_U002f_b: base64('x') },
    });
    await shop.put('theirs', { a: '1' });
    const data = [
      { match: { secretKey: 'user', remoteRef: { remoteKey: 'pushed/one', property: 'name' } } },
      { match: { remoteRef: { remoteKey: 'pushed/all' } }, conversionStrategy: 'ReverseUnicode' },
    ];
    await pushes('out', { deletionPolicy: 'Delete', data });
    await untilPushed('out', 'Synced');
    assert.deepEqual(
      [await shop.at('pushed/one'), await shop.at('pushed/all')],
      [{ name: 'app' }, { 'a/b': 'x', user: 'app' }],
    );
    const synced = await shop.see(`${PUSHES}/out`);
    await cluster.ask('PUT', `${SECRETS}/source`, { metadata: { name: 'source' }, data: { user: base64('new') } });
    await shop.untilAt('pushed/one', { name: 'new' });
    await shop.untilAt('pushed/all', { user: 'new' });
    // What is written once more without a change is no new version, and no write of the status.
    await pushes('rendered', {
      template: { data: { dsn: 'pg://{{ .user }}' } },
      data: [{ match: { secretKey: 'dsn', remoteRef: { remoteKey: 'pushed/dsn', property: 'url' } } }],
    });
    await shop.untilAt('pushed/dsn', { url: 'pg://new' });
    assert.equal((await shop.see(`${PUSHES}/out`))?.metadata.resourceVersion, synced?.metadata.resourceVersion);
    // What others wrote is left alone.
    await pushes('over', {
      data: [{ match: { secretKey: 'user', remoteRef: { remoteKey: 'theirs', property: 'a' } } }],
    });
    assert.match(readyOf(await untilPushed('over', 'Errored'))?.message ?? '', /not managed by external-secrets/);
    assert.deepEqual(await shop.at('theirs'), { a: '1' });
    await cluster.ask('DELETE', `${PUSHES}/out`);
    await shop.until(`${PUSHES}/out`, (seen) => seen === undefined);
    assert.deepEqual([await shop.at('pushed/one'), await shop.at('pushed/all')], [undefined, undefined]);
    await cluster.ask('DELETE', `${PUSHES}/rendered`);
    assert.deepEqual(await shop.at('pushed/dsn'), { url: 'pg://new' }, 'deletionPolicy None leaves it');
  });

  test('a change of the Secret goes out at once, long before the interval is over', async () => {
    const labels = { push: 'yes' };
    await create(cluster, SECRETS, { metadata: { name: 'followed', labels }, data: { a: base64('1') } });
    const bundle = (remoteKey: string) => [{ storeRef: { name: 'ours' }, remoteKey }];
    const refreshInterval = '24h';
    await pushes('by-name', {
      ...{ refreshInterval, selector: { secret: { name: 'followed' } }, dataTo: bundle('followed/by-name') },
    });
    await pushes('by-labels', {
      ...{ refreshInterval, dataTo: bundle('followed/by-labels') },
      selector: { secret: { selector: { matchLabels: labels } } },
    });
    for (const name of ['by-name', 'by-labels']) await untilPushed(name, 'Synced');
    await cluster.ask('PUT', `${SECRETS}/followed`, {
      ...{ metadata: { name: 'followed', labels }, data: { a: base64('2'), b: base64('3') } },
    });
    for (const name of ['by-name', 'by-labels']) await shop.untilAt(`followed/${name}`, { a: '2', b: '3' });
  });

  test('keys that match go to the store that is meant, and go away with the Secret', async () => {
    await create(cluster, SECRETS, {
      metadata: { name: 'many' },
      data: { 'db-one': base64('{"v":"1"}'), 'db-two': base64('{"v":"2"}'), other: base64('x') },
    });
    await pushes('many', {
      ...{ deletionPolicy: 'Delete', refreshInterval: '24h', selector: { secret: { name: 'many' } } },
      secretStoreRefs: [{ name: 'ours' }, { name: 'pushes' }],
      dataTo: [
        {
          storeRef: { name: 'ours' },
          match: { regexp: '^db-' },
          rewrite: [{ regexp: { source: '^db-(.*)', target: 'many/$1' } }],
        },
      ],
    });
    const seen = await untilPushed('many', 'Synced');
    assert.deepEqual([await shop.at('many/one'), await shop.at('many/two')], [{ v: '1' }, { v: '2' }]);
    const synced = (seen?.status as { readonly syncedPushSecrets?: object }).syncedPushSecrets;
    assert.deepEqual(Object.keys((synced as Record<string, object>)['SecretStore/ours'] ?? {}), [
      'many/one',
      'many/two',
    ]);
    await cluster.ask('DELETE', `${SECRETS}/many`);
    await untilPushed('many', 'SourceDeleted');
    assert.deepEqual([await shop.at('many/one'), await shop.at('many/two')], [undefined, undefined]);
  });

  const wrapped = (spec: object) => ({
    ...{ apiVersion: 'kubernetes.external-secrets.io/v1alpha1', kind: 'PushSecretMetadata', spec },
  });

  test('metadata are the custom metadata of KV, and what is not known of them is refused before anything is written', async () => {
    const one = (remoteKey: string, spec: object) => ({
      match: { secretKey: 'user', remoteRef: { remoteKey, property: 'name' } },
      metadata: wrapped(spec),
    });
    const custom = async (): Promise<unknown> => {
      const { token, server } = shop.lockstep;
      const { json } = await server.ask('GET', '/v1/kv/metadata/custom/one', { token });
      return (json as { readonly data?: { readonly custom_metadata?: unknown } }).data?.custom_metadata;
    };
    await pushes('custom', { data: [one('custom/one', { customMetadata: { team: 'shop', 'managed-by': 'me' } })] });
    await untilPushed('custom', 'Synced');
    assert.deepEqual(await custom(), { team: 'shop', 'managed-by': 'external-secrets' });
    await cluster.ask('DELETE', `${PUSHES}/custom`);
    await pushes('replaced', {
      data: [one('custom/one', { customMetadata: { owner: 'me' }, mergePolicy: 'Replace' })],
    });
    await untilPushed('replaced', 'Synced');
    assert.deepEqual(await custom(), { owner: 'me', 'managed-by': 'external-secrets' });
    const wrong = [one('custom/two', {}), one('custom/three', { colour: 'red' })];
    await pushes('wrong-metadata', { data: wrong });
    const seen = await untilPushed('wrong-metadata', 'Errored');
    assert.match(
      readyOf(seen)?.message ?? '',
      /"custom\/three\/name" of SecretStore "ours": metadata\.spec has no field "colour"/,
    );
    assert.equal(await shop.at('custom/two'), undefined);
  });

  test('labels and annotations go to Secrets elsewhere, and a namespace for the stores of a cluster alone', async () => {
    await create(cluster, serviceAccounts('shop'), { metadata: { name: 'writer' } });
    const rules = [{ apiGroups: [''], resources: ['secrets'], verbs: ['get', 'list', 'create', 'update', 'delete'] }];
    const account = ['shop', 'writer'] as const;
    for (const namespace of ['shop', 'other']) await grant(cluster, { namespace, account, rules });
    const store = (kind: string, serviceAccount: object) => ({
      ...{ apiVersion: 'external-secrets.io/v1', kind, metadata: { name: 'elsewhere' } },
      spec: { provider: { kubernetes: { remoteNamespace: 'shop', auth: { serviceAccount } } } },
    });
    const group = '/apis/external-secrets.io/v1';
    await create(cluster, `${group}/namespaces/shop/secretstores`, store('SecretStore', { name: 'writer' }));
    await create(
      cluster,
      `${group}/clustersecretstores`,
      store('ClusterSecretStore', { name: 'writer', namespace: 'shop' }),
    );
    await create(cluster, SECRETS, {
      metadata: {
        ...{ name: 'labelled', labels: { a: 'source', 'reconcile.external-secrets.io/managed': 'true' } },
        annotations: { 'kubectl.kubernetes.io/last-applied-configuration': 'values', note: 'n' },
      },
      data: { user: base64('app') },
    });
    const to = (kind: string, remoteKey: string, spec: object) => ({
      ...{ secretStoreRefs: [{ kind, name: 'elsewhere' }], selector: { secret: { name: 'labelled' } } },
      data: [{ match: { secretKey: 'user', remoteRef: { remoteKey, property: 'name' } }, metadata: wrapped(spec) }],
    });
    const labels = { a: 'given' };
    const there = { labels, annotations: { b: 'given' }, remoteNamespace: 'other' };
    await pushes('elsewhere', {
      ...to('ClusterSecretStore', 'made', { ...there, sourceMergePolicy: 'Merge', targetMergePolicy: 'Merge' }),
      ...{ deletionPolicy: 'Delete', updatePolicy: 'IfNotExists' },
    });
    await untilPushed('elsewhere', 'Synced');
    const made = await shop.see('/api/v1/namespaces/other/secrets/made');
    assert.deepEqual(made?.data, { name: base64('app') });
    assert.deepEqual(made.metadata.labels, labels);
    assert.deepEqual(made.metadata.annotations, { b: 'given', note: 'n' });
    assert.equal(await shop.see(`${SECRETS}/made`), undefined);
    await cluster.ask('DELETE', `${PUSHES}/elsewhere`);
    await shop.until('/api/v1/namespaces/other/secrets/made', (seen) => seen === undefined);
    await pushes('astray', to('SecretStore', 'astray', { remoteNamespace: 'other' }));
    assert.match(readyOf(await untilPushed('astray', 'Errored'))?.message ?? '', /for a ClusterSecretStore alone/);
    assert.equal(await shop.see('/api/v1/namespaces/other/secrets/astray'), undefined);
  });

  test('what a generator makes is pushed, and stays until its time is over', async () => {
    await create(cluster, '/apis/generators.external-secrets.io/v1alpha1/namespaces/shop/passwords', {
      ...{ apiVersion: 'generators.external-secrets.io/v1alpha1', kind: 'Password', metadata: { name: 'strong' } },
      spec: { length: 30, digits: 5, symbols: 0, allowRepeat: true },
    });
    await pushes('made', {
      ...{ refreshInterval: '24h', selector: { generatorRef: { kind: 'Password', name: 'strong' } } },
      data: [{ match: { secretKey: 'password', remoteRef: { remoteKey: 'made', property: 'pw' } } }],
    });
    await untilPushed('made', 'Synced');
    const first = await shop.at('made');
    assert.match((first as { readonly pw: string }).pw, /^[A-Za-z0-9]{30}$/);
    // A controller that begins looks at everything.
    await shop.takeOver();
    await shop.put('drum', { beat: '1' });
    await cluster.ask('PUT', `${SECRETS}/followed`, { metadata: { name: 'followed' }, data: { a: base64('4') } });
    await shop.untilAt('followed/by-name', { a: '4' });
    assert.deepEqual(await shop.at('made'), first);
  });

  test('a ClusterPushSecret makes one in each namespace that it selects, and takes it away', async () => {
    const API = '/apis/external-secrets.io/v1alpha1';
    const path = `${API}/clusterpushsecrets/everywhere`;
    for (const name of ['push-a', 'push-b'])
      await create(cluster, '/api/v1/namespaces', { metadata: { name, labels: { push: 'yes' } } });
    await create(cluster, `${API}/clusterpushsecrets`, {
      ...{ apiVersion: 'external-secrets.io/v1alpha1', kind: 'ClusterPushSecret', metadata: { name: 'everywhere' } },
      spec: {
        namespaceSelectors: [{ matchLabels: { push: 'yes' } }],
        pushSecretName: 'out',
        pushSecretMetadata: { labels: { from: 'platform' } },
        pushSecretSpec: { secretStoreRefs: [{ name: 'none' }], selector: { secret: { name: 'none' } } },
      },
    });
    const provisioned = (names: string) =>
      shop.until(path, (seen) => {
        const { provisionedNamespaces } = (seen?.status ?? {}) as {
          readonly provisionedNamespaces?: readonly string[];
        };
        return provisionedNamespaces?.join() === names;
      });
    await provisioned('push-a,push-b');
    const made = await shop.see(`${API}/namespaces/push-a/pushsecrets/out`);
    assert.deepEqual(
      [made?.metadata.labels?.['from'], made?.metadata.ownerReferences?.[0]?.kind],
      ['platform', 'ClusterPushSecret'],
    );
    await cluster.ask('PUT', '/api/v1/namespaces/push-a', { metadata: { name: 'push-a' } });
    await provisioned('push-b');
    await shop.until(`${API}/namespaces/push-a/pushsecrets/out`, (seen) => seen === undefined);
    await cluster.ask('DELETE', `${API}/namespaces/push-b/pushsecrets/out`);
    await shop.until(`${API}/namespaces/push-b/pushsecrets/out`, (seen) => seen !== undefined);
  });

  test('a Secret elsewhere has the type of its source, or of the template, if that type may be made', async () => {
    await create(cluster, serviceAccounts('shop'), { metadata: { name: 'typist' } });
    const rules = [{ apiGroups: [''], resources: ['secrets'], verbs: ['get', 'list', 'create', 'update', 'delete'] }];
    await grant(cluster, { namespace: 'other', account: ['shop', 'typist'], rules });
    await create(cluster, '/apis/external-secrets.io/v1/namespaces/shop/secretstores', {
      ...{ apiVersion: 'external-secrets.io/v1', kind: 'SecretStore', metadata: { name: 'typing' } },
      spec: {
        // However its client is wrapped, the rule of types holds.
        retrySettings: { maxRetries: 1, retryInterval: '1ms' },
        provider: { kubernetes: { remoteNamespace: 'other', auth: { serviceAccount: { name: 'typist' } } } },
      },
    });
    const source = (name: string, type: string, data: object) =>
      create(cluster, SECRETS, { metadata: { name }, type, data });
    await source('by-source', 'kubernetes.io/tls', { 'tls.crt': base64('c'), 'tls.key': base64('k') });
    await source('by-template', 'Opaque', { username: base64('app') });
    await source('not-allowed', 'example.com/own', { username: base64('app') });
    const whole = (name: string, type?: string) =>
      pushes(name, {
        ...{ secretStoreRefs: [{ name: 'typing' }], selector: { secret: { name } } },
        ...(type === undefined ? {} : { template: { type } }),
        data: [{ match: { remoteRef: { remoteKey: name } } }],
      });
    const there = (name: string) => shop.see(`/api/v1/namespaces/other/secrets/${name}`);
    await whole('by-source');
    await untilPushed('by-source', 'Synced');
    assert.equal((await there('by-source'))?.type, 'kubernetes.io/tls');
    await whole('by-template', 'kubernetes.io/basic-auth');
    await untilPushed('by-template', 'Synced');
    assert.equal((await there('by-template'))?.type, 'kubernetes.io/basic-auth');
    await whole('not-allowed');
    const refused = readyOf(await untilPushed('not-allowed', 'Errored'))?.message ?? '';
    assert.match(refused, /a Secret of type "example\.com\/own" is not allowed: see -allowed-secret-types/);
    assert.equal(await there('not-allowed'), undefined);
    // No API server lets a Secret change its type: what is there stays as it is, and the condition says what to do.
    await cluster.ask('DELETE', `${PUSHES}/by-template`);
    await shop.until(`${PUSHES}/by-template`, (seen) => seen === undefined);
    await whole('by-template');
    const kept = readyOf(await untilPushed('by-template', 'Errored'))?.message ?? '';
    assert.match(kept, /it is of type kubernetes\.io\/basic-auth, not Opaque: delete it/);
    assert.equal((await there('by-template'))?.type, 'kubernetes.io/basic-auth');
  });

  test('a source of any type goes to a store that makes no Secrets', async () => {
    await create(cluster, SECRETS, { metadata: { name: 'own' }, type: 'example.com/own', data: { a: base64('1') } });
    await pushes('own', {
      selector: { secret: { name: 'own' } },
      data: [{ match: { secretKey: 'a', remoteRef: { remoteKey: 'pushed/own', property: 'a' } } }],
    });
    await untilPushed('own', 'Synced');
    assert.deepEqual(await shop.at('pushed/own'), { a: '1' });
  });

  test('one that would make a Secret of a type that is not allowed writes nothing', async () => {
    await create(cluster, SECRETS, { metadata: { name: 'typed' }, data: { user: base64('app') } });
    await pushes('typed', {
      selector: { secret: { name: 'typed' } },
      template: { type: 'kubernetes.io/service-account-token' },
      data: [{ match: { secretKey: 'user', remoteRef: { remoteKey: 'pushed/typed', property: 'name' } } }],
    });
    assert.match(
      readyOf(await untilPushed('typed', 'Errored'))?.message ?? '',
      /service-account-token" is not allowed/,
    );
    assert.equal(await shop.at('pushed/typed'), undefined);
  });
});
