/** Whose credentials a store takes: what is kept for one namespace is never handed to another. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProviderProblem } from '../../providers/contract.ts';
import type { Cluster, Store } from '../cluster.ts';
import { StoreClients } from './clients.ts';

const { signal } = new AbortController();

/** A cluster with one ClusterSecretStore, whose Secrets are everywhere; it writes down which are asked for. */
function clientsOf(provider: object, asked: string[], more: object = {}): StoreClients {
  const store = {
    metadata: { name: 'shared', uid: 'u', generation: 1 },
    spec: { provider, ...more },
  } as unknown as Store;
  const cluster = {
    api: { access: { server: 'https://127.0.0.1:1', ca: undefined, serverName: undefined } },
    store: () => store,
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

test('a ClusterSecretStore opens nothing for a namespace that its conditions do not name', () => {
  const provider = { webhook: { url: 'http://127.0.0.1:1' } };
  const clients = clientsOf(provider, [], { conditions: [{ namespaces: ['one'] }] });
  clients.use(ref, 'one');
  assert.throws(
    () => clients.use(ref, 'two'),
    (error: unknown) => error instanceof ProviderProblem && error.kind === 'denied' && /"two"/.test(error.message),
  );
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
