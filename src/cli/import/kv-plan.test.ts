import assert from 'node:assert/strict';
import { test } from 'node:test';
import { metadataOf, type Metadata } from './kv-metadata.ts';
import { corrections, limitOf, planOf, sameStanding, shared, verdictOf, type Known } from './kv-plan.ts';

const NOW = Date.parse('2026-11-28T12:00:00Z');
const MARKS = {
  x: { destroyed: true },
  d: { deletion_time: '2026-11-28T11:00:00Z' },
  v: {},
  p: { deletion_time: '2026-11-29T12:00:00Z' },
};

/** `-` dropped, `x` destroyed, `d` deleted, `v` live, `p` live and to be deleted. */
function metadata(marks: string, more: Readonly<Record<string, unknown>> = {}): Metadata {
  const versions = [...marks].flatMap((mark, at) =>
    mark === '-' ? [] : [[String(at + 1), MARKS[mark as 'v']] as const],
  );
  const oldest = marks.startsWith('-') ? marks.lastIndexOf('-') + 2 : 0;
  const created = { created_time: 'c1', current_version: marks.length, oldest_version: oldest };
  return metadataOf({ ...created, ...more, versions: Object.fromEntries(versions) }, NOW);
}

function known(source: string, target: string | undefined, record?: Known['record']): Known {
  const digests = { source: source, target };
  return { source: metadata(source), target: target === undefined ? undefined : metadata(target), record, digests };
}

const done = (source: string, target: string, created = 'c1') => ({ phase: 'done', source, target, created }) as const;
const begun = { phase: 'begun', source: '', created: 'c1' } as const;

test('what is missing is written from its first version on', () => {
  assert.deepEqual(planOf(known('vvv', undefined)), { step: 'write', after: 0 });
});

test('what nobody changed is not even compared; what only the source changed goes on', () => {
  assert.deepEqual(planOf(known('vv', 'vv', done('vv', 'vv'))), { step: 'none' });
  assert.deepEqual(planOf(known('vvvv', 'vv', done('vv', 'vv'))), { step: 'write', after: 2 });
  assert.deepEqual(planOf(known('vd', 'vv', done('vv', 'vv'))), { step: 'write', after: 2 });
});

test('what was deleted and made anew at the source, or has come back to life there, is written anew', () => {
  assert.deepEqual(planOf(known('vvv', 'vv', done('vv', 'vv', 'c0'))), { step: 'anew' });
  assert.deepEqual(planOf(known('v', 'vv', done('vv', 'vv'))), { step: 'anew' });
  assert.deepEqual(planOf(known('vv', 'dv', done('dv', 'dv'))), { step: 'anew' });
});

test('what somebody wrote at the target, or a killed import left, is compared by value', () => {
  for (const record of [undefined, begun, done('vv', 'v')]) {
    assert.deepEqual(planOf(known('vv', 'vv', record)), { step: 'compare' });
  }
});

test('a comparison goes on only with what this import began and nobody else touched', () => {
  assert.equal(verdictOf(known('vv', 'vv'), true), 'same');
  assert.equal(verdictOf(known('vv', 'vv'), false), 'conflict');
  assert.equal(verdictOf(known('vv', 'v'), true), 'conflict', 'not ours');
  assert.equal(verdictOf(known('vv', 'v', begun), true), 'continue');
  assert.equal(verdictOf(known('vv', 'v', begun), false), 'conflict', 'another value');
  assert.equal(verdictOf(known('v', 'vv', begun), true), 'conflict', 'more than the source has');
  assert.equal(verdictOf(known('vv', 'd', begun), true), 'anew', 'the place of a version that is live again');
  assert.equal(verdictOf(known('vv', 'vv', done('vv', 'v')), true), 'same', 'written by hand, but the same');
  assert.equal(verdictOf(known('vv', 'vd', done('vv', 'vv')), true), 'conflict', 'deleted by somebody at the target');
});

test('the target keeps as many versions as the source has left', () => {
  assert.equal(limitOf(metadata('vvv')), 4, 'none dropped: none may be dropped');
  assert.equal(limitOf(metadata('----vv')), 2);
  assert.equal(limitOf(metadata('-vvvv', { max_versions: 30 })), 4);
});

test('versions are set to stand as they do at the source', () => {
  const { destroyed, deleted, undeleted } = corrections(metadata('xdvvp'), metadata('vvdpp'));
  assert.deepEqual({ destroyed, deleted, undeleted }, { destroyed: [1], deleted: [2], undeleted: [3, 4] });
  assert.deepEqual(corrections(metadata('xdvp'), metadata('xdvp')), { destroyed: [], deleted: [], undeleted: [] });
});

test('two secrets stand alike when versions and settings do, whenever they were written', () => {
  assert.ok(sameStanding(metadata('-xdvp'), metadata('-xdvp', { created_time: 'c2' })));
  assert.ok(sameStanding(metadata('-v'), metadata('xv', { oldest_version: 2 })), 'dropped stands as destroyed');
  for (const other of ['-xdv', '-xdvd', '-xdvv', '-ddvp', '-xdvpv']) {
    assert.ok(!sameStanding(metadata('-xdvp'), metadata(other)), other);
  }
  for (const more of [
    { max_versions: 3 },
    { cas_required: true },
    { delete_version_after: '3h0m0s' },
    { custom_metadata: { a: 'b' } },
  ]) {
    assert.ok(!sameStanding(metadata('v'), metadata('v', more)), JSON.stringify(more));
  }
});

test('only versions that both show are compared by value', () => {
  assert.deepEqual(shared(metadata('-xdvpv'), metadata('-xvvdv')), [4, 6]);
});
