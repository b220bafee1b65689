/** `lockstep controller` on a real API server, with secrets from a real server of ours. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from '../../src/cli/up/free-port.ts';
import { plainServer, type PlainServer } from '../support/snapshots.ts';
import { withoutControlPlane } from './support/binaries.ts';
import { startCluster, type KubernetesCluster } from './support/cluster.ts';
import { applyManifests, controllersOf, type End, type Seen } from './support/controllers.ts';
import { frontDoor, type FrontDoor } from './support/front-door.ts';
import { create, projectedToken } from './support/service-accounts.ts';

const skip = await withoutControlPlane();
const GROUP = '/apis/external-secrets.io/v1';
const SECRETS = '/api/v1/namespaces/shop/secrets';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

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
  const started = new AsyncDisposableStack();
  let cluster: KubernetesCluster;
  let door: FrontDoor;
  let lockstep: PlainServer;
  let start: (live: string) => End;
  let endController: End;

  const ask = async (method: string, path: string, body: object): Promise<void> => {
    const { token, server } = lockstep;
    const { status, json } = await server.ask(method, `/v1/${path}`, { token, body });
    assert.ok(status === 200 || status === 204, `${path}: ${JSON.stringify(json)}`);
  };
  const put = (name: string, data: object): Promise<void> => ask('POST', `kv/data/${name}`, { data });
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
  const readyOf = (seen: Seen | undefined) => seen?.status?.conditions?.[0];
  const es = (name: string): string => `${GROUP}/namespaces/shop/externalsecrets/${name}`;
  const untilReason = (name: string, reason: string, status: string) =>
    until(es(name), (seen) => readyOf(seen)?.reason === reason && readyOf(seen)?.status === status);
  const external = (name: string, spec: object): Promise<unknown> =>
    create(cluster, `${GROUP}/namespaces/shop/externalsecrets`, {
      ...{ apiVersion: 'external-secrets.io/v1', kind: 'ExternalSecret', metadata: { name, labels: { team: 'shop' } } },
      spec: { secretStoreRef: { kind: 'SecretStore', name: 'ours' }, refreshInterval: '1s', ...spec },
    });

  before(async () => {
    cluster = started.use(await startCluster());
    door = started.use(await frontDoor(() => cluster.address));
    const after = (end: unknown): void => {
      started.defer(end as () => Promise<void>);
    };
    lockstep = await plainServer({ after }, { config: () => 'hub {}' });
    for (const name of ['shop', 'other', 'lockstep-system'])
      await create(cluster, '/api/v1/namespaces', { metadata: { name } });
    await applyManifests(cluster);
    await until(`${GROUP}/externalsecrets`, (seen) => seen !== undefined);
    for (const kind of ['v1/secretstores', 'v1/clusterexternalsecrets', 'v1alpha1/pushsecrets'])
      await until(`/apis/external-secrets.io/${kind}`, (seen) => seen !== undefined);
    await ask('POST', 'sys/mounts/kv', { type: 'kv', options: { version: '2' } });
    await put('db', { user: 'app', password: 'p<ä>\u0000', port: 5432 });
    await create(cluster, SECRETS, { metadata: { name: 'token' }, data: { token: base64(lockstep.token) } });
    const server = {
      server: await lockstep.server.address(),
      path: 'kv',
      auth: { tokenSecretRef: { name: 'token', key: 'token' } },
    };
    for (const [name, type] of [
      ['ours', 'vault'],
      ['pushes', 'lockstep'],
    ] as const) {
      await create(cluster, `${GROUP}/namespaces/shop/secretstores`, {
        ...{ apiVersion: 'external-secrets.io/v1', kind: 'SecretStore', metadata: { name } },
        spec: { provider: { [type]: server } },
      });
    }
    const token = await projectedToken(cluster, { namespace: 'lockstep-system', name: 'lockstep-controller' }, []);
    const config = cluster.kubeconfig(door.address, token);
    const live = `127.0.0.1:${String(await freePort())}`;
    start = controllersOf(config);
    endController = start(live);
    started.defer(async () => {
      assert.deepEqual(await endController('SIGTERM'), [0, null]);
    });
  });
  after(() => started.disposeAsync());

  test('a Secret appears byte for byte, and follows its store', async () => {
    await external('db', {
      data: [{ secretKey: 'pw', remoteRef: { key: 'db', property: 'password' } }],
      dataFrom: [{ extract: { key: 'db' } }],
    });
    const made = await until(`${SECRETS}/db`, (seen) => seen !== undefined);
    const expected = {
      user: base64('app'),
      password: base64('p<ä>\u0000'),
      port: base64('5432'),
      pw: base64('p<ä>\u0000'),
    };
    assert.deepEqual(made?.data, expected);
    assertMarked(made);
    const synced = await untilReason('db', 'SecretSynced', 'True');
    assert.equal(synced?.status?.binding?.name, 'db');
    await put('db', { user: 'new' });
    await untilReason('db', 'SecretSyncedError', 'False');
    assert.equal((await see(`${SECRETS}/db`))?.data?.['user'], base64('app'), 'half of it is not written');
    await put('db', { user: 'new', password: 'x' });
    await until(`${SECRETS}/db`, (seen) => seen?.data?.['pw'] === base64('x'));
    assert.deepEqual((await see(`${SECRETS}/db`))?.data, {
      user: base64('new'),
      password: base64('x'),
      pw: base64('x'),
    });
  });

  test('what somebody changes or deletes is repaired', async () => {
    await put('drift', { a: '1' });
    await external('drift', { refreshInterval: '1h', dataFrom: [{ extract: { key: 'drift' } }] });
    const made = await until(`${SECRETS}/drift`, (seen) => seen !== undefined);
    await cluster.ask('PUT', `${SECRETS}/drift`, { ...made, data: { a: base64('2') } });
    await until(`${SECRETS}/drift`, (seen) => seen?.data?.['a'] === base64('1'));
    await cluster.ask('DELETE', `${SECRETS}/drift`);
    await until(`${SECRETS}/drift`, (seen) => seen !== undefined && seen.metadata.uid !== made?.metadata.uid);
  });

  test('a foreign Secret is never overwritten', async () => {
    await create(cluster, SECRETS, { metadata: { name: 'foreign' }, data: { a: base64('theirs') } });
    await put('foreign', { a: 'ours' });
    await external('foreign', { dataFrom: [{ extract: { key: 'foreign' } }] });
    const refused = await untilReason('foreign', 'SecretSyncedError', 'False');
    assert.match(readyOf(refused)?.message ?? '', /was there before, and is not overwritten/);
    assert.deepEqual((await see(`${SECRETS}/foreign`))?.data, { a: base64('theirs') });
  });

  test('nothing is written when nothing changed, though the store is asked again', async () => {
    await put('still', { a: '1' });
    await external('still', { dataFrom: [{ extract: { key: 'still' } }] });
    const object = await untilReason('still', 'SecretSynced', 'True');
    const secret = await see(`${SECRETS}/still`);
    // Two others are read after it, each an interval later: it has been read again as well.
    for (const value of ['1', '2', '3']) {
      await put('drum', { value });
      if (value === '1') await external('drum', { dataFrom: [{ extract: { key: 'drum' } }] });
      await until(`${SECRETS}/drum`, (seen) => seen?.data?.['value'] === base64(value));
    }
    assert.equal((await see(es('still')))?.metadata.resourceVersion, object?.metadata.resourceVersion);
    assert.equal((await see(`${SECRETS}/still`))?.metadata.resourceVersion, secret?.metadata.resourceVersion);
  });

  test('gone at the store: kept by Retain, deleted by Delete', async () => {
    for (const name of ['keep', 'drop']) {
      await put(name, { a: '1' });
      const target = { deletionPolicy: name === 'keep' ? 'Retain' : 'Delete' };
      await external(name, { target, dataFrom: [{ extract: { key: name } }] });
      await untilReason(name, 'SecretSynced', 'True');
      await ask('DELETE', `kv/metadata/${name}`, {});
    }
    await until(`${SECRETS}/drop`, (seen) => seen === undefined);
    await untilReason('drop', 'SecretDeleted', 'True');
    await untilReason('keep', 'SecretSyncedError', 'False');
    assert.deepEqual((await see(`${SECRETS}/keep`))?.data, { a: base64('1') });
  });

  test('by our own provider a change arrives by push, and whoever waits for it has it', async () => {
    await put('pushed', { a: '1' });
    await external('pushed', {
      ...{ secretStoreRef: { kind: 'SecretStore', name: 'pushes' }, refreshInterval: '24h' },
      dataFrom: [{ extract: { key: 'pushed' } }],
    });
    await untilReason('pushed', 'SecretSynced', 'True');
    const consumers = async (): Promise<string> => {
      const { json } = await lockstep.server.ask('GET', '/v1/sys/consumers?list=true', { token: lockstep.token });
      return JSON.stringify(json);
    };
    while (!(await consumers()).includes('external-secrets:shop.pushes:')) await pause(50);
    for (const value of ['2', '3']) {
      await put('pushed', { a: value });
      const { json } = await lockstep.server.ask('POST', '/v1/sys/wait', {
        token: lockstep.token,
        body: { latest: true, timeout: 60 },
      });
      const { data } = json as {
        readonly data: { readonly state: string; readonly acknowledged: readonly object[]; readonly missing: object };
      };
      assert.equal(data.state, 'done', JSON.stringify(data));
      assert.match(JSON.stringify(data.acknowledged), /external-secrets:shop\.pushes:/);
      // What is acknowledged is in the Secret: nobody has to look twice.
      assert.deepEqual((await see(`${SECRETS}/pushed`))?.data, { a: base64(value) });
    }
  });

  test('templates, of the object and of a ConfigMap, are rendered', async () => {
    await put('tpl', { user: 'app', password: 'p' });
    await create(cluster, '/api/v1/namespaces/shop/configmaps', {
      metadata: { name: 'templates' },
      data: { 'app.conf': 'user={{ .user }}', all: '{{ range $k, $v := . }}x-{{ $k }}: {{ $v | quote }}\n{{ end }}' },
    });
    const items = [{ key: 'app.conf' }, { key: 'all', templateAs: 'KeysAndValues' }];
    await external('tpl', {
      dataFrom: [{ extract: { key: 'tpl' }, rewrite: [{ transform: { template: '{{ .value | lower }}' } }] }],
      target: {
        template: {
          metadata: { labels: { of: '{{ .user }}' } },
          data: { dsn: 'pg://{{ .user }}:{{ .password | urlquery }}@db' },
          templateFrom: [{ configMap: { name: 'templates', items } }],
        },
      },
    });
    const made = await until(`${SECRETS}/tpl`, (seen) => seen !== undefined);
    assert.deepEqual(made?.data, {
      ...{ dsn: base64('pg://app:p@db'), 'app.conf': base64('user=app') },
      ...{ 'x-user': base64('app'), 'x-password': base64('p') },
    });
    assert.equal(made?.metadata.labels?.['of'], 'app');
    await external('tpl-wrong', {
      dataFrom: [{ extract: { key: 'tpl' } }],
      target: { template: { metadata: { labels: { of: '{{ .password }} is no label' } } } },
    });
    const refused = await untilReason('tpl-wrong', 'SecretSyncedError', 'False');
    assert.match(
      readyOf(refused)?.message ?? '',
      /does not take the Secret "tpl-wrong": metadata\.labels is not valid/,
    );
  });

  test('a ClusterExternalSecret makes one in each namespace that it selects, and takes it away', async () => {
    const own = (namespace: string) => `${GROUP}/namespaces/${namespace}/externalsecrets/everywhere`;
    const status = async (holds: (seen: readonly string[] | undefined, failed: number | undefined) => boolean) =>
      until(`${GROUP}/clusterexternalsecrets/everywhere`, (seen) => {
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
    const made = await see(own('team-a'));
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
    await until(own('team-a'), (seen) => seen === undefined);
    await cluster.ask('DELETE', own('team-c'));
    await until(own('team-c'), (seen) => seen !== undefined);
  });

  test('a PushSecret writes what it names, and takes it away with itself', async () => {
    const PUSHES = '/apis/external-secrets.io/v1alpha1/namespaces/shop/pushsecrets';
    const at = async (key: string): Promise<unknown> => {
      const { json } = await lockstep.server.ask('GET', `/v1/kv/data/${key}`, { token: lockstep.token });
      return (json as { readonly data?: { readonly data?: unknown } }).data?.data;
    };
    const untilAt = async (key: string, expected: unknown): Promise<void> => {
      while (JSON.stringify(await at(key)) !== JSON.stringify(expected)) await pause(50);
    };
    const untilPushed = (name: string, reason: string) =>
      until(`${PUSHES}/${name}`, (seen) => readyOf(seen)?.reason === reason);
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
    await create(cluster, SECRETS, {
      metadata: { name: 'source' },
      data: { user: base64('app'), a_U002f_b: base64('x') },
    });
    await put('theirs', { a: '1' });
    const data = [
      { match: { secretKey: 'user', remoteRef: { remoteKey: 'pushed/one', property: 'name' } } },
      { match: { remoteRef: { remoteKey: 'pushed/all' } }, conversionStrategy: 'ReverseUnicode' },
    ];
    await pushes('out', { deletionPolicy: 'Delete', data });
    await untilPushed('out', 'Synced');
    assert.deepEqual([await at('pushed/one'), await at('pushed/all')], [{ name: 'app' }, { 'a/b': 'x', user: 'app' }]);
    const synced = await see(`${PUSHES}/out`);
    await cluster.ask('PUT', `${SECRETS}/source`, { metadata: { name: 'source' }, data: { user: base64('new') } });
    await untilAt('pushed/one', { name: 'new' });
    await untilAt('pushed/all', { user: 'new' });
    // What is written once more without a change is no new version, and no write of the status.
    await pushes('rendered', {
      template: { data: { dsn: 'pg://{{ .user }}' } },
      data: [{ match: { secretKey: 'dsn', remoteRef: { remoteKey: 'pushed/dsn', property: 'url' } } }],
    });
    await untilAt('pushed/dsn', { url: 'pg://new' });
    assert.equal((await see(`${PUSHES}/out`))?.metadata.resourceVersion, synced?.metadata.resourceVersion);
    // What others wrote is left alone.
    await pushes('over', {
      data: [{ match: { secretKey: 'user', remoteRef: { remoteKey: 'theirs', property: 'a' } } }],
    });
    assert.match(readyOf(await untilPushed('over', 'Errored'))?.message ?? '', /not managed by external-secrets/);
    assert.deepEqual(await at('theirs'), { a: '1' });
    await cluster.ask('DELETE', `${PUSHES}/out`);
    await until(`${PUSHES}/out`, (seen) => seen === undefined);
    assert.deepEqual([await at('pushed/one'), await at('pushed/all')], [undefined, undefined]);
    await cluster.ask('DELETE', `${PUSHES}/rendered`);
    assert.deepEqual(await at('pushed/dsn'), { url: 'pg://new' }, 'deletionPolicy None leaves it');
  });

  test('the controller that leads is killed: another takes over', async () => {
    await put('handover', { a: '1' });
    await external('handover', { dataFrom: [{ extract: { key: 'handover' } }] });
    await untilReason('handover', 'SecretSynced', 'True');
    const endOther = start(`127.0.0.1:${String(await freePort())}`);
    await endController('SIGKILL');
    endController = endOther;
    await put('handover', { a: '2' });
    await until(`${SECRETS}/handover`, (seen) => seen?.data?.['a'] === base64('2'));
  });

  test('the API server ends and comes back: what changed meanwhile follows', async () => {
    await put('outage', { a: '1' });
    await external('outage', { dataFrom: [{ extract: { key: 'outage' } }] });
    await untilReason('outage', 'SecretSynced', 'True');
    await cluster.endApiServer();
    await put('outage', { a: '2' });
    await cluster.restartApiServer(['accounts']);
    await until(`${SECRETS}/outage`, (seen) => seen?.data?.['a'] === base64('2'));
  });

  test('the store is away: Secrets stay, and conditions say so', async () => {
    const sealed = await lockstep.server.ask('PUT', '/v1/sys/seal', { token: lockstep.token });
    assert.equal(sealed.status, 204);
    const failed = await untilReason('outage', 'SecretSyncedError', 'False');
    assert.match(readyOf(failed)?.message ?? '', /503|not ready/);
    assert.deepEqual((await see(`${SECRETS}/outage`))?.data, { a: base64('2') });
    await lockstep.server.ask('PUT', '/v1/sys/unseal', { body: { key: lockstep.key } });
    await untilReason('outage', 'SecretSynced', 'True');
  });
});
