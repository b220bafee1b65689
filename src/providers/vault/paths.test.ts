import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dataPath, metadataPath } from './paths.ts';

// The table in the comment above `buildPath` of External Secrets Operator.
test('data lie where External Secrets Operator looks for them', () => {
  for (const [version, path, key, expected] of [
    ['v2', 'secret/path', 'foo', 'secret/path/data/foo'],
    ['v1', 'secret/path', 'foo', 'secret/path/foo'],
    ['v2', 'secret/path', 'secret/path/foo', 'secret/path/data/foo'],
    ['v2', 'secret/path', 'secret/path/data/foo', 'secret/path/data/foo'],
    ['v1', 'secret/path', 'secret/path/foo', 'secret/path/foo'],
    ['v2', undefined, 'secret/path/foo', 'secret/data/path/foo'],
    ['v2', undefined, 'secret/path/data/foo', 'secret/path/data/foo'],
    ['v1', undefined, 'secret/path/foo', 'secret/path/foo'],
  ] as const) {
    assert.equal(dataPath(key, { path, version }), expected);
  }
});

test('metadata lie beside them', () => {
  assert.equal(metadataPath('app/', { path: 'kv', version: 'v2' }), 'kv/metadata/app/');
  assert.equal(metadataPath('kv/data/app', { path: 'kv', version: 'v2' }), 'kv/metadata/app');
  assert.equal(metadataPath('app', { path: 'kv', version: 'v1' }), 'kv/app');
  assert.equal(metadataPath('kv/data/app', { version: 'v2' }), 'kv/metadata/app');
  assert.throws(() => metadataPath('app', { version: 'v2' }), /name the mount/);
});
