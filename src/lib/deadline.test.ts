import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deadline } from './deadline.ts';

test('ends when its time is over, with a TimeoutError', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  using limit = deadline(100);
  assert.equal(limit.signal.aborted, false);
  t.mock.timers.tick(100);
  assert.equal((limit.signal.reason as Error).name, 'TimeoutError');
  assert.equal(limit.over, true);
});

test('ends with the other signal, before or after it began, with its reason', () => {
  const ending = new AbortController();
  using limit = deadline(60_000, ending.signal);
  ending.abort('why');
  using late = deadline(60_000, ending.signal);
  assert.deepEqual([limit.signal.reason, limit.over, late.signal.reason], ['why', false, 'why']);
});

test('once disposed of, neither the time nor the other signal ends it', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const ending = new AbortController();
  const limit = deadline(100, ending.signal);
  limit[Symbol.dispose]();
  ending.abort();
  t.mock.timers.tick(100);
  assert.equal(limit.signal.aborted, false);
});
