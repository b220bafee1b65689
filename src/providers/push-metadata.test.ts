import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readMetadata } from './push-metadata.ts';

const FIELDS = { labels: 'texts', name: 'text', policy: ['Merge', 'Replace'], tier: { type: ['Standard'] } } as const;
const wrapped = (spec: unknown) => ({
  ...{ apiVersion: 'kubernetes.external-secrets.io/v1alpha1', kind: 'PushSecretMetadata', spec },
});

test('fields of a provider stand in the envelope of External Secrets Operator', () => {
  const spec = { labels: { a: 'b' }, name: 'n', policy: 'Merge', tier: { type: 'Standard' } };
  assert.deepEqual(readMetadata(wrapped(spec), FIELDS), spec);
  assert.deepEqual(readMetadata(undefined, FIELDS), {});
  const { spec: _spec, ...empty } = wrapped({});
  assert.deepEqual(readMetadata(empty, FIELDS), {});
});

test('what is not known, or is something else, is refused by name', () => {
  const wrong: readonly (readonly [unknown, RegExp])[] = [
    [wrapped({ colour: 'red' }), /metadata\.spec has no field "colour"/],
    [wrapped({ __proto__: null, toString: 'x' }), /no field "toString"/],
    [wrapped({ labels: { a: 1 } }), /metadata\.spec\.labels holds texts/],
    [wrapped({ labels: ['a'] }), /metadata\.spec\.labels holds texts/],
    [wrapped({ name: 1 }), /metadata\.spec\.name is a text/],
    [wrapped({ policy: 'Ignore' }), /metadata\.spec\.policy is one of Merge, Replace/],
    [wrapped({ tier: { type: 'Other' } }), /metadata\.spec\.tier\.type is one of Standard/],
    [wrapped([]), /metadata\.spec is an object/],
    [{ spec: {} }, /needs apiVersion/],
    [{ ...wrapped({}), kind: 'Other' }, /metadata\.kind is one of PushSecretMetadata/],
    [{ parameterStore: {} }, /metadata has no field "parameterStore"/],
    ['text', /metadata is an object/],
  ];
  for (const [metadata, said] of wrong) assert.throws(() => readMetadata(metadata, FIELDS), said);
});
