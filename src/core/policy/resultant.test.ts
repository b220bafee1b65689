import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compile, parsePolicy, resultantAcl } from './index.ts';

const acl = (documents: readonly string[], namespace: string = '') =>
  compile(
    documents.map((text, at) => ({ name: `p${String(at)}`, namespace, rules: parsePolicy(text) })),
    Date.now(),
  );

test('rules are listed by their paths, those of one path as one, with what they demand', () => {
  const first = `
    path "a/exact" { capabilities = ["scan", "read", "create"] }
    path "a/glob*" {
      capabilities = ["update"]
      allowed_parameters = { "X" = ["1"], "y" = [] }
      denied_parameters = { "z" = [] }
      required_parameters = ["q"]
      min_wrapping_ttl = "1m"
      max_wrapping_ttl = "1h"
    }
    path "a/+/c" { capabilities = ["read"] }
    path "a/deny" { capabilities = ["deny", "read"] }
    path "a/none" { capabilities = []  max_wrapping_ttl = "1h" }
    path "__proto__" { capabilities = ["read"] }
    path "*" { capabilities = ["read"] }`;
  const {
    exact_paths: exact,
    glob_paths: glob,
    root,
  } = resultantAcl(acl([first, 'path "a/exact" { capabilities = ["sudo"] }']));
  assert.equal(root, false);
  assert.deepEqual(Object.entries(exact as object), [
    ['__proto__', { capabilities: ['read'] }],
    ['a/deny', { capabilities: ['deny'] }],
    ['a/exact', { capabilities: ['create', 'read', 'sudo', 'scan'] }],
    ['a/none', { capabilities: ['deny'] }],
  ]);
  assert.deepEqual(glob, {
    '': { capabilities: ['read'] },
    'a/glob': {
      capabilities: ['update'],
      allowed_parameters: { x: ['1'], y: [] },
      denied_parameters: { z: [] },
      required_parameters: ['q'],
      min_wrapping_ttl: 60,
      max_wrapping_ttl: 3_600,
    },
  });
});

test('paths are those from the root namespace on, and a root token has no list', () => {
  const inside = acl(['path "a" { capabilities = ["read"] }'], 'n/');
  assert.deepEqual(resultantAcl(inside)['exact_paths'], { 'n/a': { capabilities: ['read'] } });
  assert.deepEqual(resultantAcl(compile([{ name: 'root', namespace: '', rules: [] }], 0)), { root: true });
});
