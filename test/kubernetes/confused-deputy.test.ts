/**
 * A tenant who may write the kinds of External Secrets in one namespace gets at nothing of another through any field. The fields
 * that can name a namespace are read from our own schemas: a new one without a case here fails.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { generatorKinds } from '../../src/controllers/generator/definition.ts';
import { secretStore } from '../../src/controllers/secret-store/definition.ts';
import { mergePatch } from '../../src/lib/merge-patch.ts';
import { withoutControlPlane } from './support/binaries.ts';
import { fieldsOf, type FieldSchema } from './support/fields.ts';
import { create } from './support/service-accounts.ts';
import { base64, readyOf, SECRETS, Shop } from './support/shop.ts';

const skip = await withoutControlPlane();
const CANARY = 'canary-of-the-other-namespace';
const V1 = '/apis/external-secrets.io/v1';
const V1ALPHA1 = '/apis/external-secrets.io/v1alpha1';
const GENERATORS = '/apis/generators.external-secrets.io/v1alpha1';

/** Fields `namespace` that are no namespace of Kubernetes which anything is read from. */
const otherwise: Readonly<Record<string, string>> = {
  'provider.lockstep': 'a namespace of the server',
  'provider.vault': 'a namespace of the server',
  'provider.openBao': 'a namespace of the server',
  'provider.lockstep.auth': 'a namespace of the server',
  'provider.vault.auth': 'a namespace of the server',
  'provider.openBao.auth': 'a namespace of the server',
  provider: 'of VaultDynamicSecret: a namespace of the server',
  'provider.auth': 'of VaultDynamicSecret: a namespace of the server',
  'provider.crd.whitelist.rules[]': 'a pattern, which narrows what may be read',
  'provider.gcpsm.auth.workloadIdentityFederation.awsSecurityCredentials.awsCredentialsSecretRef':
    'refused, whatever it names',
  'auth.workloadIdentityFederation.awsSecurityCredentials.awsCredentialsSecretRef':
    'of GCRAccessToken: refused, whatever it names',
};

type Json = Readonly<Record<string, unknown>>;

/** References within `spec` that have a namespace. */
const referencesOf = (spec: { readonly openapi: FieldSchema }): readonly string[] =>
  fieldsOf(spec.openapi)
    .filter(({ path, schema }) => schema.properties?.['namespace'] !== undefined && otherwise[path] === undefined)
    .map(({ path }) => path);

const stolen = (path: string): Json => {
  const account = /serviceAccount(Ref)?$/.test(path);
  const kind = path.endsWith('caProvider') ? { type: 'Secret' } : {};
  return {
    name: account ? 'keeper' : 'treasure',
    namespace: 'other',
    ...(account ? { audiences: ['thief'] } : { key: 'k' }),
    ...kind,
  };
};

/** The value at a path; a list there has it as its one member. */
function placed(path: string, value: unknown): unknown {
  const [first = '', ...rest] = path.split('.');
  const inner = rest.length === 0 ? value : placed(rest.join('.'), value);
  return first.endsWith('[]') ? { [first.slice(0, -2)]: [inner] } : { [first]: inner };
}

const own = { name: 'mine', key: 'k' };
const ownKeys = { accessKeyIDSecretRef: own, secretAccessKeySecretRef: own };

/** What beside the reference a login needs before it is looked at. */
const logins: Readonly<Record<string, Json>> = {
  'appRole.secretRef': { appRole: { path: 'approle', roleId: 'x' } },
  'appRole.roleRef': { appRole: { path: 'approle', secretRef: own } },
  kubernetes: { kubernetes: { mountPath: 'kubernetes', role: 'x' } },
  jwt: { jwt: { path: 'jwt', role: 'x' } },
  cert: { cert: { path: 'cert', clientCert: own, secretRef: own } },
  'iam.secretRef': { iam: { vaultRole: 'x', secretRef: ownKeys } },
  'iam.jwt': { iam: { vaultRole: 'x' } },
  ldap: { ldap: { path: 'ldap', username: 'x' } },
  userPass: { userPass: { path: 'userpass', username: 'x' } },
};

function vaultAround(path: string, server: string): Json {
  const login = Object.keys(logins).find((each) => path.startsWith(`auth.${each}`));
  const auth = login === undefined ? { tokenSecretRef: own } : (logins[login] ?? {});
  return {
    server,
    path: 'kv',
    auth,
    ...(path.startsWith('tls.') ? { tls: { certSecretRef: own, keySecretRef: own } } : {}),
  };
}

function googleAround(path: string): Json {
  const [, way = ''] = /^auth\.(\w+)/.exec(path) ?? [];
  const cluster = { clusterLocation: 'x', clusterName: 'x' };
  const federation = { audience: '//iam.googleapis.com/x' };
  const auth = { workloadIdentity: cluster, workloadIdentityFederation: federation }[way] ?? {};
  return { projectID: 'shop', auth: { [way]: auth } };
}

function azureAround(path: string): Json {
  const vault = { vaultUrl: 'https://shop.vault.azure.net', tenantId: 'x' };
  if (path === 'serviceAccountRef') return { ...vault, authType: 'WorkloadIdentity' };
  if (path === 'authSecretRef.tenantId') {
    return { ...vault, authType: 'WorkloadIdentity', serviceAccountRef: { name: 'tenant' } };
  }
  const proof = path.endsWith('Certificate') ? {} : { clientSecret: own };
  return { ...vault, authSecretRef: { clientId: own, ...proof } };
}

/** Of the provider or generator, around the reference. */
function around(type: string, path: string, thief: string): Json {
  switch (type) {
    case 'lockstep':
    case 'vault':
    case 'openBao':
      return vaultAround(path, thief);
    case 'VaultDynamicSecret':
      return { path: 'x', provider: vaultAround(path.replace(/^provider\./, ''), thief) };
    case 'kubernetes':
    case 'crd': {
      const server = { url: thief.replace('http:', 'https:') };
      const resource = type === 'crd' ? { resource: { group: '', version: 'v1', kind: 'ConfigMap' } } : {};
      const cert = path.startsWith('auth.cert') ? { auth: { cert: { clientCert: own, clientKey: own } } } : {};
      const token = path.startsWith('server') ? { auth: { token: { bearerToken: own } } } : {};
      return { server, ...resource, ...cert, ...token };
    }
    case 'webhook':
    case 'Webhook':
      return {
        // The host by a template: what is looked at first is then not whether somebody listens there.
        url: `https://{{ "webhook.invalid" }}/${path.startsWith('secrets') ? '{{ .t.k }}' : ''}`,
      };
    case 'gcpsm':
    case 'GCRAccessToken':
      return googleAround(path);
    case 'ACRAccessToken':
      return {
        ...{ registry: 'shop.azurecr.io', tenantId: 'x' },
        ...(path.includes('servicePrincipal')
          ? { auth: { servicePrincipal: { secretRef: { clientId: own, clientSecret: own } } } }
          : {}),
      };
    case 'azurekv':
      return azureAround(path);
    case 'GithubAccessToken':
      return { appID: '1', installID: '1', url: 'https://github.invalid' };
    default:
      return {
        region: 'eu-central-1',
        ...(type === 'aws' ? { service: 'SecretsManager' } : {}),
        ...(path.startsWith('auth.secretRef') ? { auth: { secretRef: ownKeys } } : {}),
      };
  }
}

function withReference(type: string, path: string, thief: string): unknown {
  const reference = path.startsWith('secrets[]')
    ? { secrets: [{ name: 't', secretRef: stolen(path) }] }
    : placed(path, stolen(path));
  return mergePatch(around(type, path, thief), reference as Json);
}

describe('a tenant and the namespace of another', { skip }, () => {
  let shop: Shop;
  const started = new AsyncDisposableStack();
  const heard: string[] = [];
  let thief: string;

  before(async () => {
    const server = createServer((request, reply) => {
      heard.push(JSON.stringify([request.url, request.headers]));
      request.on('data', (chunk: Buffer) => heard.push(chunk.toString()));
      reply.writeHead(403, { 'content-type': 'application/json' }).end('{"errors":["permission denied"]}');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    started.defer(() => {
      server.closeAllConnections();
      server.close();
    });
    thief = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
    shop = started.use(await Shop.open());
    const { cluster } = shop;
    const at = (namespace: string) => `/api/v1/namespaces/${namespace}`;
    const labels = { 'external-secrets.io/type': 'webhook', team: 'other' };
    const data = { k: base64(CANARY) };
    await create(cluster, `${at('other')}/secrets`, { metadata: { name: 'treasure', labels }, data });
    await create(cluster, `${at('other')}/configmaps`, { metadata: { name: 'treasure' }, data: { k: CANARY } });
    await create(cluster, `${at('other')}/serviceaccounts`, { metadata: { name: 'keeper' } });
    await create(cluster, `${at('shop')}/serviceaccounts`, { metadata: { name: 'tenant' } });
    await create(cluster, SECRETS, { metadata: { name: 'mine' }, data: { k: base64('mine') } });
    const spec = { provider: { fake: { data: [{ key: 'k', value: CANARY }] } } };
    const theirs = { kind: 'SecretStore', apiVersion: 'external-secrets.io/v1', metadata: { name: 'theirs' }, spec };
    await create(cluster, `${V1}/namespaces/other/secretstores`, theirs);
    await create(cluster, `${V1}/clustersecretstores`, {
      ...{ ...theirs, kind: 'ClusterSecretStore' },
      spec: { ...spec, conditions: [{ namespaces: ['other'] }] },
    });
    await create(cluster, `${GENERATORS}/namespaces/other/fakes`, {
      ...{ apiVersion: 'generators.external-secrets.io/v1alpha1', kind: 'Fake', metadata: { name: 'theirs' } },
      spec: { data: { k: CANARY } },
    });
  });
  after(() => started.disposeAsync());

  const conditionAt = async (path: string) =>
    readyOf(await shop.until(path, (each) => readyOf(each)?.status !== undefined));
  /** `what` names it where the test fails. */
  const refused = async (name: string, said: RegExp, what = name): Promise<void> => {
    const { status, message = '' } = (await conditionAt(shop.es(name))) ?? {};
    // Its store was looked at before.
    const why = message.endsWith('is not ready') ? (await conditionAt(storeAt(name)))?.message : message;
    assert.deepEqual([status, said.test(why ?? '') ? '' : `${what}: ${String(why)}`], ['False', '']);
  };
  const storeAt = (name: string): string => `${V1}/namespaces/shop/secretstores/${name}`;
  const nameOf = (what: string): string => what.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
  const read = { data: [{ secretKey: 'k', remoteRef: { key: 'k' } }] };

  test('no reference of a SecretStore leaves its namespace', async () => {
    const paths = referencesOf(secretStore.spec);
    assert.ok(paths.length > 70, String(paths.length));
    for (const [place, path] of paths.entries()) {
      const [, type = '', inner = ''] = /^provider\.(\w+)\.(.*)$/.exec(path) ?? [];
      const name = `ref-${String(place)}`;
      await create(shop.cluster, `${V1}/namespaces/shop/secretstores`, {
        ...{ apiVersion: 'external-secrets.io/v1', kind: 'SecretStore', metadata: { name } },
        spec: { provider: { [type]: withReference(type, inner, thief) } },
      });
      await shop.external(name, { secretStoreRef: { kind: 'SecretStore', name }, ...read });
    }
    const said = /a SecretStore names what is in its own namespace/;
    for (const [place, path] of paths.entries()) await refused(`ref-${String(place)}`, said, path);
  });

  test('no reference of a generator does, of one of the cluster neither', async () => {
    const apiVersion = 'generators.external-secrets.io/v1alpha1';
    const cases = [...generatorKinds].flatMap(([kind, { definition, inCluster }]) =>
      referencesOf(definition.spec).map((path) => ({ kind, plural: definition.plural, inCluster, path })),
    );
    assert.ok(cases.length > 25, String(cases.length));
    for (const [place, { kind, plural, inCluster, path }] of cases.entries()) {
      const spec = withReference(kind, path, thief);
      const name = `made-${String(place)}`;
      const object = { apiVersion, metadata: { name } };
      await create(shop.cluster, `${GENERATORS}/namespaces/shop/${plural}`, { ...object, kind, spec });
      await create(shop.cluster, `${GENERATORS}/clustergenerators`, {
        ...{ ...object, kind: 'ClusterGenerator', spec: { kind, generator: { [inCluster]: spec } } },
      });
      for (const from of [kind, 'ClusterGenerator']) {
        const dataFrom = [{ sourceRef: { generatorRef: { apiVersion, kind: from, name } } }];
        await shop.external(from === kind ? name : `${name}-of-the-cluster`, { dataFrom });
      }
    }
    for (const [place, { kind, path }] of cases.entries())
      for (const suffix of ['', '-of-the-cluster'])
        await refused(
          `made-${String(place)}${suffix}`,
          /in its own namespace|name auth\.secretRef/,
          `${kind}${suffix} ${path}`,
        );
  });

  /** Fields that name without a namespace: theirs is never found. Names that are paths lead nowhere. */
  const byName: Readonly<Record<string, Json>> = {
    'a store of the other': { secretStoreRef: { kind: 'SecretStore', name: 'theirs' }, ...read },
    'a store of the cluster that is for the other': {
      ...{ secretStoreRef: { kind: 'ClusterSecretStore', name: 'theirs' }, ...read },
    },
    'a store of one value': {
      data: [{ ...read.data[0], sourceRef: { storeRef: { kind: 'SecretStore', name: 'theirs' } } }],
    },
    'a store of all values': {
      dataFrom: [{ extract: { key: 'k' }, sourceRef: { storeRef: { kind: 'ClusterSecretStore', name: 'theirs' } } }],
    },
    'a generator of the other': { dataFrom: [{ sourceRef: { generatorRef: { kind: 'Fake', name: 'theirs' } } }] },
    'a Secret of templates': {
      target: { template: { templateFrom: [{ secret: { name: 'treasure', items: [{ key: 'k' }] } }] } },
    },
    'a ConfigMap of templates': {
      target: { template: { templateFrom: [{ configMap: { name: 'treasure', items: [{ key: 'k' }] } }] } },
    },
    'a store by a path': { secretStoreRef: { kind: 'SecretStore', name: '../../other/secretstores/theirs' }, ...read },
    'a generator by a path': {
      dataFrom: [{ sourceRef: { generatorRef: { kind: 'Fake', name: '../../other/fakes/theirs' } } }],
    },
    'a Secret of templates by a path': {
      target: {
        template: { templateFrom: [{ secret: { name: '../../other/secrets/treasure', items: [{ key: 'k' }] } }] },
      },
    },
    'a Secret of templates by an escaped path': {
      target: {
        template: {
          templateFrom: [{ secret: { name: '..%2F..%2Fother%2Fsecrets%2Ftreasure', items: [{ key: 'k' }] } }],
        },
      },
    },
    'a ConfigMap by dots': {
      target: { template: { templateFrom: [{ configMap: { name: '..', items: [{ key: 'k' }] } }] } },
    },
  };

  test('no name of an ExternalSecret leads out of its namespace', async () => {
    await shop.put('k', { k: 'v' });
    for (const [what, spec] of Object.entries(byName)) {
      // Where the field is not about the store, the store is a good one.
      const given = { dataFrom: [{ extract: { key: 'k' } }], ...spec };
      await shop.external(nameOf(what), given);
    }
    for (const what of Object.keys(byName)) await refused(nameOf(what), /./);
  });

  test('no namespace that a provider reads from is another’s, but by the rights of the tenant’s own account', async () => {
    const auth = { serviceAccount: { name: 'tenant' } };
    const server = { caProvider: { type: 'ConfigMap', name: 'kube-root-ca.crt', key: 'ca.crt' } };
    const resource = { group: '', version: 'v1', kind: 'ConfigMap' };
    const providers = {
      kubernetes: { server, auth, remoteNamespace: 'other' },
      crd: { server, auth, resource, remoteNamespace: 'other' },
      'crd-at-key': { server, auth, resource },
    };
    for (const [name, config] of Object.entries(providers)) {
      await create(shop.cluster, `${V1}/namespaces/shop/secretstores`, {
        ...{ apiVersion: 'external-secrets.io/v1', kind: 'SecretStore', metadata: { name: `far-${name}` } },
        spec: { provider: { [name.replace('-at-key', '')]: config } },
      });
      const key = name === 'crd-at-key' ? 'other/treasure' : 'treasure';
      const secretStoreRef = { kind: 'SecretStore', name: `far-${name}` };
      await shop.external(`far-${name}`, { secretStoreRef, data: [{ secretKey: 'k', remoteRef: { key } }] });
    }
    for (const name of Object.keys(providers)) await refused(`far-${name}`, /./);
  });

  test('a stand-in is a store of the same namespace', async () => {
    await create(shop.cluster, `${V1}/namespaces/shop/secretstores`, {
      ...{ apiVersion: 'external-secrets.io/v1', kind: 'SecretStore', metadata: { name: 'away' } },
      spec: {
        provider: { vault: { server: 'http://127.0.0.1:1', auth: { tokenSecretRef: own } } },
        fallbackStores: [{ name: 'theirs' }, { name: 'theirs', kind: 'ClusterSecretStore' }],
      },
    });
    await shop.external('stand-in', { secretStoreRef: { kind: 'SecretStore', name: 'away' }, ...read });
    await refused('stand-in', /./);
  });

  test('a PushSecret pushes nothing of another namespace, and to no store of it', async () => {
    const match = { secretKey: 'k', remoteRef: { remoteKey: 'pushed', property: 'k' } };
    const ours = [{ name: 'ours', kind: 'SecretStore' }];
    const cases: Readonly<Record<string, Json>> = {
      secret: { secretStoreRefs: ours, selector: { secret: { name: 'treasure' } } },
      selector: { secretStoreRefs: ours, selector: { secret: { selector: { matchLabels: { team: 'other' } } } } },
      path: { secretStoreRefs: ours, selector: { secret: { name: '../../other/secrets/treasure' } } },
      generator: { secretStoreRefs: ours, selector: { generatorRef: { kind: 'Fake', name: 'theirs' } } },
      store: { secretStoreRefs: [{ name: 'theirs', kind: 'SecretStore' }], selector: { secret: { name: 'mine' } } },
      clusterstore: {
        secretStoreRefs: [{ name: 'theirs', kind: 'ClusterSecretStore' }],
        selector: { secret: { name: 'mine' } },
      },
    };
    const pushes = `${V1ALPHA1}/namespaces/shop/pushsecrets`;
    for (const [name, spec] of Object.entries(cases)) {
      const metadata = { name: `steal-${name}` };
      const object = { apiVersion: 'external-secrets.io/v1alpha1', kind: 'PushSecret', metadata };
      await create(shop.cluster, pushes, { ...object, spec: { ...spec, data: [{ match }] } });
    }
    for (const name of Object.keys(cases)) {
      const seen = await shop.until(`${pushes}/steal-${name}`, (each) => readyOf(each)?.status !== undefined);
      assert.deepEqual([name, readyOf(seen)?.status], [name, 'False']);
    }
    assert.equal(await shop.at('pushed'), undefined);
  });

  test('nothing of the other namespace is anywhere that the tenant sees', async () => {
    const lists = [SECRETS, '/api/v1/namespaces/shop/events', '/api/v1/namespaces/shop/configmaps'];
    const kinds = [`${V1}/namespaces/shop/externalsecrets`, `${V1}/namespaces/shop/secretstores`];
    const all = [...lists, ...kinds, `${V1ALPHA1}/namespaces/shop/pushsecrets`];
    const shown = [
      ...heard,
      ...(await Promise.all(all.map(async (each) => JSON.stringify((await shop.cluster.ask('GET', each)).body)))),
    ];
    for (const text of shown) assert.ok(!text.includes(CANARY) && !text.includes(base64(CANARY)));
    const accounts = heard.filter((each) => each.includes('eyJ'));
    assert.deepEqual(accounts, [], 'no token of an account');
  });
});
