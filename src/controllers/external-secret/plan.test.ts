import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SecretTypes } from '../secret-types.ts';
import type { ExternalSecret, Target } from './definition.ts';
import { isIntact, planSecret, type Secret } from './plan.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

const externalSecretOf = (target: Target = {}): ExternalSecret => ({
  metadata: { namespace: 'shop', name: 'db', uid: 'u1', labels: { team: 'shop' } },
  spec: { target },
});

const valuesOf = (values: Readonly<Record<string, string>>) =>
  new Map(Object.entries(values).map(([key, value]) => [key, Buffer.from(value)]));

const planned = (target: Target, secret: Secret | undefined, values: Readonly<Record<string, string>> = { a: '1' }) =>
  planSecret(externalSecretOf(target), secret, { values: valuesOf(values), sources: [], types: new SecretTypes() });

/** What it makes, as the API server gives it back. */
function madeBy(target: Target = {}, data?: Readonly<Record<string, string>>): Secret {
  const plan = planned(target, undefined, data);
  assert.ok(plan.do === 'create');
  const fields = Object.fromEntries(Object.keys(plan.object.data ?? {}).map((key) => [`f:${key}`, {}]));
  const managedFields = [
    { manager: 'externalsecrets.external-secrets.io/db', fieldsV1: { 'f:data': { '.': {}, ...fields } } },
  ];
  return { ...plan.object, type: 'Opaque', metadata: { ...plan.object.metadata, uid: 's1', managedFields } };
}

test('what it made is intact, and nothing is done about it', () => {
  const secret = madeBy();
  assert.equal(isIntact(secret, externalSecretOf()), true);
  assert.deepEqual([planned({}, secret).do, planned({}, secret).outcome.reason], ['nothing', 'SecretSynced']);
  assert.equal(isIntact({ ...secret, data: { a: base64('2') } }, externalSecretOf()), false);
});

test('its own keys go with the store, those of others stay', () => {
  const secret = madeBy({}, { a: '1', b: '2' });
  const plan = planned({}, { ...secret, data: { ...secret.data, theirs: base64('x') } }, { a: '3' });
  assert.ok(plan.do === 'replace');
  assert.deepEqual(plan.object.data, { a: base64('3'), theirs: base64('x') });
});

test('a Secret of somebody else is left alone', () => {
  const foreign: Secret = { metadata: { name: 'db', namespace: 'shop' }, data: { a: base64('theirs') } };
  assert.deepEqual([planned({}, foreign).do, planned({}, foreign).outcome.ready], ['nothing', false]);
  const owner = {
    apiVersion: 'external-secrets.io/v1',
    kind: 'ExternalSecret',
    name: 'other',
    uid: 'u2',
    controller: true,
  };
  const others = { ...foreign, metadata: { ...foreign.metadata, ownerReferences: [owner] } };
  for (const creationPolicy of ['Owner', 'Orphan', 'Merge'] as const) {
    assert.match(planned({ creationPolicy }, others).outcome.message, /owned by another ExternalSecret: other/);
  }
  assert.equal(planned({ creationPolicy: 'Merge' }, foreign).do, 'replace');
  assert.equal(planned({ deletionPolicy: 'Delete' }, foreign, {}).do, 'nothing');
});

test('nothing at the store: the deletion policy decides', () => {
  const secret = madeBy();
  const states = (['Retain', 'Delete', 'Merge'] as const).map((deletionPolicy) =>
    planned({ deletionPolicy }, secret, {}),
  );
  assert.deepEqual(
    states.map((plan) => plan.do),
    ['nothing', 'delete', 'replace'],
  );
  const orphan = planned({ deletionPolicy: 'Delete', creationPolicy: 'Orphan' }, secret, {});
  assert.deepEqual([orphan.do, orphan.outcome.ready], ['nothing', false]);
});

test('an immutable Secret keeps its data', () => {
  const secret = madeBy({ immutable: true });
  assert.equal(secret.immutable, true);
  const plan = planned({ immutable: true }, secret, { a: '2' });
  assert.deepEqual([plan.do, plan.outcome.message], ['nothing', 'could not update secret, target is immutable']);
});

test('a template takes the place of the values, or is merged with them', () => {
  const template = { type: 'kubernetes.io/tls', data: { b: '{{ .a | b64enc }}' } };
  const replaced = planned({ template }, undefined);
  assert.ok(replaced.do === 'create');
  assert.deepEqual([replaced.object.type, replaced.object.data], ['kubernetes.io/tls', { b: base64('MQ==') }]);
  const merged = planned({ template: { ...template, mergePolicy: 'Merge' } }, undefined);
  assert.ok(merged.do === 'create');
  assert.deepEqual(merged.object.data, { a: base64('1'), b: base64('MQ==') });
});

test('a Secret of a type that is not allowed is neither made nor taken over', () => {
  const type = 'kubernetes.io/service-account-token';
  const policies = ['Owner', 'Orphan', 'Merge', 'CreateOrMerge'] as const;
  for (const creationPolicy of policies) {
    const there: Secret = { ...madeBy({ creationPolicy: 'Owner' }), type };
    const plans = [
      planned({ creationPolicy, template: { type } }, creationPolicy === 'Merge' ? madeBy() : undefined),
      planned({ creationPolicy }, there),
      planned({ creationPolicy, template: { type: 'Opaque' } }, there),
    ];
    for (const plan of plans) {
      assert.equal(plan.do, 'nothing', creationPolicy);
      assert.match(plan.outcome.message, /a Secret of type "kubernetes\.io\/service-account-token" is not allowed/);
      assert.equal(plan.outcome.ready, false);
    }
  }
  assert.equal(planned({ template: { type: 'kubernetes.io/tls' } }, undefined).do, 'create');
});
