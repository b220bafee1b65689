import assert from 'node:assert/strict';
import { test } from 'node:test';

import { compile, type Acl } from './acl.ts';
import type { Details, PolicyOperation } from './constraints.ts';
import { parsePolicy } from './parse.ts';

function aclOf(...documents: readonly string[]): Acl {
  const policies = documents.map((document, at) => ({ name: `p${at}`, namespace: '', rules: parsePolicy(document) }));
  return compile(policies, 0);
}

/** Rule, operation, details, allowed. */
const constrained: readonly (readonly [string, PolicyOperation, Details, boolean])[] = [
  ['allowed_parameters = { "foo" = [] }', 'create', {}, true],
  ['allowed_parameters = { "foo" = [] }', 'create', { body: { foo: 'any' } }, true],
  ['allowed_parameters = { "foo" = [] }', 'create', { body: { FOO: 'any' } }, true],
  ['allowed_parameters = { "foo" = [] }', 'create', { body: { foo: 'any', bar: 1 } }, false],
  ['allowed_parameters = { "foo" = ["zip", "zap*"] }', 'update', { body: { foo: 'zip' } }, true],
  ['allowed_parameters = { "foo" = ["zip", "zap*"] }', 'update', { body: { foo: 'zapped' } }, true],
  ['allowed_parameters = { "foo" = ["zip", "zap*"] }', 'update', { body: { foo: 'zipped' } }, false],
  ['allowed_parameters = { "foo" = ["zip"], "*" = [] }', 'update', { body: { bar: 'x', foo: 'zip' } }, true],
  ['allowed_parameters = { "foo" = ["zip"], "*" = [] }', 'update', { body: { bar: 'x', foo: 'zap' } }, false],
  ['allowed_parameters = { "foo" = ["zip"] }', 'patch', { body: { foo: 'zap' } }, false],
  ['allowed_parameters = { "foo" = ["zip"] }', 'read', { body: { foo: 'zap' } }, false],
  ['allowed_parameters = { "foo" = ["zip"] }', 'delete', { body: { foo: 'zap' } }, true],
  ['allowed_parameters = {}', 'update', { body: { foo: 'zap' } }, true],
  ['allowed_parameters = { "foo" = [5, true] }', 'update', { body: { foo: 5 } }, true],
  ['allowed_parameters = { "foo" = [[1, 2]] }', 'update', { body: { foo: [1, 2] } }, true],
  ['allowed_parameters = { "foo" = [[1, 2]] }', 'update', { body: { foo: [2, 1] } }, false],
  ['allowed_parameters = { "foo" = [{ "a" = 1 }] }', 'update', { body: { foo: { a: 1 } } }, true],
  ['allowed_parameters = { "foo" = [{ "a" = 1 }] }', 'update', { body: { foo: { a: 1, b: 2 } } }, false],
  ['allowed_parameters = { "foo" = ["zip"] }', 'update', { body: { foo: null } }, false],
  ['denied_parameters = { "foo" = [] }', 'update', { body: { foo: 1 } }, false],
  ['denied_parameters = { "foo" = [] }', 'update', { body: { Foo: 1 } }, false],
  ['denied_parameters = { "foo" = [] }', 'update', { body: { bar: 1 } }, true],
  ['denied_parameters = { "*" = [] }', 'update', { body: { bar: 1 } }, false],
  ['denied_parameters = { "*" = [] }', 'update', {}, true],
  ['denied_parameters = { "foo" = ["*word*"] }', 'update', { body: { foo: 'a password' } }, false],
  ['denied_parameters = { "foo" = ["*word"] }', 'update', { body: { foo: 'words' } }, true],
  ['denied_parameters = { "foo" = [5] }', 'update', { body: { foo: '5' } }, false],
  ['denied_parameters = { "foo" = ["true"] }', 'update', { body: { foo: true } }, false],
  ['allowed_parameters = { "*" = [] } denied_parameters = { "foo" = ["x"] }', 'update', { body: { foo: 'x' } }, false],
  ['required_parameters = ["Foo", "bar"]', 'create', { body: { foo: 1, BAR: 2 } }, true],
  ['required_parameters = ["foo", "bar"]', 'create', { body: { foo: 1 } }, false],
  ['required_parameters = ["foo"]', 'create', {}, false],
  ['required_parameters = ["__proto__"]', 'create', { body: {} }, false],
  ['min_wrapping_ttl = "1s" max_wrapping_ttl = "90s"', 'read', {}, false],
  ['min_wrapping_ttl = "1s" max_wrapping_ttl = "90s"', 'read', { wrapTtl: 1 }, true],
  ['min_wrapping_ttl = "1s" max_wrapping_ttl = "90s"', 'read', { wrapTtl: 90 }, true],
  ['min_wrapping_ttl = "1s" max_wrapping_ttl = "90s"', 'delete', { wrapTtl: 91 }, false],
  ['max_wrapping_ttl = "90s"', 'list', {}, false],
  ['min_wrapping_ttl = 10', 'read', { wrapTtl: 9 }, false],
  ['min_wrapping_ttl = 0', 'read', {}, true],
  ['pagination_limit = 10', 'list', { body: { limit: 10 } }, true],
  ['pagination_limit = 10', 'list', { body: { limit: '11' } }, false],
  ['pagination_limit = 10', 'list', { body: { limit: 0 } }, false],
  ['pagination_limit = 10', 'scan', { body: { limit: '-1' } }, false],
  ['pagination_limit = 10', 'scan', { body: { limit: 'all' } }, false],
  ['pagination_limit = 10', 'read', { body: { limit: 11 } }, true],
  ['pagination_limit = 10 required_parameters = ["limit"]', 'list', {}, false],
  ['subscribe_event_types = ["kv-v2/*"]', 'subscribe', { eventType: 'kv-v2/data-write' }, true],
  ['subscribe_event_types = ["kv-v2/*"]', 'subscribe', { eventType: 'kv-v1/write' }, false],
  ['subscribe_event_types = []', 'subscribe', { eventType: 'kv-v1/write' }, false],
  ['comment = ""', 'subscribe', { eventType: 'kv-v1/write' }, true],
];

const all = '"create", "read", "update", "patch", "delete", "list", "scan", "subscribe"';
for (const [rule, operation, details, allowed] of constrained) {
  test(`${rule}: ${operation} with ${JSON.stringify(details)} is ${allowed ? 'allowed' : 'refused'}`, () => {
    assert.equal(
      aclOf(`path "a" { capabilities = [${all}] ${rule} }`).allows(operation, 'a', details).allowed,
      allowed,
    );
  });
}

test('a page limit is told, for the caller to use', () => {
  const acl = aclOf('path "a/" { capabilities = ["list"] pagination_limit = 10 }');
  assert.equal(acl.allows('list', 'a/').limit, 10);
  assert.equal(acl.allows('list', 'a/', { body: { limit: 'max' } }).limit, 10);
  assert.equal(acl.allows('list', 'a/', { body: { limit: '3' } }).limit, 3);
  assert.equal(aclOf('path "a/" { capabilities = ["list"] }').allows('list', 'a/').limit, undefined);
});

test('constraints of several policies on one path are merged', () => {
  const one = (rule: string) => `path "a" { capabilities = [${all}] ${rule} }`;
  const allows = (acl: Acl, body: Record<string, unknown>) => acl.allows('update', 'a', { body }).allowed;
  const values = aclOf(
    one('allowed_parameters = { "x" = ["1"] }'),
    one('allowed_parameters = { "x" = ["2"], "y" = [] }'),
  );
  assert.deepEqual(
    [{ x: '1' }, { x: '2' }, { x: '3' }, { y: 1 }, { z: 1 }].map((body) => allows(values, body)),
    [true, true, false, true, false],
  );
  const every = aclOf(one('allowed_parameters = { "x" = ["1"] }'), one('allowed_parameters = { "x" = [] }'));
  assert.equal(allows(every, { x: '9' }), true);
  // As in Vault, a policy that says nothing does not lift what another says.
  const kept = aclOf(one(''), one('denied_parameters = { "x" = [] } required_parameters = ["y"] pagination_limit = 5'));
  assert.deepEqual(
    [{ y: 1 }, { y: 1, x: 1 }, {}].map((body) => allows(kept, body)),
    [true, false, false],
  );
  const times = aclOf(
    one('min_wrapping_ttl = 60 max_wrapping_ttl = 90 pagination_limit = 9'),
    one('min_wrapping_ttl = 10 max_wrapping_ttl = 300 pagination_limit = 7'),
  );
  assert.deepEqual(
    [9, 10, 90, 91].map((wrapTtl) => times.allows('read', 'a', { wrapTtl }).allowed),
    [false, true, true, false],
  );
  assert.equal(times.allows('list', 'a', { wrapTtl: 10 }).limit, 7);
  const crossed = aclOf(one('max_wrapping_ttl = 10'), one('min_wrapping_ttl = 60'));
  assert.deepEqual(
    [5, 10, 60].map((wrapTtl) => crossed.allows('read', 'a', { wrapTtl }).allowed),
    [false, false, false],
  );
  const events = aclOf(one('subscribe_event_types = ["a/*"]'), 'path "a" { capabilities = ["read"] }');
  assert.deepEqual(
    ['a/x', 'b/x'].map((eventType) => events.allows('subscribe', 'a', { eventType }).allowed),
    [true, false],
  );
});
