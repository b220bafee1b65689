import assert from 'node:assert/strict';
import { test } from 'node:test';
import { externalSecret } from '../external-secret/definition.ts';
import { secretStore } from '../secret-store/definition.ts';
import { foreignFields } from './fields.ts';

const ofExternal = (spec: unknown) => foreignFields(externalSecret.spec.openapi, spec, 'spec');

test('fields and values that the schema has not are named once, by their place', () => {
  const spec = {
    secretStoreRef: { name: 's', kind: 'OtherStore' },
    target: { template: { data: { a: 'x' }, metadata: { labels: { a: 'b' } } }, later: true },
    data: [{ remoteRef: { key: 'a', rank: 1 } }, { remoteRef: { key: 'b', rank: 2 } }],
    refreshPolicy: 'Periodic',
  };
  assert.deepEqual(ofExternal(spec), [
    'spec.secretStoreRef.kind="OtherStore"',
    'spec.target.later',
    'spec.data[].remoteRef.rank',
  ]);
});

test('what is known has no notes, an inherited name is no field, and an open place takes anything', () => {
  assert.deepEqual(ofExternal({ data: [{ secretKey: 'a', remoteRef: { key: 'k', property: 'p' } }] }), []);
  assert.deepEqual(ofExternal(JSON.parse('{"constructor":1,"__proto__":2}')), ['spec.constructor', 'spec.__proto__']);
  assert.deepEqual(foreignFields(secretStore.spec.openapi, { provider: { other: { deep: [1] } } }, 'spec'), []);
});
