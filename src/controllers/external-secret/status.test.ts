import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ExternalSecretStatus } from './definition.ts';
import { Origins } from './origins.ts';
import { statusAfter, type Looked } from './status.ts';

const AT = Date.parse('2026-11-29T12:00:00Z');
const synced = { ready: true, reason: 'SecretSynced', message: 'secret synced', binding: 'db' } as const;
const failed = { ready: false, reason: 'SecretSyncedError', message: 'could not get secret data' } as const;

const look = (before: ExternalSecretStatus, more: Partial<Looked> = {}) =>
  statusAfter({
    ...{ metadata: { name: 'db' }, before, outcome: synced, refreshed: AT, now: AT, wrote: false },
    ...{ sources: [], stale: undefined, missing: undefined, ...more },
  });

/** As the API server keeps it. */
function kept(patch: ReturnType<typeof look>): ExternalSecretStatus {
  assert.ok(patch !== undefined);
  const { staleSince, missingSince, ...status } = patch;
  return {
    ...status,
    ...(staleSince === undefined || staleSince === null ? {} : { staleSince }),
    ...(missingSince === undefined || missingSince === null ? {} : { missingSince }),
  };
}

function read(index: string, version: number, region = 'eu', age = 1): Origins {
  const origins = new Origins();
  origins.of({ kind: 'SecretStore', name: 'ours' }, 'db')({ version, index, region, age });
  return origins;
}

test('it says of each secret from where it is, and another index alone is no change', () => {
  const first = kept(look({}, { sources: read('i1', 3).sources, wrote: true }));
  const source = { store: 'SecretStore/ours', key: 'db', version: 3, region: 'eu' };
  assert.deepEqual(first.sources, [{ ...source, index: 'i1' }]);
  assert.equal(look(first, { sources: read('i2', 3).sources }), undefined);
  const moved = kept(look(first, { sources: read('i2', 3, 'us').sources }));
  assert.deepEqual(moved.sources, [{ ...source, index: 'i2', region: 'us' }]);
  assert.equal(kept(look(first, { sources: read('i9', 4).sources })).sources?.[0]?.version, 4);
});

test('while it cannot be read it is stale since it was read last, and what was known stays', () => {
  const first = kept(look({}, { sources: read('i1', 3).sources, wrote: true }));
  const away = { outcome: failed, sources: undefined, stale: AT - 5_000 };
  const stale = kept(look(first, away));
  assert.deepEqual([stale.staleSince, stale.sources], ['2026-11-29T11:59:55Z', first.sources]);
  assert.equal(look(stale, { ...away, stale: AT + 60_000, now: AT + 60_000 }), undefined, 'the first word of it holds');
  const again = look(stale, { sources: read('i1', 3).sources });
  assert.equal(again?.staleSince, null, 'a merge patch takes it out by null');
  const never = look({}, { outcome: failed, sources: undefined });
  assert.equal(
    never?.staleSince,
    null,
    'nothing was read ever; said all the same, as it may take the place of one that waits',
  );
});

test('what is gone at the store is remembered while the store cannot be asked, and goes when it is there again', () => {
  const gone = kept(look({}, { outcome: failed, missing: AT }));
  assert.equal(gone.missingSince, '2026-11-29T12:00:00Z');
  assert.equal(look(gone, { outcome: failed, missing: null }), undefined);
  assert.equal(look(gone)?.missingSince, null);
});

test('a region that has not heard its hub for a minute is stale since then', () => {
  assert.equal(read('i', 1, 'eu', 59).staleSince(AT), undefined);
  assert.equal(read('i', 1, 'eu', 90).staleSince(AT), AT - 90_000);
});

test('what a store does not say is left out, and few stand for many', () => {
  const origins = new Origins();
  const store = { kind: 'SecretStore', name: 'fake' };
  origins.of(store, 'silent')({ version: undefined, index: undefined, region: undefined, age: undefined });
  assert.deepEqual(origins.sources, []);
  assert.equal('sources' in kept(look({}, { wrote: true })), false);
  for (let n = 0; n < 100; n++)
    origins.of(store, `k${String(n)}`)({ version: 1, index: undefined, region: undefined, age: undefined });
  assert.equal(origins.sources.length, 64);
});
