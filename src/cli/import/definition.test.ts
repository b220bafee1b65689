import assert from 'node:assert/strict';
import { test } from 'node:test';
import { normal, standing, withResets } from './definition.ts';
import { fingerprint } from './fingerprint.ts';

const of = (value: string) => ({ policy: value });
const record = (source: string, target: string) => ({
  phase: 'done' as const,
  source: fingerprint(of(source)),
  target: fingerprint(of(target)),
});

test('only what this import wrote is written over, unless it is told to', () => {
  const about = (source: string, target: string | undefined, was?: ReturnType<typeof record>, overwrite = false) =>
    standing({ source: of(source), target: target === undefined ? undefined : of(target), record: was, overwrite });
  assert.equal(about('a', undefined), 'create');
  assert.equal(about('a', 'a'), 'same');
  assert.equal(about('a', 'b'), 'conflict');
  assert.equal(about('a', 'b', undefined, true), 'update');
  assert.equal(about('a2', 'a', record('a', 'a')), 'update');
  assert.equal(about('a2', 'b', record('a', 'a')), 'conflict');
  assert.equal(about('a', 'lossy', record('a', 'lossy')), 'same', 'what the target cannot take is not tried again');
  assert.equal(about('a2', 'lossy', record('a', 'lossy')), 'update');
});

test('what is empty, and the order of sets, make no difference; false where true is the default does', () => {
  assert.deepEqual(normal({ a: null, b: '', c: 0, d: false, e: [], f: {}, g: { h: '' } }), {});
  assert.deepEqual(normal({ list: ['b', 'a'] }), normal({ list: ['a', 'b'], other: null }));
  assert.notDeepEqual(normal({ renewable: false }), normal({ renewable: true }));
});

test('what the source has no more is set back', () => {
  const before = { ttl: 5, cidrs: ['a'], on: true, note: 'x', kept: 1, gone: ['b'] };
  assert.deepEqual(withResets({ kept: 2, gone: null }, before), {
    kept: 2,
    gone: [],
    ttl: 0,
    cidrs: [],
    on: false,
    note: '',
  });
  assert.deepEqual(withResets({ kept: 2, gone: null }, undefined), { kept: 2 });
});
