/** The providers `kubernetes` and `crd`, at a real API server. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { makeAuthority, makeClient, type Made } from '../../src/lib/x509/authority.testing.ts';
import { ProviderProblem, type Credentials, type ProviderClient } from '../../src/providers/contract.ts';
import { crd, type CrdConfig } from '../../src/providers/crd/provider.ts';
import { kubernetes, type KubernetesConfig } from '../../src/providers/kubernetes/provider.ts';
import { providerConformance, type ProviderWorld, type Who } from '../../src/providers/provider.conformance.ts';
import { withoutControlPlane } from './support/binaries.ts';
import { startCluster, type KubernetesCluster } from './support/cluster.ts';
import {
  base64,
  encoded,
  grant,
  makeNamespaces,
  replace,
  storeCredentials,
  type Scope,
} from './support/provider-worlds.ts';
import { create, projectedToken } from './support/service-accounts.ts';

const skip = await withoutControlPlane();
const { signal } = new AbortController();
const WIDGETS = '/apis/example.io/v1/namespaces/remote/widgets';
const REMOTE = '/api/v1/namespaces/remote/secrets';

const everything = [
  { apiGroups: [''], resources: ['secrets'], verbs: ['get', 'list', 'create', 'update', 'delete'] },
  { apiGroups: ['example.io'], resources: ['widgets'], verbs: ['get', 'list'] },
];

const widgets = {
  ...{
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'widgets.example.io' },
  },
  spec: {
    ...{ group: 'example.io', scope: 'Namespaced', names: { kind: 'Widget', plural: 'widgets' } },
    versions: [
      {
        ...{ name: 'v1', served: true, storage: true },
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ],
  },
};

const problem = (kind: ProviderProblem['kind'], said: RegExp) => (error: unknown) => {
  assert.ok(error instanceof ProviderProblem, String(error));
  assert.deepEqual([error.kind, said.test(error.message) ? '' : error.message], [kind, '']);
  return true;
};

describe('providers at an API server', { skip }, () => {
  const started = new AsyncDisposableStack();
  const clients = new Set<ProviderClient>();
  let cluster: KubernetesCluster;
  let credentials: (scope: Scope) => Credentials;
  let authority: Made;

  /** Of a SecretStore in `team` unless told otherwise. */
  const secretsBy = (config: KubernetesConfig, scope: Scope = { own: 'team' }): ProviderClient => {
    const client = kubernetes.connect({ remoteNamespace: 'remote', ...config }, credentials(scope));
    clients.add(client);
    return client;
  };
  const widgetsBy = (config: Partial<CrdConfig>, scope: Scope = { own: 'remote' }): ProviderClient => {
    const resource = { group: 'example.io', version: 'v1', kind: 'Widget' };
    const client = crd.connect({ resource, ...config }, credentials(scope));
    clients.add(client);
    return client;
  };
  const password = async (client: ProviderClient): Promise<string | undefined> => {
    const found = await client.read({ key: 'db', property: 'password' }, signal);
    return found.found ? Buffer.from(found.value).toString('utf8') : undefined;
  };

  before(async () => {
    authority = await makeAuthority('CN=clients');
    cluster = started.use(await startCluster({ clientAuthority: authority.pem }));
    started.defer(() => {
      for (const client of clients) client.close();
    });
    credentials = await storeCredentials(cluster);
    await makeNamespaces(cluster, ['team', 'other', 'remote']);
    for (const [namespace, name] of [
      ['team', 'reader'],
      ['team', 'nobody'],
      ['other', 'reader'],
      ['remote', 'reader'],
      ['remote', 'nobody'],
    ] as const) {
      await create(cluster, `/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name } });
    }
    for (const account of [
      ['team', 'reader'],
      ['remote', 'reader'],
    ] as const) {
      await grant(cluster, { namespace: 'remote', account, rules: everything });
    }
    await replace(cluster, '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', widgets);
    for (;;) if ((await cluster.ask('GET', WIDGETS)).status === 200) break;
    await create(cluster, REMOTE, {
      metadata: { name: 'db', labels: { team: 'shop', 'a.b/c': 'd' } },
      data: encoded({ password: 'p', nested: '{"a":{"b":"c"}}' }),
    });
  });
  after(() => started.disposeAsync());

  const account = (who: Who) => ({ serviceAccount: { name: who === 'owner' ? 'reader' : 'nobody' } });

  providerConformance({
    name: 'kubernetes',
    without: {
      version: 'Secrets have no versions',
      text: 'Secrets have names and values',
      path: 'Secrets lie in no folders',
    },
    world: async (): Promise<ProviderWorld> => ({
      connect: (who) => {
        if (who !== 'nowhere') return secretsBy({ auth: account(who) });
        const server = { url: 'https://127.0.0.1:1' };
        return secretsBy({ server, auth: { serviceAccount: { name: 'reader', audiences: ['canary'] } } });
      },
      put: (key, values, labels = {}) =>
        replace(cluster, REMOTE, { ...{ metadata: { name: key, labels } }, ...{ data: encoded(values) } }),
      revision: async (key) => {
        const { body } = await cluster.ask('GET', `${REMOTE}/${key}`);
        return (body as { readonly metadata: { readonly resourceVersion: string } }).metadata.resourceVersion;
      },
    }),
  });

  providerConformance({
    name: 'crd',
    without: {
      ...{ version: 'objects have no versions', text: 'objects are objects', path: 'objects lie in no folders' },
      ...{ push: 'read only', race: 'read only', binary: 'JSON', metadata: 'metadata are a property like any other' },
      properties: 'an object has its own shape: see below',
    },
    world: async (): Promise<ProviderWorld> => ({
      connect: (who) => {
        if (who !== 'nowhere') return widgetsBy({ serviceAccountRef: { name: account(who).serviceAccount.name } });
        const server = { url: 'https://127.0.0.1:1' };
        return widgetsBy({ server, serviceAccountRef: { name: 'reader', audiences: ['canary'] } });
      },
      put: (name, spec, labels = {}) =>
        replace(cluster, WIDGETS, {
          ...{ apiVersion: 'example.io/v1', kind: 'Widget' },
          metadata: { name, labels },
          ...{ spec },
        }),
    }),
  });

  test('kubernetes: parts of a value, labels, and a label whose key has dots', async () => {
    const client = secretsBy({ auth: account('owner') });
    const read = async (property: string, metadata = false): Promise<string> => {
      const found = await client.read({ key: 'db', property, metadata }, signal);
      return found.found ? Buffer.from(found.value).toString('utf8') : 'not found';
    };
    assert.deepEqual(
      [
        await read('nested.a.b'),
        await read('labels.team', true),
        await read('labels.a.b/c', true),
        await read('labels', true),
      ],
      ['c', 'shop', 'd', '{"a.b/c":"d","team":"shop"}'],
    );
    await assert.rejects(read('labels.none', true), problem('unsuitable', /labels\.none/));
  });

  test('kubernetes: by a token, by a certificate, by a kubeconfig, and by a server that trusts a given authority', async () => {
    const token = await projectedToken(cluster, { namespace: 'team', name: 'reader' }, []);
    const person = await makeClient('CN=system:serviceaccount:team:reader', authority);
    const config = {
      ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'it' },
      clusters: [
        { name: 'it', cluster: { server: cluster.address, 'certificate-authority-data': base64(cluster.authority) } },
      ],
      users: [{ name: 'it', user: { token } }],
      contexts: [{ name: 'it', context: { cluster: 'it', user: 'it' } }],
    };
    const values = { token, 'tls.crt': person.pem, 'tls.key': person.keyPem, config: JSON.stringify(config) };
    await create(cluster, '/api/v1/namespaces/team/secrets', { metadata: { name: 'login' }, data: encoded(values) });
    await create(cluster, '/api/v1/namespaces/team/configmaps', {
      metadata: { name: 'ca' },
      data: { 'ca.crt': cluster.authority },
    });
    const at = (key: string) => ({ name: 'login', key });
    const byToken = { token: { bearerToken: at('token') } };
    const caProvider = { type: 'ConfigMap', name: 'ca', key: 'ca.crt' } as const;
    for (const each of [
      { auth: byToken },
      { auth: byToken, server: { url: cluster.address, caProvider } },
      { auth: byToken, server: { url: 'kubernetes.default', caBundle: base64(cluster.authority) } },
      { auth: { cert: { clientCert: at('tls.crt'), clientKey: at('tls.key') } } },
      { authRef: at('config') },
    ]) {
      const client = secretsBy(each);
      await client.check(signal);
      assert.equal(await password(client), 'p', JSON.stringify(each));
    }
  });

  test('kubernetes: a Secret holds a kubeconfig that names no file and no program of this machine', async () => {
    const part = { server: cluster.address };
    const users = [
      { tokenFile: '/etc/hostname' },
      { exec: { command: 'touch', args: ['/tmp/never'] } },
      { 'client-certificate': '/etc/hostname', 'client-key': '/etc/hostname' },
    ];
    for (const [at, user] of users.entries()) {
      const config = {
        clusters: [{ name: 'it', cluster: part }],
        users: [{ name: 'it', user }],
        contexts: [{ name: 'it', context: { cluster: 'it', user: 'it' } }],
        'current-context': 'it',
      };
      const name = `config-${String(at)}`;
      await create(cluster, '/api/v1/namespaces/team/secrets', {
        metadata: { name },
        data: encoded({ config: JSON.stringify(config) }),
      });
      await assert.rejects(
        password(secretsBy({ authRef: { name, key: 'config' } })),
        problem('invalid', /names a file|by a program/),
      );
    }
  });

  test('a store asks as an account or by a Secret of its own namespace alone, and never as the controller', async () => {
    for (const auth of [
      { serviceAccount: { name: 'reader', namespace: 'remote' } },
      { token: { bearerToken: { name: 'login', key: 'token', namespace: 'team' } } },
    ]) {
      await assert.rejects(password(secretsBy({ auth }, { own: 'other' })), problem('invalid', /its own namespace/));
      await assert.rejects(
        widgetsBy({ auth }, { own: 'other' }).read({ key: 'one' }, signal),
        problem('invalid', /its own namespace/),
      );
    }
    const authRef = { name: 'login', key: 'config', namespace: 'team' };
    await assert.rejects(password(secretsBy({ authRef }, { own: 'other' })), problem('invalid', /its own namespace/));
    assert.throws(() => secretsBy({}), problem('invalid', /names no method/));
    assert.throws(() => widgetsBy({}), problem('invalid', /names no method/));
    // Its own account has no right there, whatever the controller may.
    await assert.rejects(
      password(secretsBy({ auth: { serviceAccount: { name: 'reader' } } }, { own: 'other' })),
      problem('denied', /403/),
    );
  });

  test('a token that is good at this API server goes nowhere else', async () => {
    const server = { url: 'https://elsewhere.example' };
    const auth = { serviceAccount: { name: 'reader' } };
    assert.throws(() => secretsBy({ server, auth }), problem('invalid', /names no audiences/));
    assert.throws(() => widgetsBy({ server, auth }), problem('invalid', /names no audiences/));
    for (const url of ['http://127.0.0.1', 'https://user:pw@elsewhere.example', 'file:///etc/hostname']) {
      assert.throws(() => secretsBy({ server: { url }, auth }), problem('invalid', /server\.url/), url);
    }
  });

  test('a ClusterSecretStore asks as an account of whoever asks, where it names no namespace', async () => {
    const auth = { serviceAccount: { name: 'reader' } };
    assert.equal(await password(secretsBy({ auth }, { asking: 'team' })), 'p');
    await assert.rejects(password(secretsBy({ auth }, { asking: 'other' })), problem('denied', /403/));
    const pinned = { serviceAccount: { name: 'reader', namespace: 'team' } };
    assert.equal(await password(secretsBy({ auth: pinned }, { asking: 'other' })), 'p');
  });

  test('a revoked token is asked for anew', async () => {
    let given = 0;
    const of = credentials({ own: 'team' });
    const token: Credentials['token'] = (...asked) => (given++ === 0 ? Promise.resolve('canary') : of.token(...asked));
    const client = kubernetes.connect({ remoteNamespace: 'remote', auth: account('owner') }, { ...of, token });
    clients.add(client);
    assert.deepEqual([await password(client), await password(client), given], ['p', 'p', 2]);
  });

  test('crd: values, whole objects, what the whitelist lets through, and kinds that are not there', async () => {
    const spec = { password: 'p', user: 'u', nothing: '' };
    for (const name of ['app-one', 'team-one'])
      await replace(cluster, WIDGETS, {
        ...{ apiVersion: 'example.io/v1', kind: 'Widget' },
        metadata: { name },
        ...{ spec },
      });
    const serviceAccountRef = { name: 'reader', namespace: 'remote' };
    const text = async (client: ProviderClient, key: string, property?: string): Promise<string> => {
      const found = await client.read({ key, property }, signal);
      return found.found ? Buffer.from(found.value).toString('utf8') : 'not found';
    };
    const free = widgetsBy({ serviceAccountRef });
    assert.deepEqual(
      [
        await text(free, 'app-one', 'spec.password'),
        await text(free, 'app-one', 'spec.nothing'),
        await text(free, 'none'),
      ],
      ['p', '', 'not found'],
    );
    assert.deepEqual((JSON.parse(await text(free, 'app-one')) as { readonly spec: unknown }).spec, spec);
    await assert.rejects(text(free, 'app-one', 'spec.none'), problem('unsuitable', /spec\.none/));
    const rules = [
      { name: '^app-', properties: ['^spec\\.password$'] },
      { namespace: '^remote$', properties: ['^spec\\.user$'] },
    ];
    const bound = widgetsBy({ serviceAccountRef, whitelist: { rules } }, { asking: 'other' });
    assert.deepEqual(
      [await text(bound, 'remote/app-one', 'spec.password'), await text(bound, 'remote/team-one', 'spec.user')],
      ['p', 'u'],
    );
    for (const [key, property] of [
      ['remote/team-one', 'spec.password'],
      ['remote/app-one', ''],
      ['other/app-one', 'spec.user'],
    ] as const) {
      await assert.rejects(text(bound, key, property), problem('denied', /whitelist/), key);
    }
    assert.equal(
      (
        await widgetsBy({ serviceAccountRef, remoteNamespace: 'remote', whitelist: { rules } }).find?.(
          { name: '.' },
          signal,
        )
      )?.size,
      0,
    );
    await assert.rejects(text(bound, 'app-one', 'spec.user'), problem('invalid', /namespace\/name/));
    await assert.rejects(text(free, 'remote/app-one'), problem('invalid', /slash/));
    assert.throws(() => widgetsBy({ serviceAccountRef, whitelist: { rules: [{}] } }), problem('invalid', /rules\[0\]/));
    assert.throws(
      () => widgetsBy({ serviceAccountRef, whitelist: { rules: [{ name: '(' }] } }),
      problem('invalid', /rules\[0\]\.name/),
    );
    for (const resource of [
      { group: 'example.io', version: 'v1', kind: 'Gadget' },
      { group: 'none.example.io', version: 'v1', kind: 'Widget' },
    ]) {
      await assert.rejects(
        text(widgetsBy({ serviceAccountRef, resource }), 'app-one'),
        problem('invalid', /has no kind|404/),
      );
    }
  });
});
