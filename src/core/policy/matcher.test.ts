import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { buildMatcher } from './matcher.ts';

/** What decides, written as the documentation says it, without a thought for cost. */
function reference(rules: readonly string[], path: string): string | undefined {
  const matching = rules.filter((rule) => isWild(rule) && matches(rule, path));
  return matching.sort((a, b) => (givesWay(a, b) ? -1 : 1)).at(-1);
}

function isWild(rule: string): boolean {
  return rule.endsWith('*') || rule.split('/').includes('+');
}

function matches(rule: string, path: string): boolean {
  const glob = rule.endsWith('*');
  const wanted = (glob ? rule.slice(0, -1) : rule).split('/');
  const given = path.split('/');
  if (glob ? given.length < wanted.length : given.length !== wanted.length) return false;
  return wanted.every((segment, at) => {
    const own = given[at] ?? '';
    if (segment === '+') return true;
    return glob && at === wanted.length - 1 ? own.startsWith(segment) : own === segment;
  });
}

function givesWay(a: string, b: string): boolean {
  const first = (rule: string): number => rule.split('').findIndex((_, at) => isWildcardAt(rule, at));
  const plus = (rule: string): number => rule.split('/').filter((segment) => segment === '+').length;
  const bare = (rule: string): string => (rule.endsWith('*') ? rule.slice(0, -1) : rule);
  if (first(a) !== first(b)) return first(a) < first(b);
  if (a.endsWith('*') !== b.endsWith('*')) return a.endsWith('*');
  if (plus(a) !== plus(b)) return plus(a) > plus(b);
  if (bare(a).length !== bare(b).length) return bare(a).length < bare(b).length;
  return bare(a) < bare(b);
}

function isWildcardAt(rule: string, at: number): boolean {
  if (rule[at] === '*') return at === rule.length - 1;
  return rule[at] === '+' && (at === 0 || rule[at - 1] === '/') && (at === rule.length - 1 || rule[at + 1] === '/');
}

const segment = fc.constantFrom('a', 'b', 'ab', 'abc', '+', 'a+', '');
const rulePath = fc
  .tuple(fc.array(segment, { minLength: 1, maxLength: 4 }), fc.constantFrom('', '*'))
  .map(([segments, end]) => segments.join('/') + end)
  .filter((path) => path !== '' && !path.endsWith('+*'));
const requestPath = fc
  .array(fc.constantFrom('a', 'b', 'ab', 'abc', 'abcd', ''), { minLength: 1, maxLength: 5 })
  .map((segments) => segments.join('/'));

function decides(rules: readonly string[], path: string): void {
  const matcher = buildMatcher(rules.map((rule) => ({ path: rule, value: rule })));
  assert.equal(matcher.wildcard(path)?.value, reference(rules, path));
  assert.equal(matcher.exact(path)?.value, rules.includes(path) && !isWild(path) ? path : undefined);
}

test('finds the rule that the documented order puts first, whatever the rules', () => {
  fc.assert(fc.property(fc.uniqueArray(rulePath, { maxLength: 25 }), requestPath, decides), { numRuns: 3_000 });
});

/** How a rule is made of a path that it then matches: which segments it leaves open, and where it ends in `*`. */
const opening = fc.record({ plus: fc.nat(31), glob: fc.boolean(), kept: fc.nat() });

function opened(path: string, { plus, glob, kept }: { plus: number; glob: boolean; kept: number }): string {
  const text = glob ? path.slice(0, kept % (path.length + 1)) : path;
  const segments = text.split('/').map((own, at, all) => {
    const isOpen = ((plus >> at) & 1) === 1 && !(glob && at === all.length - 1);
    return isOpen ? '+' : own;
  });
  return segments.join('/') + (glob ? '*' : '');
}

test('of many rules that all match a path, finds the one that the documented order puts first', () => {
  fc.assert(
    fc.property(requestPath, fc.array(opening, { maxLength: 8 }), (path, openings) => {
      const rules = [...new Set(openings.map((each) => opened(path, each)))].filter((rule) => rule !== '');
      decides(rules, path);
    }),
    { numRuns: 3_000 },
  );
});

test('ranks order rules as the documentation does, also those of different paths', () => {
  fc.assert(
    fc.property(rulePath, rulePath, requestPath, requestPath, (one, other, here, there) => {
      const matcher = buildMatcher([one, other].map((path) => ({ path, value: path })));
      const a = matcher.wildcard(here);
      const b = matcher.wildcard(there);
      if (a === undefined || b === undefined || a.value === b.value) return;
      assert.equal(a.rank < b.rank, givesWay(a.value, b.value));
    }),
    { numRuns: 1_000 },
  );
});

test('rules built to branch at every segment cost no more than there are rules', () => {
  const depth = 12;
  const rules = Array.from({ length: 2 ** depth }, (_, bits) =>
    Array.from({ length: depth }, (_unused, at) => ((bits >> at) & 1 ? '+' : 'a')).join('/'),
  );
  const matcher = buildMatcher(rules.map((path) => ({ path, value: path })));
  const path = Array.from({ length: depth }, () => 'a').join('/');
  assert.equal(matcher.wildcard(path)?.value, [...Array.from({ length: depth - 1 }, () => 'a'), '+'].join('/'));
  assert.equal(matcher.wildcard(`${path}/a`), undefined);
});

test('a path of thousands of segments is no trouble', () => {
  const path = 'a/'.repeat(5_000);
  const matcher = buildMatcher(['a/*', `${'+/'.repeat(900)}*`].map((rule) => ({ path: rule, value: rule })));
  assert.equal(matcher.wildcard(path)?.value, 'a/*');
});
