import assert from 'node:assert/strict';
import { test } from 'node:test';
import { marksOf, namespaceFor } from './metadata.ts';

const wrapped = (spec: object) => ({
  ...{ apiVersion: 'kubernetes.external-secrets.io/v1alpha1', kind: 'PushSecretMetadata', spec },
});
const from = { labels: { a: 'source', s: 'source' }, annotations: { n: 'source' } };
const before = { labels: { a: 'target', t: 'target' }, annotations: {} };
const labels = { a: 'given' };

test('labels are merged by the policies of source and target', () => {
  const made = (spec: object) => marksOf(wrapped({ labels, ...spec }), from, before).labels;
  assert.deepEqual(made({}), { a: 'given', s: 'source', t: 'target' });
  assert.deepEqual(made({ sourceMergePolicy: 'Replace' }), { a: 'given', t: 'target' });
  assert.deepEqual(made({ targetMergePolicy: 'Replace' }), { a: 'given', s: 'source' });
  assert.deepEqual(made({ sourceMergePolicy: 'Replace', targetMergePolicy: 'Replace' }), { a: 'given' });
  assert.deepEqual(made({ targetMergePolicy: 'Ignore' }), { a: 'target', t: 'target' });
  assert.deepEqual(marksOf(undefined, from, before).labels, { a: 'source', s: 'source', t: 'target' });
  assert.deepEqual(marksOf(undefined), { labels: {}, annotations: {} });
  assert.deepEqual(marksOf(undefined, from).annotations, { n: 'source' });
});

test('another namespace is for the stores of a cluster alone', () => {
  const metadata = wrapped({ remoteNamespace: 'other' });
  assert.equal(namespaceFor(metadata, 'shop', 'ClusterSecretStore'), 'other');
  assert.equal(namespaceFor(undefined, 'shop', 'SecretStore'), 'shop');
  assert.throws(
    () => namespaceFor(metadata, 'shop', 'SecretStore'),
    /remoteNamespace is for a ClusterSecretStore alone/,
  );
});
