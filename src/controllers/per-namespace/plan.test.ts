import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterPushSecret } from '../cluster-push-secret/definition.ts';
import { pushSecret } from '../push-secret/definition.ts';
import { desired, isOf, namespacesOf } from './plan.ts';

const from = { metadata: { name: 'all', uid: 'u1' } };
const place = { kind: clusterPushSecret, made: pushSecret, from, namespace: 'a' };
const wanted = { name: 'out', spec: { refreshInterval: '1h' } };

const namespaces = [
  { metadata: { name: 'b', labels: { team: 'x' } } },
  { metadata: { name: 'a', labels: { team: 'y' } } },
  { metadata: { name: 'going', labels: { team: 'x' }, deletionTimestamp: '2026-01-01T00:00:00Z' } },
];

test('namespaces are selected by names, by one of the selectors, and none of their own accord', () => {
  assert.deepEqual(namespacesOf({ selectors: [] }, namespaces), []);
  assert.deepEqual(namespacesOf({ names: ['a', 'gone'], selectors: [] }, namespaces), ['a']);
  const selectors = [
    { matchLabels: { team: 'x' } },
    { matchExpressions: [{ key: 'team', operator: 'In', values: ['y'] }] },
  ];
  assert.deepEqual(namespacesOf({ selectors }, namespaces), ['a', 'b']);
  assert.deepEqual(namespacesOf({ selectors: [{}] }, namespaces), ['a', 'b']);
  const wrong = { matchExpressions: [{ key: 'team', operator: 'Like' }] };
  assert.throws(() => namespacesOf({ selectors: [wrong] }, namespaces), /"Like" is no operator/);
});

test('what was made is its own, is left when it is right, and keeps what others add', () => {
  const made = desired(place, wanted, undefined);
  assert.ok(made);
  assert.deepEqual(
    [made.kind, made.apiVersion, made.metadata.name],
    ['PushSecret', 'external-secrets.io/v1alpha1', 'out'],
  );
  assert.equal(isOf(clusterPushSecret, from, made), true);
  assert.equal(isOf(clusterPushSecret, { metadata: { name: 'all', uid: 'another' } }, made), false);
  assert.equal(isOf({ ...clusterPushSecret, kind: 'ClusterExternalSecret' }, from, made), false);
  assert.equal(desired(place, wanted, made), undefined);
  const labelled = { ...made, metadata: { ...made.metadata, labels: { theirs: '1' } } };
  assert.equal(desired(place, wanted, labelled), undefined);
  const next = desired(place, { ...wanted, labels: { ours: '2' } }, labelled);
  assert.deepEqual(next?.metadata.labels, { theirs: '1', ours: '2' });
});
