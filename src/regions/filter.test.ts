import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { contains, covers, inView, intersect, overlaps, parseFilter } from './filter.ts';

const segment = fc.constantFrom('a', 'b', 'ab', 'eu', 'europe');
const path = fc.array(segment, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));
const entry = fc.tuple(path, fc.constantFrom('', '/', '*', '/*')).map((parts) => parts.join(''));
const filter = fc.array(entry, { maxLength: 5 }).map((entries) => parseFilter(entries));

test('an empty filter allows nothing', () => {
  assert.equal(covers([], 'secret/a'), false);
  assert.equal(overlaps([], 'secret/'), false);
});

test('an entry is a path with what is below it, a subtree, or a beginning of names', () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ['secret/eu', 'secret/eu', true],
    ['secret/eu', 'secret/eu/db', true],
    ['secret/eu', 'secret/europe', false],
    ['secret/eu/', 'secret/eu', false],
    ['secret/eu/', 'secret/eu/db', true],
    ['secret/eu/*', 'secret/eu/db', true],
    ['secret/eu/', 'secret/europe/db', false],
    ['secret/eu*', 'secret/europe/db', true],
    ['secret/eu*', 'secret/e', false],
    ['*', 'sys/policies/acl/x', true],
    ['Secret/eu', 'secret/eu', false],
  ];
  for (const [rule, at, expected] of cases) assert.equal(covers(parseFilter([rule]), at), expected, `${rule} on ${at}`);
});

test('a mount is in view when something below it could be', () => {
  const at = (path: string) => ({ kind: 'mount', path }) as const;
  assert.ok(inView(parseFilter(['secret/apps/eu/']), at('secret/')));
  assert.ok(inView(parseFilter(['secret']), at('secret/')));
  assert.ok(inView(parseFilter(['s*']), at('secret/')));
  assert.ok(inView(parseFilter(['secret/a*']), at('secret/')));
  assert.equal(inView(parseFilter(['secret2/']), at('secret/')), false);
  assert.equal(inView(parseFilter(['secret/apps/eu/']), at('secret/apps/us/')), false);
});

test('what is not a canonical path is refused by name', () => {
  const wrong = [
    '',
    '/',
    '/a',
    'a//b',
    'a/../b',
    './a',
    'a/.',
    'a*b',
    '**',
    'a/\u0000',
    'a\n',
    7,
    undefined,
    {},
    'x'.repeat(513),
  ];
  for (const entry of wrong) assert.throws(() => parseFilter([entry]), { code: 'badRequest' }, String(entry));
  assert.throws(() => parseFilter(Array.from({ length: 257 }, (_, at) => `a${at}`)), { code: 'badRequest' });
});

test('a parsed filter is minimal and parses to itself', () => {
  assert.deepEqual(parseFilter(['a/b', 'a/', 'a/*', 'a/']), ['a/']);
  fc.assert(fc.property(filter, (rules) => assert.deepEqual(parseFilter(rules), rules)));
});

test('an intersection allows exactly what both allow', () => {
  fc.assert(
    fc.property(filter, filter, path, (one, other, at) => {
      assert.equal(covers(intersect(one, other), at), covers(one, at) && covers(other, at));
      assert.deepEqual(intersect(one, other), intersect(other, one));
    }),
  );
});

test('containment agrees with what is covered', () => {
  fc.assert(
    fc.property(filter, filter, path, (one, other, at) => {
      if (contains(one, other) && covers(other, at)) assert.ok(covers(one, at));
      assert.ok(contains(one, intersect(one, other)));
      assert.equal(contains(one, other), intersect(one, other).join() === other.join());
    }),
  );
});

test('a mount overlaps whenever a path below it is covered', () => {
  fc.assert(
    fc.property(filter, path, path, (rules, mount, below) => {
      if (covers(rules, `${mount}/${below}`)) assert.ok(overlaps(rules, `${mount}/`));
    }),
  );
});
