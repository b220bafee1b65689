import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ExternalSecret } from '../external-secret/definition.ts';
import type { Made } from '../generator/generate.ts';
import type { GeneratorState } from './definition.ts';
import { deadlineOf, keptIn, stateOf } from './plan.ts';

const NOW = Date.parse('2026-11-29T12:00:00Z');
const owner: ExternalSecret = {
  ...{ apiVersion: 'external-secrets.io/v1', kind: 'ExternalSecret', spec: {} },
  metadata: { namespace: 'shop', name: 'db', uid: 'u1' },
};
const by = { apiVersion: 'generators.external-secrets.io/v1alpha1', kind: 'VaultDynamicSecret', spec: { path: 'x' } };
const made = (life: number): Made => ({
  ...{ by, values: new Map([['password', Buffer.from('s3cret')]]) },
  left: { state: { leaseId: 'database/creds/x/1' }, life },
});

test('what is left goes with its owner, or by itself when it ends, and no value is kept', () => {
  const state = stateOf(made(3_600), owner, { id: 'abcd', now: NOW });
  assert.ok(state !== undefined);
  assert.deepEqual([state.metadata.name, state.metadata.ownerReferences?.[0]?.uid], ['db-abcd', 'u1']);
  assert.equal(deadlineOf(state), NOW + 3_600_000);
  assert.deepEqual(keptIn(state), { by, left: { state: { leaseId: 'database/creds/x/1' }, life: 0 } });
  assert.ok(!JSON.stringify(state).includes('s3cret'));
  const long = stateOf(
    made(60),
    { ...owner, metadata: { ...owner.metadata, name: 'x'.repeat(253) } },
    { id: 'a', now: 0 },
  );
  assert.ok((long?.metadata.name ?? '').length <= 253);
});

test('what leaves nothing, or never ends, is not remembered', () => {
  assert.equal(stateOf(made(0), owner, { id: 'a', now: NOW }), undefined);
  assert.equal(stateOf({ by, values: new Map() }, owner, { id: 'a', now: NOW }), undefined);
});

test('a state that somebody else wrote is read as far as it says something', () => {
  const written = (spec: object): GeneratorState => ({ metadata: { name: 'x' }, spec }) as GeneratorState;
  assert.equal(keptIn(written({ resource: null, state: {} })), undefined);
  assert.equal(keptIn(written({ resource: { spec: {} }, state: {} })), undefined);
  assert.equal(keptIn(written({ resource: { kind: 'Fake' }, state: 'text' })), undefined);
  assert.equal(deadlineOf(written({ garbageCollectionDeadline: 'tomorrow' })), undefined);
});
