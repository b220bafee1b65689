/** The admission policies, as a real API server decides by them. */
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { after, before, describe, test } from 'node:test';
import { manifests } from '../../src/controllers/manifests.ts';
import { withoutControlPlane } from './support/binaries.ts';
import { startCluster, type KubernetesAnswer, type KubernetesCluster } from './support/cluster.ts';
import { applyAll, untilServed } from './support/applied.ts';
import { grant, makeNamespaces } from './support/provider-worlds.ts';
import { create, projectedToken, serviceAccounts } from './support/service-accounts.ts';

const skip = await withoutControlPlane();
const GROUP = 'external-secrets.io';
const MOST_TRIES = 300;
const PLURALS: Readonly<Record<string, string>> = {
  ExternalSecret: 'v1/namespaces/shop/externalsecrets',
  SecretStore: 'v1/namespaces/shop/secretstores',
  PushSecret: 'v1alpha1/namespaces/shop/pushsecrets',
  ClusterExternalSecret: 'v1/clusterexternalsecrets',
};

const es = (spec: object) => ({ kind: 'ExternalSecret', spec });
const by = (...storeRefs: readonly object[]) =>
  es({
    data: storeRefs.map((storeRef, i) => ({
      secretKey: `k${String(i)}`,
      remoteRef: { key: 'k' },
      sourceRef: { storeRef },
    })),
  });
const push = (spec: object) => ({ kind: 'PushSecret', spec: { selector: { secret: { name: 's' } }, ...spec } });
const fake = { provider: { fake: { data: [] } } };
const shared = { kind: 'ClusterSecretStore', name: 'shared' };
const generator = (kind: string, name: string) => es({ dataFrom: [{ sourceRef: { generatorRef: { kind, name } } }] });

interface Made {
  readonly kind: string;
  readonly spec: object;
}

const ALLOWED: Readonly<Record<string, Made>> = {
  'its own store': es({ secretStoreRef: { name: 'ours' } }),
  'its own store, by kind': es({ secretStoreRef: { kind: 'SecretStore', name: 'ours' } }),
  'a store of the cluster': es({ secretStoreRef: shared }),
  'the same stores many times': by(...Array.from({ length: 60 }, (_, i) => (i % 2 === 0 ? shared : { name: 'ours' }))),
  'a generator of its namespace': generator('Password', 'any'),
  'a generator of the cluster': generator('ClusterGenerator', 'passwords'),
  'a push to its store': push({ secretStoreRefs: [{ name: 'ours' }] }),
  'a store of its own': { kind: 'SecretStore', spec: fake },
};

const REFUSED: Readonly<Record<string, Made>> = {
  'another store': es({ secretStoreRef: { name: 'theirs' } }),
  'another store of the cluster': es({ secretStoreRef: { kind: 'ClusterSecretStore', name: 'ours' } }),
  'another store in data': by({ name: 'ours' }, shared, { name: 'theirs' }),
  'another store in dataFrom': es({
    dataFrom: [{ extract: { key: 'k' }, sourceRef: { storeRef: { name: 'theirs' } } }],
  }),
  'another store behind many': by(...Array.from({ length: 60 }, () => shared), { name: 'theirs' }),
  'more stores than are counted': by(...Array.from({ length: 17 }, (_, i) => ({ name: `ours${String(i)}` }))),
  'another generator of the cluster': generator('ClusterGenerator', 'tokens'),
  'a push to another store': push({
    secretStoreRefs: [{ name: 'ours' }, { kind: 'ClusterSecretStore', name: 'theirs' }],
  }),
  'a push by labels, to whatever has them': push({ secretStoreRefs: [{ labelSelector: { matchLabels: { a: 'b' } } }] }),
  'a push of part to another store': push({ secretStoreRefs: [], dataTo: [{ storeRef: { name: 'theirs' } }] }),
  'a push of another generator': push({
    ...{ secretStoreRefs: [{ name: 'ours' }] },
    selector: { generatorRef: { kind: 'ClusterGenerator', name: 'tokens' } },
  }),
  'a store that stands on another': {
    kind: 'SecretStore',
    spec: { ...fake, fallbackStores: [{ kind: 'ClusterSecretStore', name: 'theirs' }] },
  },
  'an object in every namespace': {
    kind: 'ClusterExternalSecret',
    spec: { externalSecretSpec: { secretStoreRef: { name: 'ours' } } },
  },
};

describe('admission', { skip }, () => {
  const started = new AsyncDisposableStack();
  let cluster: KubernetesCluster;
  let tokens: Readonly<Record<'dev' | 'controller', string>>;

  const make = ({ kind, spec }: Made, name: string, token = tokens.dev): Promise<KubernetesAnswer> => {
    const path = PLURALS[kind] ?? '';
    const apiVersion = `${GROUP}/${path.split('/')[0] ?? ''}`;
    return cluster.ask('POST', `/apis/${GROUP}/${path}`, { apiVersion, kind, metadata: { name }, spec }, token);
  };

  const ask = (namespace: string, name: string, audiences: readonly string[] | undefined, token: string) => {
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { audiences } };
    return cluster.ask('POST', `${serviceAccounts(namespace)}/${name}/token`, body, token);
  };

  before(async () => {
    cluster = started.use(await startCluster());
    await makeNamespaces(cluster, ['shop', 'other', 'lockstep-system']);
    for (const [namespace, name] of [
      ['shop', 'dev'],
      ['shop', 'reader'],
      ['other', 'reader'],
      ['other', 'admin'],
    ] as const)
      await create(cluster, serviceAccounts(namespace), { metadata: { name } });
    const accounts = [
      { namespace: 'shop', name: '*' },
      { namespace: 'other', name: 'reader' },
    ];
    await applyAll(
      cluster,
      manifests('lockstep-system', { accounts, audiences: ['lockstep', 'vault'], requireUse: true }),
    );
    await untilServed(cluster);
    const any = { apiGroups: [GROUP], resources: ['*'], verbs: ['create', 'update', 'get', 'patch'] };
    const use = (resources: string, ...resourceNames: readonly string[]) => ({
      ...{ apiGroups: [GROUP, `generators.${GROUP}`], resources: [resources], verbs: ['use'] },
      ...(resourceNames.length === 0 ? {} : { resourceNames }),
    });
    await grant(cluster, {
      ...{ namespace: 'shop', account: ['shop', 'dev'] },
      rules: [any, use('secretstores', 'ours', ...Array.from({ length: 17 }, (_, i) => `ours${String(i)}`))],
    });
    const rbac = '/apis/rbac.authorization.k8s.io/v1';
    await create(cluster, `${rbac}/clusterroles`, {
      metadata: { name: 'dev' },
      rules: [
        { ...any, resources: ['clusterexternalsecrets'] },
        use('clustersecretstores', 'shared'),
        use('clustergenerators', 'passwords'),
      ],
    });
    await create(cluster, `${rbac}/clusterrolebindings`, {
      metadata: { name: 'dev' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'dev' },
      subjects: [{ kind: 'ServiceAccount', namespace: 'shop', name: 'dev' }],
    });
    tokens = {
      dev: await projectedToken(cluster, { namespace: 'shop', name: 'dev' }, []),
      controller: await projectedToken(cluster, { namespace: 'lockstep-system', name: 'lockstep-controller' }, []),
    };
    // A policy counts a moment after it was made.
    const refused = es({ secretStoreRef: { name: 'theirs' } });
    // One that never does is told by the tests.
    for (let i = 0; i < MOST_TRIES && (await make(refused, `early${String(i)}`)).status !== 403; i += 1)
      await pause(100);
    for (let i = 0; i < MOST_TRIES; i += 1) {
      if ((await ask('shop', 'reader', ['elsewhere'], tokens.controller)).status === 403) break;
      await pause(100);
    }
  });
  after(() => started.disposeAsync());

  for (const [i, [what, object]] of Object.entries(ALLOWED).entries()) {
    test(`whoever may use it makes: ${what}`, async () => {
      const { status, body } = await make(object, `allowed-${String(i)}`);
      assert.equal(status, 201, JSON.stringify(body));
    });
  }

  for (const [i, [what, object]] of Object.entries(REFUSED).entries()) {
    test(`whoever may not is refused: ${what}`, async () => {
      const { status, body } = await make(object, `refused-${String(i)}`);
      assert.equal(status === 403 || status === 422, true, `${String(status)} ${JSON.stringify(body)}`);
      assert.match(
        JSON.stringify(body),
        /lockstep-require-use.*(may not use (Cluster)?(SecretStore|Generator)\/|more than 16 different stores)/,
      );
    });
  }

  test('a change of what it is made of is asked about, a label is not', async () => {
    assert.equal((await make(es({ secretStoreRef: { name: 'ours' } }), 'changing')).status, 201);
    const path = `/apis/${GROUP}/v1/namespaces/shop/externalsecrets/changing`;
    const { body } = await cluster.ask('GET', path);
    const object = body as { readonly metadata: object; readonly spec: object };
    const other = { ...object, spec: { ...object.spec, secretStoreRef: { name: 'theirs' } } };
    assert.equal((await cluster.ask('PUT', path, other, tokens.dev)).status, 403);
    // Somebody with more rights has made it so: a label is changed by whoever may change the object.
    const { body: changed } = await cluster.ask('PUT', path, other);
    const labelled = {
      ...(changed as typeof object),
      metadata: { ...(changed as typeof object).metadata, labels: { a: 'b' } },
    };
    assert.equal((await cluster.ask('PUT', path, labelled, tokens.dev)).status, 200);
  });

  test('what has no spec uses nothing, and may be changed', async () => {
    const path = `/apis/${GROUP}/v1/namespaces/shop/externalsecrets`;
    const bare = { apiVersion: `${GROUP}/v1`, kind: 'ExternalSecret', metadata: { name: 'bare' } };
    const { status, body } = await cluster.ask('POST', path, bare, tokens.dev);
    assert.equal(status, 201, JSON.stringify(body));
    const { metadata } = body as { readonly metadata: object };
    const labelled = { ...bare, metadata: { ...metadata, labels: { a: 'b' } } };
    assert.equal((await cluster.ask('PUT', `${path}/bare`, labelled, tokens.dev)).status, 200);
    const { body: now } = await cluster.ask('GET', `${path}/bare`);
    const spec = { secretStoreRef: { name: 'theirs' } };
    assert.equal((await cluster.ask('PUT', `${path}/bare`, { ...(now as object), spec }, tokens.dev)).status, 403);
  });

  test('the controller itself makes what a ClusterExternalSecret stands for', async () => {
    const { status, body } = await make(es({ secretStoreRef: { name: 'theirs' } }), 'made', tokens.controller);
    assert.equal(status, 201, JSON.stringify(body));
  });

  test('the controller comes by tokens of listed audiences alone, never by one for the API server', async () => {
    const { controller } = tokens;
    for (const audiences of [['lockstep'], ['vault', 'lockstep']])
      assert.equal((await ask('shop', 'reader', audiences, controller)).status, 201);
    for (const audiences of [undefined, [], [cluster.issuer], ['lockstep', cluster.issuer], ['elsewhere']]) {
      const { status, body } = await ask('shop', 'reader', audiences, controller);
      assert.equal(status, 403, JSON.stringify(audiences));
      assert.match(JSON.stringify(body), /lockstep-token-audiences.*these audiences alone: lockstep, vault/);
    }
    // Others are not concerned.
    await projectedToken(cluster, { namespace: 'shop', name: 'reader' }, ['elsewhere']);
  });

  test('the controller comes by tokens of the accounts alone that it was given', async () => {
    const statusOf = async (namespace: string, name: string): Promise<number> =>
      (await ask(namespace, name, ['lockstep'], tokens.controller)).status;
    assert.deepEqual(
      [await statusOf('shop', 'reader'), await statusOf('shop', 'dev'), await statusOf('other', 'reader')],
      [201, 201, 201],
    );
    assert.deepEqual(
      [await statusOf('other', 'admin'), await statusOf('lockstep-system', 'lockstep-controller')],
      [403, 403],
    );
  });
});
