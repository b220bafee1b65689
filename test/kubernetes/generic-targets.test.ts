/** `target.manifest`: ExternalSecrets that make other objects than Secrets, on a real API server and with the rights of the manifests alone. */
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { after, before, describe, test } from 'node:test';
import { ExactNumber } from '../../src/client/json.ts';
import type { KubernetesObject } from '../../src/kube/objects.ts';
import { apiOf, applyAll } from './support/applied.ts';
import { withoutControlPlane } from './support/binaries.ts';
import type { Seen } from './support/controllers.ts';
import { create } from './support/service-accounts.ts';
import { readyOf, Shop } from './support/shop.ts';

const skip = await withoutControlPlane();
const CONFIG_MAPS = '/api/v1/namespaces/shop/configmaps';
const WIDGETS = '/apis/example.com/v1/namespaces/shop/widgets';
const configMap = { apiVersion: 'v1', kind: 'ConfigMap' };
const widget = { apiVersion: 'example.com/v1', kind: 'Widget' };
const CANARY = 'canary-3f1c';
/** More than a double can hold. */
const LARGE = '9007199254740993';

const kindOf = (plural: string, kind: string, scope: string): KubernetesObject & { readonly spec: object } => ({
  ...{ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' },
  metadata: { name: `${plural}.example.com` },
  spec: {
    ...{ group: 'example.com', scope, names: { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List` } },
    versions: [
      {
        ...{ name: 'v1', served: true, storage: true, subresources: { status: {} } },
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              status: { type: 'object', properties: { phase: { type: 'string' } } },
              spec: {
                type: 'object',
                properties: {
                  replicas: { type: 'integer', default: 1 },
                  budget: { type: 'integer', format: 'int64' },
                  data: { type: 'object', additionalProperties: { type: 'string' } },
                  database: {
                    type: 'object',
                    properties: {
                      host: { type: 'string' },
                      port: { type: 'integer' },
                      users: { type: 'array', items: { type: 'string' } },
                    },
                  },
                },
              },
            },
          },
        },
      },
    ],
  },
});

interface Resource extends Seen {
  readonly spec?: {
    readonly replicas?: number;
    readonly data?: Readonly<Record<string, string>>;
    readonly database?: { readonly host?: string; readonly port?: number; readonly users?: readonly string[] };
  };
  readonly immutable?: boolean;
}

describe('targets that are no Secrets', { skip }, () => {
  let shop: Shop;

  before(async () => {
    const targets = [
      { group: '', resource: 'configmaps' },
      { group: 'example.com', resource: 'widgets' },
    ];
    shop = await Shop.open(['-unsafe-allow-generic-targets', '-deletion-grace=1s'], { targets });
    await applyAll(shop.cluster, [
      kindOf('widgets', 'Widget', 'Namespaced'),
      kindOf('gadgets', 'Gadget', 'Namespaced'),
      kindOf('planets', 'Planet', 'Cluster'),
    ]);
    for (const path of [WIDGETS, '/apis/example.com/v1/planets', '/apis/example.com/v1/gadgets'])
      while ((await shop.cluster.ask('GET', path)).status !== 200) await pause(50);
    await shop.put('db', { host: 'db.example', port: '5432', text: CANARY });
  });
  after(() => shop[Symbol.asyncDispose]());

  const see = (path: string): Promise<Resource | undefined> => shop.see(path);
  const until = (path: string, holds: (seen: Resource) => boolean): Promise<Resource | undefined> =>
    shop.until(path, (seen) => seen !== undefined && holds(seen));
  const dataFrom = [{ extract: { key: 'db' } }];
  const synced = async (name: string, spec: object): Promise<void> => {
    await shop.external(name, { dataFrom, ...spec });
    await shop.untilReason(name, 'ResourceSynced', 'True');
  };
  const refused = async (name: string, spec: object): Promise<string> => {
    await shop.external(name, { dataFrom, ...spec });
    const message = readyOf(await shop.untilReason(name, 'ResourceSyncedError', 'False'))?.message ?? '';
    assert.ok(!message.includes(CANARY), message);
    return message;
  };
  /** As somebody at the command line. */
  const change = async (path: string, body: object): Promise<void> => {
    await (
      await apiOf(shop.cluster)
    ).tell({ method: 'PATCH', path, body, contentType: 'application/merge-patch+json' });
  };

  test('a ConfigMap has the values as texts, our marks, and its owner', async () => {
    await synced('config', { target: { manifest: configMap, immutable: false } });
    const made = await see(`${CONFIG_MAPS}/config`);
    assert.deepEqual(made?.data, { host: 'db.example', port: '5432', text: CANARY });
    assert.equal(made.metadata.labels?.['reconcile.external-secrets.io/managed'], 'true');
    assert.equal(made.metadata.labels['team'], 'shop');
    assert.deepEqual(
      made.metadata.ownerReferences?.map(({ kind, name, controller }) => ({ kind, name, controller })),
      [{ kind: 'ExternalSecret', name: 'config', controller: true }],
    );
    assert.equal((await shop.see(shop.es('config')))?.status?.binding, undefined);
    assert.equal(await see('/api/v1/namespaces/shop/secrets/config'), undefined);
    await shop.cluster.ask('DELETE', shop.es('config'));
    await shop.until(`${CONFIG_MAPS}/config`, (seen) => seen === undefined);
  });

  test('templates go to paths of an object; what others and its kind put there stays to the last digit', async () => {
    await create(shop.cluster, CONFIG_MAPS, { metadata: { name: 'templates' }, data: { users: '- "{{ .host }}"' } });
    const template = {
      metadata: { labels: { tier: 'db' }, annotations: { from: '{{ .host }}' } },
      templateFrom: [
        { literal: 'host: {{ .host }}\nport: {{ .port }}', target: 'spec.database' },
        { configMap: { name: 'templates', items: [{ key: 'users' }] }, target: 'spec.database.users' },
      ],
      data: {},
    };
    await synced('widget', { target: { manifest: widget, template } });
    const made = await see(`${WIDGETS}/widget`);
    assert.deepEqual(made?.spec, {
      replicas: 1,
      database: { host: 'db.example', port: 5432, users: ['db.example'] },
    });
    assert.deepEqual([made.metadata.labels?.['tier'], made.metadata.annotations?.['from']], ['db', 'db.example']);
    await change(`${WIDGETS}/widget`, { spec: { replicas: 3, budget: new ExactNumber(LARGE) } });
    await shop.put('db', { host: 'other.example', port: '5433', text: CANARY });
    const next = await until(`${WIDGETS}/widget`, ({ spec }) => spec?.database?.host === 'other.example');
    assert.deepEqual([next?.spec?.replicas, next?.spec?.database?.users], [3, ['other.example']]);
    const raw = await (await apiOf(shop.cluster)).text(`${WIDGETS}/widget`);
    assert.ok(raw.includes(`"budget":${LARGE}`), raw);
    await shop.put('db', { host: 'db.example', port: '5432', text: CANARY });
  });

  test('what somebody changes of it is repaired at once, and what they add stays', async () => {
    await synced('drift', { refreshInterval: '1h', target: { manifest: configMap } });
    const path = `${CONFIG_MAPS}/drift`;
    await change(path, { data: { host: 'drifted', extra: 'theirs' } });
    const back = await until(path, ({ data }) => data?.['host'] === 'db.example');
    assert.equal(back?.data?.['extra'], 'theirs');
    await change(path, { metadata: { labels: { 'reconcile.external-secrets.io/managed': null } } });
    await until(path, ({ metadata }) => metadata.labels?.['reconcile.external-secrets.io/managed'] === 'true');
    const { uid = '' } = (await see(path))?.metadata ?? {};
    await shop.cluster.ask('DELETE', path);
    await until(path, ({ metadata, data }) => metadata.uid !== uid && data?.['host'] === 'db.example');
  });

  test('nothing is sent while nothing is different', async () => {
    await shop.put('quiet', { a: '1' });
    const from = [{ extract: { key: 'quiet' } }];
    // With a template, its own annotations are not handed on.
    const target = { manifest: configMap, template: {} };
    await synced('still', { refreshInterval: '1h', dataFrom: from, target });
    // An API server stores nothing for a write that changes nothing: the requests are counted.
    const count = async (verbs: string): Promise<number> => {
      const metrics = (await shop.cluster.ask('GET', '/metrics')).body as string;
      const labels = `code="200"[^}]*resource="configmaps",scope="resource"[^}]*verb="(?:${verbs})"[^}]*`;
      const lines = metrics.match(new RegExp(`^apiserver_request_total\\{${labels}\\} \\d+`, 'gm')) ?? [];
      return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
    };
    const before = await count('PATCH|PUT|APPLY');
    const lookedAt = async (moment: string): Promise<void> => {
      const looks = await count('GET');
      await change(shop.es('still'), { metadata: { annotations: { 'external-secrets.io/force-sync': moment } } });
      while ((await count('GET')) === looks) await pause(50);
    };
    for (const moment of ['one', 'two', 'three']) await lookedAt(moment);
    await shop.put('quiet', { a: '2' });
    await lookedAt('four');
    await until(`${CONFIG_MAPS}/still`, ({ data }) => data?.['a'] === '2');
    assert.equal((await count('PATCH|PUT|APPLY')) - before, 1);
  });

  test('an object of somebody else is left alone, unless it is to be merged into', async () => {
    for (const name of ['foreign', 'shared'])
      await create(shop.cluster, CONFIG_MAPS, { metadata: { name }, data: { host: 'theirs', own: 'x' } });
    assert.match(await refused('foreign', { target: { manifest: configMap } }), /was there before/);
    assert.deepEqual((await see(`${CONFIG_MAPS}/foreign`))?.data, { host: 'theirs', own: 'x' });
    await synced('shared', { target: { manifest: configMap, creationPolicy: 'Merge' } });
    const shared = await see(`${CONFIG_MAPS}/shared`);
    assert.deepEqual(shared?.data, { host: 'db.example', own: 'x', port: '5432', text: CANARY });
    assert.equal(shared.metadata.ownerReferences, undefined);
    const authority = { name: 'kube-root-ca.crt', manifest: configMap, creationPolicy: 'Merge' };
    assert.match(await refused('authority', { target: authority }), /authority that pods trust/);
  });

  test('CreateOrMerge makes what is not there and merges into what is; neither it nor Orphan owns anything', async () => {
    const uses = (creationPolicy: string) => ({ target: { manifest: configMap, creationPolicy } });
    const given = { host: 'db.example', port: '5432', text: CANARY };
    for (const [policy, name] of [
      ['CreateOrMerge', 'either'],
      ['Orphan', 'orphan'],
    ] as const) {
      const path = `${CONFIG_MAPS}/${name}`;
      // Made, without an owner: it outlives whose it was.
      await synced(name, uses(policy));
      const made = await see(path);
      assert.deepEqual([made?.data, made?.metadata.ownerReferences], [given, undefined], policy);
      await shop.cluster.ask('DELETE', shop.es(name));
      await shop.until(shop.es(name), (seen) => seen === undefined);
      assert.equal((await see(path))?.metadata.uid, made?.metadata.uid);
      // Somebody else's: what is theirs stays beside what is ours.
      const there = `${name}-there`;
      await create(shop.cluster, CONFIG_MAPS, { metadata: { name: there }, data: { host: 'theirs', own: 'x' } });
      await synced(there, uses(policy));
      const merged = await see(`${CONFIG_MAPS}/${there}`);
      assert.deepEqual([merged?.data, merged?.metadata.ownerReferences], [{ ...given, own: 'x' }, undefined], policy);
    }
  });

  test('what somebody changes of it is repaired under CreateOrMerge, and left to the next refresh under Orphan', async () => {
    const uses = (creationPolicy: string) => ({
      refreshInterval: '1h',
      target: { manifest: configMap, creationPolicy },
    });
    await synced('left', uses('Orphan'));
    await synced('mended', uses('CreateOrMerge'));
    for (const name of ['left', 'mended']) await change(`${CONFIG_MAPS}/${name}`, { data: { host: 'drifted' } });
    await until(`${CONFIG_MAPS}/mended`, ({ data }) => data?.['host'] === 'db.example');
    assert.equal((await see(`${CONFIG_MAPS}/left`))?.data?.['host'], 'drifted');
    await change(shop.es('left'), { metadata: { annotations: { 'external-secrets.io/force-sync': 'now' } } });
    await until(`${CONFIG_MAPS}/left`, ({ data }) => data?.['host'] === 'db.example');
  });

  test('what is gone at the store is deleted by its policy, after the grace period; an immutable ConfigMap stays as it is', async () => {
    await shop.put('gone', { a: '1' });
    await shop.put('fixed', { a: '1' });
    const from = (key: string) => ({ dataFrom: [{ extract: { key } }] });
    await synced('gone', { ...from('gone'), target: { manifest: widget, deletionPolicy: 'Delete' } });
    assert.deepEqual((await see(`${WIDGETS}/gone`))?.spec?.data, { a: '1' });
    await synced('fixed', { ...from('fixed'), target: { manifest: configMap, immutable: true } });
    assert.equal((await see(`${CONFIG_MAPS}/fixed`))?.immutable, true);
    await shop.ask('DELETE', 'kv/metadata/gone', {});
    await shop.untilReason('gone', 'DeletionPending', 'False');
    await shop.untilReason('gone', 'ResourceDeleted', 'True');
    assert.equal(await see(`${WIDGETS}/gone`), undefined);
    await shop.put('fixed', { a: '2' });
    await shop.put('gone', { a: '3' });
    await until(`${WIDGETS}/gone`, ({ spec }) => spec?.data?.['a'] === '3');
    assert.deepEqual((await see(`${CONFIG_MAPS}/fixed`))?.data, { a: '1' });
  });

  test('what would turn the rights of the controller into those of a tenant is refused', async () => {
    const kinds = [
      ['rbac.authorization.k8s.io/v1', 'Role', /ConfigMap alone is offered/],
      ['v1', 'ServiceAccount', /ConfigMap alone is offered/],
      ['v1', 'Pod', /ConfigMap alone is offered/],
      ['coordination.k8s.io/v1', 'Lease', /ConfigMap alone is offered/],
      ['v1', 'Secret', /made without it/],
      ['external-secrets.io/v1', 'SecretStore', /objects of External Secrets/],
      ['external-secrets.io/v1alpha1', 'PushSecret', /objects of External Secrets/],
      ['v1/../../api/v1/namespaces/other', 'ConfigMap', /is no group and version/],
      ['example.com/v1', 'Planet', /of the whole cluster/],
      ['example.com/v1', 'Gadget', /403.*grant the kind to the controller: -generic-targets/],
      ['example.com/v1', 'Nothing', /has no kind Nothing/],
    ] as const;
    for (const [at, [apiVersion, kind, why]] of kinds.entries())
      assert.match(await refused(`power-${String(at)}`, { target: { manifest: { apiVersion, kind } } }), why, kind);
    const escaping = (target: string) => ({
      manifest: configMap,
      template: { templateFrom: [{ literal: 'a: b', target }] },
    });
    for (const [at, target] of ['metadata.namespace', 'metadata.ownerReferences', 'status.phase'].entries())
      assert.match(await refused(`escape-${String(at)}`, { target: escaping(target) }), /templateFrom\.target/);
  });

  test('an object that its kind does not take is told of without its values', async () => {
    const at = (literal: string, target: string) => ({
      manifest: widget,
      template: { templateFrom: [{ literal, target }] },
    });
    const wrong = await refused('wrong', { target: at('port: {{ .text }}', 'spec.database') });
    assert.match(wrong, /does not take the Widget "wrong": spec\.database\.port is not valid/);
    const unknown = await refused('unknown', { target: at('nowhere: {{ .text }}', 'spec') });
    assert.match(unknown, /there is no field spec\.nowhere/);
  });
});
