import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compilePattern } from './re2.ts';

test('replacements name groups as in Go', () => {
  const pattern = compilePattern('([a-z]+)/(?P<last>[a-z]+)');
  assert.equal(pattern.replace('ab/cd ef/gh', '$2-${1}x$$$last'), 'cd-abx$cd gh-efx$gh');
  assert.equal(pattern.replace('ab/cd', '$1x$9'), '', 'the longest name counts: there is no group "1x"');
  assert.equal(compilePattern('').replace('ab', '-'), '-a-b-');
  assert.equal(compilePattern('(.*)').replace('db', 'app/$1'), 'app/db', 'an empty match after another is none');
  assert.equal(compilePattern('.*').replace('', '-'), '-');
  assert.equal(compilePattern('b*').replace('abbc', '-'), '-a-c-');
});

test('a pattern that would backtrack for ever does not, and a wrong one is said', () => {
  assert.equal(compilePattern('^(a+)+$').finds(`${'a'.repeat(5_000)}!`), false);
  assert.throws(() => compilePattern('(?=a)'), /no pattern that RE2 knows/);
  assert.throws(() => compilePattern('a'.repeat(5_000)), /more than 4096/);
});
