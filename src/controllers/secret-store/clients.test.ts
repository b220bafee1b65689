/** Whose credentials a store takes: what is kept for one namespace is never handed to another. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProviderProblem } from '../../providers/contract.ts';
import type { Cluster, Store } from '../cluster.ts';
import { StoreClients } from './clients.ts';

const { signal } = new AbortController();

/** A cluster with one ClusterSecretStore, whose Secrets are everywhere; it writes down which are asked for. */
function clientsOf(provider: object, asked: string[], more: object = {}, seen: object = {}): StoreClients {
  const store = {
    metadata: { name: 'shared', uid: 'u', generation: 1 },
    spec: { provider, ...more },
  } as unknown as Store;
  const cluster = {
    api: { access: { server: 'https://127.0.0.1:1', ca: undefined, serverName: undefined } },
    store: () => store,
    ...seen,
    secrets: {
      get: ({ namespace, name }: { readonly namespace: string; readonly name: string }) => {
        asked.push(`${namespace}/${name}`);
        return Promise.resolve(undefined);
      },
    },
  } as unknown as Cluster;
  return new StoreClients({
    ...{ cluster, controllerClass: 'default', floodGate: false },
    following: () => {
      throw new Error('nothing is followed');
    },
  });
}

const ref = { kind: 'ClusterSecretStore', name: 'shared' };
const named = { name: 'login', key: 'k' };

const stores: Readonly<Record<string, object>> = {
  'kubernetes by token': { kubernetes: { auth: { token: { bearerToken: named } } } },
  'kubernetes by certificate': { kubernetes: { auth: { cert: { clientCert: named, clientKey: named } } } },
  'kubernetes by kubeconfig': { kubernetes: { authRef: named } },
  'crd by token': {
    crd: { resource: { group: '', version: 'v1', kind: 'Secret' }, auth: { token: { bearerToken: named } } },
  },
  'aws by keys': {
    aws: {
      ...{ service: 'SecretsManager', region: 'eu-central-1' },
      auth: { secretRef: { accessKeyIDSecretRef: named, secretAccessKeySecretRef: named } },
    },
  },
  webhook: { webhook: { url: 'http://127.0.0.1:1', secrets: [{ name: 'login', secretRef: named }] } },
};

for (const [what, provider] of Object.entries(stores)) {
  test(`a ClusterSecretStore that leaves credentials to who asks takes those of each: ${what}`, async () => {
    const asked: string[] = [];
    const clients = clientsOf(provider, asked);
    const key = what === 'crd by token' ? 'x/y' : 'x';
    for (const namespace of ['one', 'two']) {
      await assert.rejects(clients.use(ref, namespace).read({ key }, signal), ProviderProblem);
    }
    assert.deepEqual([...new Set(asked)], ['one/login', 'two/login']);
    assert.notEqual(clients.use(ref, 'one'), clients.use(ref, 'two'));
    assert.equal(clients.use(ref, 'one'), clients.use(ref, 'one'));
    clients.close();
  });
}

test('a reference that names its namespace is one for all', async () => {
  const asked: string[] = [];
  const bearerToken = { ...named, namespace: 'platform' };
  const clients = clientsOf({ kubernetes: { auth: { token: { bearerToken } } } }, asked);
  assert.equal(clients.use(ref, 'one'), clients.use(ref, 'two'));
  await assert.rejects(clients.use(ref, 'one').read({ key: 'x' }, signal), ProviderProblem);
  assert.deepEqual(asked, ['platform/login']);
  clients.close();
});

test('settings of retries that are none are refused', () => {
  const clientsWith = (retrySettings: object) => clientsOf({ fake: { data: [] } }, [], { retrySettings });
  assert.throws(() => clientsWith({ maxRetries: 11 }).use(ref, 'one'), /retrySettings\.maxRetries/);
  assert.throws(() => clientsWith({ retryInterval: 'soon' }).use(ref, 'one'), /retrySettings\.retryInterval/);
  const clients = clientsWith({ maxRetries: 2, retryInterval: '0s' });
  assert.equal(clients.use(ref, 'one'), clients.use(ref, 'two'));
  clients.close();
});

test('a namespace whose labels are not known yet is in no condition, whatever it asks of them', () => {
  const known = new Map([['one', { metadata: { name: 'one', labels: {} } }]]);
  const conditions = [{ namespaceSelector: { matchExpressions: [{ key: 'tenant', operator: 'DoesNotExist' }] } }];
  const fake = { fake: { data: [] } };
  const clients = clientsOf(fake, [], { conditions }, { namespaces: known });
  clients.use(ref, 'one');
  assert.throws(() => clients.use(ref, 'new'), /namespace "new" is not known yet/);
  clientsOf(fake, [], {}, { namespaces: known }).use(ref, 'new');
});

test('what was opened for a namespace is closed when that is gone, and nothing else is', () => {
  const clients = clientsOf({ kubernetes: { auth: { token: { bearerToken: named } } } }, []);
  const [one, two] = ['one', 'two'].map((namespace) => clients.use(ref, namespace));
  clients.forgetNamespace('one');
  assert.notEqual(clients.use(ref, 'one'), one);
  assert.equal(clients.use(ref, 'two'), two);
  clients.close();
});
