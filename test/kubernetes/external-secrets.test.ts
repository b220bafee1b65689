/** `lockstep controller` on a real API server, with secrets from a real server of ours. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { withoutControlPlane } from './support/binaries.ts';
import type { KubernetesCluster } from './support/cluster.ts';
import type { Seen } from './support/controllers.ts';
import { create } from './support/service-accounts.ts';
import { base64, readyOf, SECRETS, Shop } from './support/shop.ts';

const skip = await withoutControlPlane();
const GROUP = '/apis/external-secrets.io/v1';
const PUSHES = '/apis/external-secrets.io/v1alpha1/namespaces/shop/pushsecrets';

/** As External Secrets Operator marks what it owns. */
function assertMarked(secret: Seen | undefined): void {
  const { labels = {}, annotations = {}, ownerReferences = [] } = secret?.metadata ?? {};
  assert.deepEqual([labels['team'], labels['reconcile.external-secrets.io/managed']], ['shop', 'true']);
  assert.match(labels['reconcile.external-secrets.io/created-by'] ?? '', /^[0-9a-f]{56}$/);
  assert.match(annotations['reconcile.external-secrets.io/data-hash'] ?? '', /^[0-9a-f]{56}$/);
  assert.deepEqual(
    ownerReferences.map(({ kind, controller }) => [kind, controller]),
    [['ExternalSecret', true]],
  );
}

describe('ExternalSecrets', { skip }, () => {
  let shop: Shop;
  let cluster: KubernetesCluster;

  before(async () => {
    shop = await Shop.open(['-deletion-grace=0s']);
    ({ cluster } = shop);
    await shop.put('db', { user: 'app', password: 'p<ä>\u0000', port: 5432 });
  });
  after(() => shop[Symbol.asyncDispose]());

  test('a Secret appears byte for byte, and follows its store', async () => {
    await shop.external('db', {
      data: [{ secretKey: 'pw', remoteRef: { key: 'db', property: 'password' } }],
      dataFrom: [{ extract: { key: 'db' } }],
    });
    const made = await shop.until(`${SECRETS}/db`, (seen) => seen !== undefined);
    const expected = {
      user: base64('app'),
      password: base64('p<ä>\u0000'),
      port: base64('5432'),
      pw: base64('p<ä>\u0000'),
    };
    assert.deepEqual(made?.data, expected);
    assertMarked(made);
    const synced = await shop.untilReason('db', 'SecretSynced', 'True');
    assert.equal(synced?.status?.binding?.name, 'db');
    await shop.put('db', { user: 'new' });
    await shop.untilReason('db', 'SecretSyncedError', 'False');
    assert.equal((await shop.see(`${SECRETS}/db`))?.data?.['user'], base64('app'), 'half of it is not written');
    await shop.put('db', { user: 'new', password: 'x' });
    await shop.until(`${SECRETS}/db`, (seen) => seen?.data?.['pw'] === base64('x'));
    assert.deepEqual((await shop.see(`${SECRETS}/db`))?.data, {
      user: base64('new'),
      password: base64('x'),
      pw: base64('x'),
    });
  });

  test('what somebody changes or deletes is repaired', async () => {
    await shop.put('drift', { a: '1' });
    await shop.external('drift', { refreshInterval: '1h', dataFrom: [{ extract: { key: 'drift' } }] });
    const made = await shop.until(`${SECRETS}/drift`, (seen) => seen !== undefined);
    await cluster.ask('PUT', `${SECRETS}/drift`, { ...made, data: { a: base64('2') } });
    await shop.until(`${SECRETS}/drift`, (seen) => seen?.data?.['a'] === base64('1'));
    await cluster.ask('DELETE', `${SECRETS}/drift`);
    await shop.until(`${SECRETS}/drift`, (seen) => seen !== undefined && seen.metadata.uid !== made?.metadata.uid);
  });

  test('what has no spec holds up nobody', async () => {
    await shop.put('beside', { a: '1' });
    const bare = { apiVersion: 'external-secrets.io/v1', kind: 'ExternalSecret', metadata: { name: 'bare' } };
    await create(cluster, `${GROUP}/namespaces/shop/externalsecrets`, bare);
    for (const [path, apiVersion, kind] of [
      [`${GROUP}/namespaces/shop/secretstores`, bare.apiVersion, 'SecretStore'],
      [`${GROUP}/clustersecretstores`, bare.apiVersion, 'ClusterSecretStore'],
      [`${GROUP}/clusterexternalsecrets`, bare.apiVersion, 'ClusterExternalSecret'],
      [PUSHES, 'external-secrets.io/v1alpha1', 'PushSecret'],
    ] as const) {
      const { status, body } = await cluster.ask('POST', path, { ...bare, apiVersion, kind });
      assert.equal(status, 422, kind);
      assert.match(JSON.stringify(body), /spec: Required value/);
    }
    await shop.external('beside', { dataFrom: [{ extract: { key: 'beside' } }] });
    await shop.until(`${SECRETS}/beside`, (seen) => seen?.data?.['a'] === base64('1'));
    await cluster.ask('DELETE', `${GROUP}/namespaces/shop/externalsecrets/bare`);
  });

  test('a foreign Secret is never overwritten', async () => {
    await create(cluster, SECRETS, { metadata: { name: 'foreign' }, data: { a: base64('theirs') } });
    await shop.put('foreign', { a: 'ours' });
    await shop.external('foreign', { dataFrom: [{ extract: { key: 'foreign' } }] });
    const refused = await shop.untilReason('foreign', 'SecretSyncedError', 'False');
    assert.match(readyOf(refused)?.message ?? '', /was there before, and is not overwritten/);
    assert.deepEqual((await shop.see(`${SECRETS}/foreign`))?.data, { a: base64('theirs') });
  });

  test('nothing is written when nothing changed, though the store is asked again', async () => {
    await shop.put('still', { a: '1' });
    await shop.external('still', { dataFrom: [{ extract: { key: 'still' } }] });
    const object = await shop.untilReason('still', 'SecretSynced', 'True');
    const secret = await shop.see(`${SECRETS}/still`);
    // Two others are read after it, each an interval later: it has been read again as well.
    for (const value of ['1', '2', '3']) {
      await shop.put('drum', { value });
      if (value === '1') await shop.external('drum', { dataFrom: [{ extract: { key: 'drum' } }] });
      await shop.until(`${SECRETS}/drum`, (seen) => seen?.data?.['value'] === base64(value));
    }
    assert.equal((await shop.see(shop.es('still')))?.metadata.resourceVersion, object?.metadata.resourceVersion);
    assert.equal((await shop.see(`${SECRETS}/still`))?.metadata.resourceVersion, secret?.metadata.resourceVersion);
  });

  test('gone at the store: kept by Retain, deleted by Delete', async () => {
    for (const name of ['keep', 'drop']) {
      await shop.put(name, { a: '1' });
      const target = { deletionPolicy: name === 'keep' ? 'Retain' : 'Delete' };
      await shop.external(name, { target, dataFrom: [{ extract: { key: name } }] });
      await shop.untilReason(name, 'SecretSynced', 'True');
      await shop.ask('DELETE', `kv/metadata/${name}`, {});
    }
    await shop.until(`${SECRETS}/drop`, (seen) => seen === undefined);
    await shop.untilReason('drop', 'SecretDeleted', 'True');
    await shop.untilReason('keep', 'SecretSyncedError', 'False');
    assert.deepEqual((await shop.see(`${SECRETS}/keep`))?.data, { a: base64('1') });
  });

  test('by our own provider a change arrives by push, and whoever waits for it has it', async () => {
    await shop.put('pushed', { a: '1' });
    await shop.external('pushed', {
      ...{ secretStoreRef: { kind: 'SecretStore', name: 'pushes' }, refreshInterval: '24h' },
      dataFrom: [{ extract: { key: 'pushed' } }],
    });
    await shop.untilReason('pushed', 'SecretSynced', 'True');
    const consumers = async (): Promise<string> => {
      const { json } = await shop.lockstep.server.ask('GET', '/v1/sys/consumers?list=true', {
        token: shop.lockstep.token,
      });
      return JSON.stringify(json);
    };
    while (!(await consumers()).includes('external-secrets:shop.pushes:')) await pause(50);
    for (const value of ['2', '3']) {
      await shop.put('pushed', { a: value });
      const { json } = await shop.lockstep.server.ask('POST', '/v1/sys/wait', {
        token: shop.lockstep.token,
        body: { latest: true, timeout: 60 },
      });
      const { data } = json as {
        readonly data: { readonly state: string; readonly acknowledged: readonly object[]; readonly missing: object };
      };
      assert.equal(data.state, 'done', JSON.stringify(data));
      assert.match(JSON.stringify(data.acknowledged), /external-secrets:shop\.pushes:/);
      // What is acknowledged is in the Secret: nobody has to look twice.
      assert.deepEqual((await shop.see(`${SECRETS}/pushed`))?.data, { a: base64(value) });
    }
  });

  test('templates, of the object and of a ConfigMap, are rendered', async () => {
    await shop.put('tpl', { user: 'app', password: 'p' });
    await create(cluster, '/api/v1/namespaces/shop/configmaps', {
      metadata: { name: 'templates' },
      data: { 'app.conf': 'user={{ .user }}', all: '{{ range $k, $v := . }}x-{{ $k }}: {{ $v | quote }}\n{{ end }}' },
    });
    const items = [{ key: 'app.conf' }, { key: 'all', templateAs: 'KeysAndValues' }];
    await shop.external('tpl', {
      dataFrom: [{ extract: { key: 'tpl' }, rewrite: [{ transform: { template: '{{ .value | lower }}' } }] }],
      target: {
        template: {
          metadata: { labels: { of: '{{ .user }}' } },
          data: { dsn: 'pg://{{ .user }}:{{ .password | urlquery }}@db' },
          templateFrom: [{ configMap: { name: 'templates', items } }],
        },
      },
    });
    const made = await shop.until(`${SECRETS}/tpl`, (seen) => seen !== undefined);
    assert.deepEqual(made?.data, {
      ...{ dsn: base64('pg://app:p@db'), 'app.conf': base64('user=app') },
      ...{ 'x-user': base64('app'), 'x-password': base64('p') },
    });
    assert.equal(made?.metadata.labels?.['of'], 'app');
    await shop.external('tpl-wrong', {
      dataFrom: [{ extract: { key: 'tpl' } }],
      target: { template: { metadata: { labels: { of: '{{ .password }} is no label' } } } },
    });
    const refused = await shop.untilReason('tpl-wrong', 'SecretSyncedError', 'False');
    assert.match(
      readyOf(refused)?.message ?? '',
      /does not take the Secret "tpl-wrong": metadata\.labels is not valid/,
    );
  });

  test('a ClusterExternalSecret makes one in each namespace that it selects, and takes it away', async () => {
    const own = (namespace: string) => `${GROUP}/namespaces/${namespace}/externalsecrets/everywhere`;
    const status = async (holds: (seen: readonly string[] | undefined, failed: number | undefined) => boolean) =>
      shop.until(`${GROUP}/clusterexternalsecrets/everywhere`, (seen) => {
        const { provisionedNamespaces, failedNamespaces } = (seen?.status ?? {}) as {
          readonly provisionedNamespaces?: readonly string[];
          readonly failedNamespaces?: readonly object[];
        };
        return holds(provisionedNamespaces, failedNamespaces?.length);
      });
    const namespaces = ['team-a', 'team-b', 'team-c'];
    for (const name of namespaces)
      await create(cluster, '/api/v1/namespaces', {
        metadata: { name, labels: { team: name === 'team-c' ? 'no' : 'yes' } },
      });
    const spec = { refreshPolicy: 'CreatedOnce', data: [{ secretKey: 'a', remoteRef: { key: 'none' } }] };
    await create(cluster, `${GROUP}/namespaces/team-b/externalsecrets`, {
      ...{ apiVersion: 'external-secrets.io/v1', kind: 'ExternalSecret', metadata: { name: 'everywhere' }, spec },
    });
    await create(cluster, `${GROUP}/clusterexternalsecrets`, {
      ...{ apiVersion: 'external-secrets.io/v1', kind: 'ClusterExternalSecret', metadata: { name: 'everywhere' } },
      spec: {
        namespaceSelectors: [{ matchLabels: { team: 'yes' } }],
        externalSecretMetadata: { labels: { from: 'platform' } },
        externalSecretSpec: spec,
      },
    });
    // That of somebody else is left alone, and named.
    await status((provisioned, failed) => provisioned?.join() === 'team-a' && failed === 1);
    const made = await shop.see(own('team-a'));
    assert.equal(made?.metadata.labels?.['from'], 'platform');
    assert.deepEqual(
      made.metadata.ownerReferences?.map(({ kind, name }) => [kind, name]),
      [['ClusterExternalSecret', 'everywhere']],
    );
    await cluster.ask('DELETE', own('team-b'));
    await status((provisioned, failed) => provisioned?.join() === 'team-a,team-b' && failed === 0);
    const relabel = (name: string, team: string) =>
      cluster.ask('PUT', `/api/v1/namespaces/${name}`, { metadata: { name, labels: { team } } });
    await relabel('team-c', 'yes');
    await relabel('team-a', 'no');
    await status((provisioned) => provisioned?.join() === 'team-b,team-c');
    await shop.until(own('team-a'), (seen) => seen === undefined);
    await cluster.ask('DELETE', own('team-c'));
    await shop.until(own('team-c'), (seen) => seen !== undefined);
  });

  test('the controller that leads is killed: another takes over', async () => {
    await shop.put('handover', { a: '1' });
    await shop.external('handover', { dataFrom: [{ extract: { key: 'handover' } }] });
    await shop.untilReason('handover', 'SecretSynced', 'True');
    await shop.takeOver();
    await shop.put('handover', { a: '2' });
    await shop.put('pushed', { a: '4' });
    await shop.until(`${SECRETS}/handover`, (seen) => seen?.data?.['a'] === base64('2'));
    // It is read once a day: what it has not read itself comes by push as well.
    await shop.until(`${SECRETS}/pushed`, (seen) => seen?.data?.['a'] === base64('4'));
  });

  test('the API server ends and comes back: what changed meanwhile follows', async () => {
    await shop.put('outage', { a: '1' });
    await shop.external('outage', { dataFrom: [{ extract: { key: 'outage' } }] });
    await shop.untilReason('outage', 'SecretSynced', 'True');
    await cluster.endApiServer();
    await shop.put('outage', { a: '2' });
    await cluster.restartApiServer(['accounts']);
    await shop.until(`${SECRETS}/outage`, (seen) => seen?.data?.['a'] === base64('2'));
  });

  test('the store is away: Secrets stay, and conditions say so', async () => {
    const sealed = await shop.lockstep.server.ask('PUT', '/v1/sys/seal', { token: shop.lockstep.token });
    assert.equal(sealed.status, 204);
    const failed = await shop.untilReason('outage', 'SecretSyncedError', 'False');
    assert.match(readyOf(failed)?.message ?? '', /503|not ready/);
    const { staleSince = '', sources } = failed?.status ?? {};
    assert.ok(Date.parse(staleSince) <= Date.now(), 'since when it is not known whether the Secret is current');
    assert.deepEqual(
      sources?.map(({ index, ...source }) => [source, typeof index]),
      [[{ store: 'SecretStore/ours', key: 'outage', version: 2 }, 'string']],
    );
    assert.deepEqual((await shop.see(`${SECRETS}/outage`))?.data, { a: base64('2') });
    await shop.lockstep.server.ask('PUT', '/v1/sys/unseal', { body: { key: shop.lockstep.key } });
    const back = await shop.untilReason('outage', 'SecretSynced', 'True');
    assert.equal(back?.status?.staleSince, undefined);
  });
});
