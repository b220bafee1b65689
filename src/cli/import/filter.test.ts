import assert from 'node:assert/strict';
import { test } from 'node:test';
import { filterOf } from './filter.ts';

test('without patterns everything is taken', () => {
  const all = filterOf([], []);
  assert.ok(all.takes('secret/a'));
  assert.ok(all.reaches('secret/'));
});

test('a path means itself and what is below it, not its neighbours', () => {
  const { takes, reaches } = filterOf(['secret/app'], []);
  assert.deepEqual(['secret/app', 'secret/app/db', 'secret/apple', 'secret/other', 'secret'].map(takes), [
    true,
    true,
    false,
    false,
    false,
  ]);
  assert.deepEqual(['secret/', 'secret/app/', 'secret/app/deep/', 'secret/other/', 'kv/'].map(reaches), [
    true,
    true,
    true,
    false,
    false,
  ]);
});

test('a star is any text, and what is excluded goes before what is included', () => {
  const { takes, reaches } = filterOf(['secret/*/db', 'n1/*'], ['n1/secret/*', '*password*']);
  assert.deepEqual(
    ['secret/a/db', 'secret/a/b/db', 'secret/db', 'secret/a/dbx', 'n1/kv/a', 'n1/secret/a', 'n1/kv/password1'].map(
      takes,
    ),
    [true, true, false, false, true, false, false],
  );
  assert.deepEqual(['secret/x/', 'n1/secret/', 'n1/kv/', 'other/'].map(reaches), [true, false, true, false]);
});

test('parts must stand one after the other, without overlap', () => {
  const { takes } = filterOf(['a*bc*cd'], []);
  assert.deepEqual(['abcd', 'abccd', 'a-bc-cd', 'a-cd-bc'].map(takes), [false, true, true, false]);
});
