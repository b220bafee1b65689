import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { covers, meets, PathIndex, patternOf, typeMatches } from './patterns.ts';

test('an event type is matched by stars anywhere', () => {
  for (const [glob, type, holds] of [
    ['*', 'kv-v2/data-write', true],
    ['kv*', 'kv-v2/data-write', true],
    ['*/data-write', 'kv-v2/data-write', true],
    ['kv-*/data-*', 'kv-v2/data-write', true],
    ['kv-v2/data-write', 'kv-v2/data-write', true],
    ['kv-v1*', 'kv-v2/data-write', false],
    ['*write*write', 'kv-v2/data-write', false],
    ['kv-v2/data-writ', 'kv-v2/data-write', false],
    ['', 'kv-v2/data-write', false],
    ['a*a', 'a', false],
  ] as const) {
    assert.equal(typeMatches(glob, type), holds, glob);
  }
});

test('many stars cost no more than the product of the lengths', () => {
  assert.equal(typeMatches(`${'*a'.repeat(60)}b`, 'a'.repeat(128)), false);
});

test('a glob matches as its regular expression does', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '/', '*'), maxLength: 8 });
  fc.assert(
    fc.property(text, fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 10 }), (glob, type) => {
      const expression = new RegExp(`^${glob.split('*').join('.*')}$`, 's');
      assert.equal(typeMatches(glob, type), expression.test(type));
    }),
  );
});

const path = fc.string({ unit: fc.constantFrom('a', 'b', '/'), minLength: 1, maxLength: 6 });
const pattern = fc.tuple(path, fc.boolean()).map(([text, prefix]) => patternOf(prefix ? `${text}*` : text));

test('the index finds exactly those whose patterns cover a path, whoever came and went', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.array(pattern, { minLength: 1, maxLength: 3 }), fc.boolean()), { maxLength: 8 }),
      fc.array(path, { minLength: 1, maxLength: 8 }),
      (subscribers, paths) => {
        const index = new PathIndex<number>();
        for (const [who, [patterns]] of subscribers.entries()) index.add(patterns, who);
        for (const [who, [patterns, leaves]] of subscribers.entries()) if (leaves) index.delete(patterns, who);
        for (const wanted of paths) {
          const expected = subscribers.flatMap(([patterns, left], who) =>
            !left && patterns.some((own) => covers(own, wanted)) ? [who] : [],
          );
          assert.deepEqual([...index.match(wanted)].sort(), expected);
        }
      },
    ),
  );
});

test('a pattern meets a mount when it can cover something below it', () => {
  assert.ok(meets(patternOf('secret/data/*'), 'secret/'));
  assert.ok(meets(patternOf('sec*'), 'secret/'));
  assert.ok(meets(patternOf('secret/data/a'), 'secret/'));
  assert.ok(!meets(patternOf('secret/data/a'), 'secret/data/b/'));
  assert.ok(!meets(patternOf('other/*'), 'secret/'));
});
