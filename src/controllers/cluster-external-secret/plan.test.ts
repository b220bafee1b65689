import assert from 'node:assert/strict';
import { test } from 'node:test';
import { desired, isOf, namespacesOf, type ClusterExternalSecret } from './plan.ts';

const from = (spec: Partial<ClusterExternalSecret['spec']> = {}): ClusterExternalSecret => ({
  metadata: { name: 'all', uid: 'u1' },
  spec: { externalSecretSpec: { refreshInterval: '1h' }, ...spec },
});

const namespaces = [
  { metadata: { name: 'b', labels: { team: 'x' } } },
  { metadata: { name: 'a', labels: { team: 'y' } } },
  { metadata: { name: 'going', labels: { team: 'x' }, deletionTimestamp: '2026-01-01T00:00:00Z' } },
];

test('namespaces are selected by names, by one of the selectors, and none of their own accord', () => {
  assert.deepEqual(namespacesOf(from(), namespaces), []);
  assert.deepEqual(namespacesOf(from({ namespaces: ['a', 'gone'] }), namespaces), ['a']);
  const selectors = [
    { matchLabels: { team: 'x' } },
    { matchExpressions: [{ key: 'team', operator: 'In', values: ['y'] }] },
  ];
  assert.deepEqual(namespacesOf(from({ namespaceSelectors: selectors }), namespaces), ['a', 'b']);
  assert.deepEqual(namespacesOf(from({ namespaceSelector: {} }), namespaces), ['a', 'b']);
  const wrong = { matchExpressions: [{ key: 'team', operator: 'Like' }] };
  assert.throws(() => namespacesOf(from({ namespaceSelectors: [wrong] }), namespaces), /"Like" is no operator/);
});

test('what was made is its own, is left when it is right, and keeps what others add', () => {
  const made = desired(from(), 'a', undefined);
  assert.ok(made);
  assert.equal(isOf(from(), made), true);
  assert.equal(isOf({ ...from(), metadata: { name: 'all', uid: 'another' } }, made), false);
  assert.equal(desired(from(), 'a', made), undefined);
  const labelled = { ...made, metadata: { ...made.metadata, labels: { theirs: '1' } } };
  assert.equal(desired(from(), 'a', labelled), undefined);
  const next = desired(from({ externalSecretMetadata: { labels: { ours: '2' } } }), 'a', labelled);
  assert.deepEqual(next?.metadata.labels, { theirs: '1', ours: '2' });
});
