/** PushSecret on a real API server: a Secret of the cluster becomes a secret of a real server of ours. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { withoutControlPlane } from './support/binaries.ts';
import type { KubernetesCluster } from './support/cluster.ts';
import { create } from './support/service-accounts.ts';
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
