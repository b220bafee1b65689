/** A path comes from whoever may write a store, and so does the answer: neither may hold up the controller. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProviderProblem } from '../contract.ts';
import { valueAt } from './json-path.ts';

const tooMuch = (error: unknown): boolean =>
  error instanceof ProviderProblem && error.kind === 'invalid' && /looks at more than \d+ values/.test(error.message);

function nested(depth: number): unknown {
  return depth === 0 ? [0] : [nested(depth - 1), 0];
}

const wide = Array.from({ length: 100_000 }, () => 0);
const large = Array.from({ length: 30_000 }, (_, n) => n);

const bombs: Readonly<Record<string, readonly [path: string, document: unknown]>> = {
  'a filter that searches the whole answer for each value': ['$[?count($..*) == 1]', wide],
  'a search below a search below a search': ['$..*..*..*..*..*[?@.x==1]', nested(45)],
  'a comparison of large values for each value': [
    '$.each[?$.one == $.two && @ == 1]',
    { one: large, two: [...large], each: wide },
  ],
  'a filter of many comparisons': [`$[?${Array.from({ length: 400 }, () => '@==1').join('||')}]`, wide],
};

for (const [what, [path, document]] of Object.entries(bombs)) {
  test(`a path of result.jsonPath that would never end is refused: ${what}`, async () => {
    await assert.rejects(valueAt(path, document), tooMuch);
  });
}

test('a search through an answer of thousands of values finds the first, and stops there', async () => {
  const document = { users: Array.from({ length: 5_000 }, (_, n) => ({ name: `u${String(n)}`, pw: `p${String(n)}` })) };
  assert.equal(await valueAt('$..users[?@.name == "u4999"].pw', document), 'p4999');
  assert.equal(await valueAt('$..pw', document), 'p0');
  assert.deepEqual(await valueAt('$.users', document), { name: 'u0', pw: 'p0' });
  assert.equal(await valueAt('$..none', document), undefined);
});

test('a path longer than any that names one value is not parsed', async () => {
  await assert.rejects(valueAt(`$${'.a'.repeat(4_096)}`, {}), /more than 4096 characters/);
});
