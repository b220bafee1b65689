/** A tenant who may create ExternalSecrets cannot come by what Kubernetes itself puts into Secrets (CVE-2026-42876). */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { withoutControlPlane } from './support/binaries.ts';
import { create } from './support/service-accounts.ts';
import { readyOf, SECRETS, Shop } from './support/shop.ts';

const skip = await withoutControlPlane();
const TOKEN = 'kubernetes.io/service-account-token';
const CLUSTER_WIDE = '/apis/external-secrets.io/v1/clusterexternalsecrets';

describe('types of Secrets', { skip }, () => {
  let shop: Shop;

  before(async () => {
    shop = await Shop.open(['-allowed-secret-types=Opaque,kubernetes.io/*,example.com/*']);
    await shop.put('typed', { a: '1' });
  });
  after(() => shop[Symbol.asyncDispose]());

  const dataFrom = [{ extract: { key: 'typed' } }];
  const template = (type: string) => ({
    type,
    metadata: { annotations: { 'kubernetes.io/service-account.name': 'default' } },
  });
  const refused = async (name: string): Promise<void> => {
    const seen = await shop.untilReason(name, 'SecretSyncedError', 'False');
    assert.match(readyOf(seen)?.message ?? '', /a Secret of type ".*" is not allowed: see -allowed-secret-types/);
  };

  test('the token of a service account is not made for an ExternalSecret', async () => {
    for (const [name, type] of [
      ['account', TOKEN],
      ['bootstrap', 'bootstrap.kubernetes.io/token'],
      ['release', 'helm.sh/release.v1'],
    ] as const) {
      await shop.external(name, { dataFrom, target: { template: template(type) } });
      await refused(name);
      assert.equal(await shop.see(`${SECRETS}/${name}`), undefined);
    }
  });

  test('what is allowed is made with its type', async () => {
    await shop.external('custom', { dataFrom, target: { template: template('example.com/x') } });
    assert.equal((await shop.until(`${SECRETS}/custom`, (seen) => seen !== undefined))?.type, 'example.com/x');
  });

  test('a Secret that Kubernetes filled is not taken over, whatever the policy', async () => {
    await create(shop.cluster, '/api/v1/namespaces/shop/serviceaccounts', { metadata: { name: 'robot' } });
    const annotations = { 'kubernetes.io/service-account.name': 'robot' };
    await create(shop.cluster, SECRETS, { metadata: { name: 'filled', annotations }, type: TOKEN });
    const before = await shop.until(`${SECRETS}/filled`, (seen) => seen?.data?.['token'] !== undefined);
    for (const creationPolicy of ['Owner', 'Orphan', 'Merge', 'CreateOrMerge'] as const) {
      const name = `over-${creationPolicy.toLowerCase()}`;
      await shop.external(name, { dataFrom, target: { name: 'filled', creationPolicy } });
      const seen = await shop.untilReason(name, 'SecretSyncedError', 'False');
      assert.match(readyOf(seen)?.message ?? '', creationPolicy === 'Owner' ? /was there before/ : /is not allowed/);
    }
    const after = await shop.see(`${SECRETS}/filled`);
    assert.equal(after?.metadata.resourceVersion, before?.metadata.resourceVersion);
    assert.equal(after?.data?.['a'], undefined);
  });

  test('a ClusterExternalSecret with such a type makes nothing', async () => {
    await create(shop.cluster, CLUSTER_WIDE, {
      ...{ apiVersion: 'external-secrets.io/v1', kind: 'ClusterExternalSecret', metadata: { name: 'wide' } },
      spec: {
        namespaceSelectors: [{}],
        externalSecretSpec: { dataFrom, target: { template: template(TOKEN) } },
      },
    });
    const seen = await shop.until(`${CLUSTER_WIDE}/wide`, (each) => readyOf(each)?.status === 'False');
    assert.match(readyOf(seen)?.message ?? '', /is not allowed/);
    assert.equal(await shop.see(shop.es('wide')), undefined);
  });
});
