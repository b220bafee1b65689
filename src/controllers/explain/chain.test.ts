import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Store } from '../cluster.ts';
import type { ExternalSecret } from '../external-secret/definition.ts';
import { chainOf, type Facts, readName } from './chain.ts';
import { referencesOf } from './references.ts';

const es = (spec: object = {}, status: object = {}): ExternalSecret => ({
  metadata: { namespace: 'shop', name: 'db', uid: 'u' },
  spec: {
    secretStoreRef: { kind: 'SecretStore', name: 'ours' },
    data: [{ secretKey: 'pw', remoteRef: { key: 'db', property: 'password' } }],
    ...spec,
  },
  status: { conditions: [{ type: 'Ready', status: 'True', reason: 'SecretSynced' }], ...status },
});

const store = (spec: object = {}, status = 'True'): Store => ({
  metadata: { name: 'ours' },
  spec: {
    provider: {
      vault: { server: 'https://vault.test', path: 'kv', auth: { tokenSecretRef: { name: 'token', key: 'token' } } },
    },
    ...spec,
  },
  status: { conditions: [{ type: 'Ready', status, reason: 'x', message: 'said so' }] },
});

const facts = (more: Partial<Facts> = {}): Facts => ({
  ...{ es: es(), namespace: { name: 'shop', labels: {} }, controllerClass: 'default', now: Date.parse('2026-01-01') },
  stores: new Map([['SecretStore shop/ours', store()]]),
  references: new Map([['Secret shop/token', 'there']]),
  target: {
    metadata: {
      name: 'db',
      ownerReferences: [
        { apiVersion: 'external-secrets.io/v1', kind: 'ExternalSecret', name: 'db', uid: 'u', controller: true },
      ],
    },
  },
  ...more,
});

const wrong = (given: Facts): readonly string[] =>
  chainOf(given)
    .filter(({ mark }) => mark !== 'well')
    .map(({ mark, what }) => `${mark} ${what}`);

test('a chain that holds names every link to the key', () => {
  const links = chainOf(facts());
  assert.deepEqual(wrong(facts()), []);
  const said = links.map(({ what }) => what).join('\n');
  for (const part of ['SecretStore ours', 'https://vault.test', 'Secret shop/token', 'pw is "db" property password'])
    assert.ok(said.includes(part), said);
});

test('each link that is broken is named, and only that one', () => {
  assert.deepEqual(wrong(facts({ stores: new Map() })), [
    'wrong SecretStore ours: there is none in the namespace shop',
  ]);
  assert.deepEqual(wrong(facts({ references: new Map([['Secret shop/token', 'missing']]) })), [
    'wrong Secret shop/token (vault.auth.tokenSecretRef): is not there',
  ]);
  assert.deepEqual(wrong(facts({ references: new Map([['Secret shop/token', 'forbidden']]) })), [
    'unknown Secret shop/token (vault.auth.tokenSecretRef): may not be looked at with these credentials',
  ]);
  assert.deepEqual(wrong(facts({ stores: new Map([['SecretStore shop/ours', store({}, 'False')]]) })), [
    'wrong SecretStore ours: x, said so',
  ]);
  assert.deepEqual(wrong(facts({ stores: new Map([['SecretStore shop/ours', store({ controller: 'other' })]]) })), [
    'wrong SecretStore ours: of another controller',
  ]);
  assert.deepEqual(
    wrong(facts({ stores: new Map([['SecretStore shop/ours', store({ provider: { nobody: {} } })]]) })),
    ['wrong provider nobody: is not offered'],
  );
  assert.deepEqual(wrong(facts({ target: { metadata: { name: 'db' } } })), [
    'wrong Secret shop/db (creationPolicy Owner): was there before',
  ]);
  assert.deepEqual(wrong(facts({ target: 'missing' })), ['wrong Secret shop/db (creationPolicy Owner): is not there']);
  assert.deepEqual(wrong(facts({ es: es({ refreshInterval: 'often' }) })), [
    'wrong refreshInterval "often" is no duration',
  ]);
  assert.deepEqual(wrong(facts({ es: es({ data: [] }) })), ['wrong it names no key']);
  assert.deepEqual(wrong(facts({ es: es({}, { conditions: [] }) })), [
    'wrong ExternalSecret shop/db: no condition yet',
  ]);
});

test('a ClusterSecretStore that leaves the namespace out is told apart from one that is not there', () => {
  const ref = { secretStoreRef: { kind: 'ClusterSecretStore', name: 'ours' } };
  const conditions = [{ namespaces: ['other'] }];
  const references = new Map([['Secret shop/token', 'there'] as const]);
  const given = { es: es(ref), stores: new Map([['ClusterSecretStore ours', store({ conditions })]]), references };
  assert.deepEqual(wrong(facts(given)), ['wrong its conditions leave out the namespace shop']);
  assert.deepEqual(wrong(facts({ ...given, stores: new Map() })), [
    'wrong ClusterSecretStore ours: there is none in the cluster',
  ]);
});

test('a name has a namespace and no more', () => {
  assert.deepEqual(readName('shop/db'), { namespace: 'shop', name: 'db' });
  for (const text of ['db', '/db', 'shop/', 'a/b/c', '']) assert.equal(readName(text), undefined);
});

test('Secrets and ConfigMaps that a store names by other words are looked at too', () => {
  const at = { name: 'login', key: 'k' };
  const azurekv = { vaultUrl: 'https://shop.vault.azure.net', authSecretRef: { clientId: at, clientSecret: at } };
  const gcpsm = { auth: { workloadIdentityFederation: { credConfig: { ...at, namespace: 'other' } } } };
  assert.deepEqual(
    [...referencesOf({ azurekv }, 'shop', true), ...referencesOf({ gcpsm }, 'shop', false)].map(
      ({ kind, namespace, field }) => [kind, namespace, field],
    ),
    [
      ['Secret', 'shop', 'azurekv.authSecretRef.clientId'],
      ['Secret', 'shop', 'azurekv.authSecretRef.clientSecret'],
      ['ConfigMap', 'other', 'gcpsm.auth.workloadIdentityFederation.credConfig'],
    ],
  );
});
