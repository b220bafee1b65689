import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isLockstepError } from '../errors.ts';
import { canonicalPath, parseQuery } from './path.ts';

const refused = (error: unknown): boolean => isLockstepError(error, 'badRequest');

describe('canonicalPath', () => {
  const good: readonly (readonly [raw: string, path: string])[] = [
    ['', ''],
    ['secret/data/a', 'secret/data/a'],
    ['secret/metadata/', 'secret/metadata/'],
    ['secret/v1.2/a.b/..c/d../.e', 'secret/v1.2/a.b/..c/d../.e'],
    ['secret/a%20b', 'secret/a b'],
    ['secret/a+b@c:d', 'secret/a+b@c:d'],
    ['secret/%E2%82%AC', 'secret/€'],
    ['auth/ldap/login/DOMAIN%5Cuser', 'auth/ldap/login/DOMAIN\\user'],
    ['secret/%252f', 'secret/%2f'],
    ['secret/%61', 'secret/a'],
  ];
  for (const [raw, path] of good) test(`${raw} is ${path}`, () => assert.equal(canonicalPath(raw), path));

  const bad = [
    '/',
    '/secret',
    'secret//a',
    'secret/a//',
    'secret/./a',
    'secret/.',
    'secret/..',
    '../secret',
    'secret/../sys',
    'secret/%2e%2e/sys',
    'secret/.%2E/sys',
    'secret/%2e',
    'secret%2fa',
    'secret%2Fa',
    'secret/%00',
    'secret/a%0ab',
    'secret/%7f',
    'secret/%c2%85',
    'secret/%e2%80%a8',
    'secret/%ef%bb%bf',
    'secret/%c2%a0',
    'secret/%',
    'secret/%4',
    'secret/%zz',
    'secret/%c0%af',
    'secret/%c0%ae%c0%ae',
    'secret/%e0%80%af',
    'secret/%ed%a0%80',
    'secret/%ff',
    'secret/a b',
    'secret/a\tb',
    'secret/a\\b',
    'secret/a#b',
    'secret/\u00e9',
    'secret/\u0000',
  ];
  for (const raw of bad)
    test(`${JSON.stringify(raw)} is refused`, () => assert.throws(() => canonicalPath(raw), refused));

  test('has one spelling: what it returns, encoded anew, comes back the same', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 30 }), (raw) => {
        let path: string;
        try {
          path = canonicalPath(raw);
        } catch (error) {
          assert.ok(refused(error));
          return;
        }
        const encoded = path.split('/').map(encodeURIComponent).join('/');
        assert.equal(canonicalPath(encoded), path);
        assert.ok(!path.split('/').slice(0, -1).includes(''));
        assert.ok(!path.split('/').some((segment) => segment === '.' || segment === '..'));
      }),
    );
  });

  test('encodes nothing away: a path of plain segments is itself', () => {
    const segment = fc.stringMatching(/^[\w~-][\w.~-]{0,8}$/);
    fc.assert(
      fc.property(fc.array(segment, { minLength: 1 }), (segments) => {
        assert.equal(canonicalPath(segments.join('/')), segments.join('/'));
      }),
    );
  });
});

test('parseQuery takes the last value, and names of the prototype are names like others', () => {
  const query = parseQuery('a=1&b&a=2&c=%26+x&__proto__=p&constructor=q&&=e');
  assert.deepEqual({ ...query }, { a: '2', b: '', c: '& x', constructor: 'q', '': 'e', ['__proto__']: 'p' });
  assert.equal(Object.getPrototypeOf(query), null);
  assert.throws(() => parseQuery('a=%ff'), refused);
  assert.throws(() => parseQuery('%=a'), refused);
});
