/** Whose credentials a store takes: what is kept for one namespace is never handed to another. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { ProviderProblem } from '../../providers/contract.ts';
import type { Cluster, Store } from '../cluster.ts';
import { StoreClients } from './clients.ts';

const { signal } = new AbortController();

interface Around {
  /** Of each Secret. */
  readonly data?: object;
  readonly namespaces?: unknown;
}

/** A cluster with one ClusterSecretStore, whose Secrets are everywhere; it writes down which are asked for. */
function clientsOf(provider: object, asked: string[], more: object = {}, around: Around = {}): StoreClients {
  const { data, ...seen } = around;
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
        return Promise.resolve(data === undefined ? undefined : { metadata: { name }, data });
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
  'gcpsm by key': { gcpsm: { projectID: 'shop', auth: { secretRef: { secretAccessKeySecretRef: named } } } },
  'azurekv by secret': {
    azurekv: {
      ...{ vaultUrl: 'https://shop.vault.azure.net', tenantId: 'x' },
      authSecretRef: { clientId: named, clientSecret: named },
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

test('so are references within one that holds nothing else', async () => {
  const asked: string[] = [];
  const there = { ...named, namespace: 'platform' };
  const auth = { secretRef: { secretAccessKeySecretRef: there } };
  const clients = clientsOf({ gcpsm: { projectID: 'shop', auth } }, asked);
  assert.equal(clients.use(ref, 'one'), clients.use(ref, 'two'));
  await assert.rejects(clients.use(ref, 'one').read({ key: 'x' }, signal), ProviderProblem);
  assert.deepEqual(asked, ['platform/login']);
  clients.close();
});

/** How often a server that always fails is asked by one read. */
async function requestsOfARead(t: TestContext, more: object): Promise<number> {
  let requests = 0;
  const server = createServer((_request, reply) => {
    requests += 1;
    reply.writeHead(503, { 'content-type': 'application/json' }).end('{"errors":["sealed"]}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  const auth = { tokenSecretRef: { ...named, namespace: 'platform' } };
  const clients = clientsOf({ vault: { server: address, path: 'kv', auth } }, [], more, { data: { k: 'dG9rZW4=' } });
  t.after(() => {
    clients.close();
    server.closeAllConnections();
    server.close();
  });
  await assert.rejects(clients.use(ref, 'one').read({ key: 'x' }, signal), ProviderProblem);
  return requests;
}

test('a store is asked again as often as its own settings say', async (t) => {
  const once = await requestsOfARead(t, {});
  assert.ok(once > 0);
  assert.equal(await requestsOfARead(t, { retrySettings: { maxRetries: 2, retryInterval: '0s' } }), 3 * once);
});

test('what is written to a store of the provider kubernetes becomes Secrets, however its client is wrapped', () => {
  const makes = (provider: object, more: object = {}): boolean =>
    clientsOf(provider, [], more).makesSecrets(ref, 'one');
  const kubernetes = { auth: { token: { bearerToken: named } } };
  assert.equal(makes({ kubernetes }), true);
  assert.equal(makes({ kubernetes }, { retrySettings: { maxRetries: 3 }, fallbackStores: [ref] }), true);
  assert.equal(makes({ fake: { data: [] } }), false);
});

test('a ClusterSecretStore opens nothing for a namespace that its conditions do not name', () => {
  const provider = { webhook: { url: 'http://127.0.0.1:1' } };
  const namespaces = new Map(['one', 'two'].map((name) => [name, { metadata: { name } }]));
  const clients = clientsOf(provider, [], { conditions: [{ namespaces: ['one'] }] }, { namespaces });
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
