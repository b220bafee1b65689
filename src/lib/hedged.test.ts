import assert from 'node:assert/strict';
import { test } from 'node:test';

import { hedged } from './hedged.ts';

const { signal } = new AbortController();
const never = (within: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    within.addEventListener('abort', () => {
      reject(new Error('aborted'));
    });
  });

test('one that hangs holds nobody up, and is aborted once another has succeeded', async () => {
  let aborted = false;
  const hanging = (within: AbortSignal): Promise<string> => {
    within.addEventListener('abort', () => {
      aborted = true;
    });
    return never(within);
  };
  assert.equal(await hedged([hanging, async () => 'second'], { headStart: 1, signal }), 'second');
  assert.equal(aborted, true);
});

test('the next is asked at once when one has failed, and not at all when the first succeeds', async () => {
  const asked: string[] = [];
  const tries = [
    async () => {
      asked.push('one');
      throw new Error('one');
    },
    async () => {
      asked.push('two');
      return 'two';
    },
    async () => {
      asked.push('three');
      return 'three';
    },
  ];
  assert.equal(await hedged(tries, { headStart: 2 ** 30, signal }), 'two');
  assert.deepEqual(asked, ['one', 'two']);
});

test('all failures are told in their order; none to ask is one too', async () => {
  const failing = (reason: string) => async () => {
    throw new Error(reason);
  };
  await assert.rejects(hedged([failing('a'), failing('b')], { headStart: 0, signal }), (error: AggregateError) => {
    assert.deepEqual(
      error.errors.map((each: Error) => each.message),
      ['a', 'b'],
    );
    return true;
  });
  await assert.rejects(hedged([], { headStart: 0, signal }), AggregateError);
  const over = new AbortController();
  const work = hedged([never], { headStart: 0, signal: over.signal });
  over.abort();
  await assert.rejects(work, AggregateError);
});
