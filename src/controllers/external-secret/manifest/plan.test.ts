import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SecretTypes } from '../../secret-types.ts';
import type { Target, Template } from '../definition.ts';
import type { TemplateSource } from '../template-sources.ts';
import { losesFields, othersOf, patchOf } from './fields.ts';
import { pathOf } from './paths.ts';
import { planResource, type Resource } from './plan.ts';

const widget = { apiVersion: 'example.com/v1', kind: 'Widget' };
const configMap = { apiVersion: 'v1', kind: 'ConfigMap' };
const MANAGER = 'externalsecrets.external-secrets.io/db';

const values = (texts: Readonly<Record<string, string>>) =>
  new Map(Object.entries(texts).map(([key, value]) => [key, Buffer.from(value)]));

const source = (target: string, text: string, more: Partial<TemplateSource> = {}): TemplateSource => ({
  ...{ name: 'literal', text, as: 'KeysAndValues', target, decoding: undefined, ...more },
});

interface Given {
  readonly manifest?: typeof widget;
  readonly target?: Target;
  readonly sources?: readonly TemplateSource[];
  readonly texts?: Readonly<Record<string, string>>;
}

function planned({ manifest = widget, target = {}, sources = [], texts = { a: '1' } }: Given, before?: Resource) {
  const es = {
    metadata: { namespace: 'shop', name: 'db', uid: 'u1', labels: { team: 'shop' } },
    spec: { target: { ...target, manifest } },
  };
  return planResource(es, manifest, before, { values: values(texts), sources, types: new SecretTypes() }).plan;
}

function made(given: Given, before?: Resource): Resource {
  const plan = planned(given, before);
  assert.ok(plan.do === 'create' || plan.do === 'replace', JSON.stringify(plan.outcome));
  return plan.object;
}

const template = (more: Template): Target => ({ template: more });

test('without a template, values stand in data of a ConfigMap, in spec.data of all else', () => {
  assert.deepEqual(made({ manifest: configMap })['data'], { a: '1' });
  const object = made({});
  assert.deepEqual(object['spec'], { data: { a: '1' } });
  assert.deepEqual(object.metadata.labels?.['team'], 'shop');
  assert.equal(object.metadata.labels['reconcile.external-secrets.io/managed'], 'true');
  assert.equal(object.metadata.ownerReferences?.[0]?.name, 'db');
});

test('templates put structures where their target says', () => {
  const sources = [
    source('spec.database', 'host: {{ .a }}\ncredentials: { user: x }'),
    source('spec.database', 'port: 5432'),
    source('Labels', 'l: "{{ .a }}"'),
    source('spec.text', '{{ .a }}', { name: 'key', as: 'Values' }),
    source('spec.isText', '"{{ .a }}: x: y', { name: 'key', as: 'Values' }),
    source('spec', 'kept {{ .a }}', { name: 'one', as: 'Values' }),
  ];
  const object = made({ target: template({ metadata: { annotations: { n: '{{ .a }}' } } }), sources });
  assert.deepEqual(object['spec'], {
    database: { host: 1, credentials: { user: 'x' }, port: 5432 },
    ...{ text: 1, isText: '"1: x: y', one: 'kept 1' },
  });
  assert.deepEqual([object.metadata.labels?.['l'], object.metadata.annotations?.['n']], ['1', '1']);
  const data = { 'c.yaml': 'x: {{ .a }}' };
  assert.deepEqual(made({ manifest: configMap, target: template({ data }) })['data'], { 'c.yaml': 'x: 1' });
});

test('what decides over whose an object is, is not to be set', () => {
  const closed = ['metadata', 'metadata.name', 'metadata.ownerReferences', 'metadata.finalizers', 'metadata.labels.a'];
  for (const target of [
    ...closed,
    'status.x',
    'kind',
    'apiVersion',
    'spec..a',
    'spec.__proto__.a',
    `a${'.b'.repeat(32)}`,
  ])
    assert.throws(
      () => planned({ target: template({}), sources: [source(target, 'a: b')] }),
      /templateFrom\.target/,
      target,
    );
  assert.deepEqual(pathOf('metadata.labels'), ['metadata', 'labels']);
  assert.deepEqual(pathOf('spec.camelCase'), ['spec', 'camelCase']);
  const own = made({ sources: [source('spec', '__proto__: { polluted: yes }')], target: template({}) });
  assert.equal(({} as { polluted?: unknown }).polluted, undefined);
  assert.deepEqual(Object.keys(own['spec'] as object), ['__proto__']);
});

test('fields that are of Secrets alone are refused by name', () => {
  assert.throws(
    () => planned({ target: template({ type: 'Opaque' }) }),
    /spec\.target\.template\.type is of Secrets alone/,
  );
  assert.throws(() => planned({ target: { immutable: true } }), /spec\.target\.immutable is of Secrets and ConfigMaps/);
  assert.equal(made({ manifest: configMap, target: { immutable: true } })['immutable'], true);
  const notText = { manifest: configMap, texts: {} };
  assert.equal(planned(notText).do, 'nothing');
});

test('what others wrote stays, what was ours and is rendered no more goes', () => {
  const first = made({ texts: { a: '1', b: '2' } });
  const managedFields = [
    { manager: MANAGER, fieldsV1: { 'f:spec': { '.': {}, 'f:data': { '.': {}, 'f:a': {}, 'f:b': {} } } } },
  ];
  const live: Resource = {
    ...first,
    metadata: { ...first.metadata, uid: 'w', resourceVersion: '7', managedFields },
    ...{ spec: { data: { a: '1', b: '2', theirs: 'x' }, replicas: 3 }, status: { phase: 'Ready' } },
  };
  const next = made({ texts: { a: '3' } }, live);
  assert.deepEqual(next['spec'], { data: { a: '3', theirs: 'x' }, replicas: 3 });
  assert.deepEqual(next['status'], { phase: 'Ready' });
  assert.equal(planned({ texts: { a: '1', b: '2' } }, live).do, 'nothing');
  assert.deepEqual(patchOf(live['spec'] as object as Resource, next['spec'] as object as Resource), {
    data: { a: '3', b: null },
  });
});

test('an object of somebody else is left alone, unless it is merged into', () => {
  const foreign: Resource = {
    ...widget,
    metadata: { name: 'db', namespace: 'shop' },
    spec: { data: { a: '0', b: '2' } },
  };
  const plan = planned({}, foreign);
  assert.deepEqual([plan.do, plan.outcome.ready, plan.outcome.reason], ['nothing', false, 'ResourceSyncedError']);
  assert.match(plan.outcome.message, /was there before, and is not overwritten/);
  const merged = made({ target: { creationPolicy: 'Merge' } }, foreign);
  assert.deepEqual(merged['spec'], { data: { a: '1', b: '2' } });
  assert.equal(merged.metadata.ownerReferences, undefined);
  assert.equal(planned({ target: { creationPolicy: 'Merge' } }).outcome.reason, 'ResourceMissing');
  assert.equal(planned({ target: { deletionPolicy: 'Delete' }, texts: {} }, foreign).do, 'nothing');
  assert.equal(planned({ target: { deletionPolicy: 'Delete' }, texts: {} }, made({})).do, 'delete');
  assert.equal(planned({ texts: {} }, made({})).outcome.reason, 'ResourceSynced');
});

test('fields of lists are ours as a whole, and losses are seen however deep', () => {
  const fields = [{ manager: MANAGER, fieldsV1: { 'f:spec': { 'f:list': { 'k:{"name":"a"}': {} }, 'f:x': {} } } }];
  assert.deepEqual(othersOf({ spec: { list: [{ name: 'a' }], x: 1 }, kind: 'K' }, MANAGER, fields), {});
  assert.deepEqual(othersOf({ spec: { x: 1 } }, 'another', fields), { spec: { x: 1 } });
  assert.equal(losesFields({ a: { b: 1 } }, { a: { b: 2 }, c: 1 }), false);
  assert.equal(losesFields({ a: { b: 1 } }, { a: {} }), true);
});
