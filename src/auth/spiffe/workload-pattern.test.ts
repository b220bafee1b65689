import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkWorkloadPattern, matchesWorkload } from './workload-pattern.ts';

const cases: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  ['/ns/shop', ['/ns/shop'], ['/ns', '/ns/shop/x', '/ns/shopper', '/NS/shop', '']],
  ['ns/shop', ['/ns/shop'], ['/x/ns/shop']],
  ['/env/+/svc/web', ['/env/eu/svc/web'], ['/env/svc/web', '/env/eu/x/svc/web', '/env/eu/svc/web/x', '/env/eu/svc/db']],
  ['/+', ['/a'], ['/a/b', '']],
  ['/env/+', ['/env/eu'], ['/env', '/env/eu/a', '/x/eu']],
  ['/+/+', ['/a/b'], ['/a', '/a/b/c']],
  ['/env/*', ['/env/eu', '/env/eu/svc/web'], ['/env', '/environment', '/x/env/eu']],
  ['/env*', ['/env', '/env/eu', '/environment/x'], ['/en', '/x/env']],
  ['*', ['/a', '/a/b/c'], ['']],
  ['/*', ['/a', '/a/b/c'], ['']],
  ['/env/+/*', ['/env/eu/a', '/env/eu/a/b'], ['/env/eu', '/env']],
  ['/env/+/svc-*', ['/env/eu/svc-a', '/env/eu/svc-', '/env/eu/svc-a/b'], ['/env/eu/svc', '/env/svc-a']],
  ['/a/..b*', ['/a/..b', '/a/..bc/d'], ['/a/b']],
];
for (const [pattern, matching, others] of cases) {
  test(`the pattern ${pattern}`, () => {
    checkWorkloadPattern(pattern);
    for (const path of matching) assert.equal(matchesWorkload([pattern], path), true, path);
    for (const path of others) assert.equal(matchesWorkload([pattern], path), false, path);
  });
}

test('one of several patterns is enough, and of none nothing is', () => {
  assert.equal(matchesWorkload(['/a', '/b/+'], '/b/c'), true);
  assert.equal(matchesWorkload([], '/a'), false);
});

for (const pattern of [
  ...['', '/', '//', '/a/', '/a//b', '//a', '/a/*/b', '*/a', '/a*b', '/a/**', '/a/+*', '/a+', '/+a/b', '/a/b+/c', '++'],
  ...['/a/../b', '/a/.', '/..', '/a b', '/a%2fb', 'spiffe://example.org/a', '/a?', '/ä', `/${'a'.repeat(2_048)}`],
]) {
  test(`the pattern ${JSON.stringify(pattern.slice(0, 40))} is refused`, () => {
    assert.throws(() => {
      checkWorkloadPattern(pattern);
    }, /workload_id_patterns/);
  });
}
