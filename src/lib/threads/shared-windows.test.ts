import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { LONGEST_WINDOW_MS, SharedWindows, type WindowRule } from './shared-windows.ts';

const NOW = Date.UTC(2026, 0, 1);
const rule: WindowRule = { limit: 3, intervalMs: 1_000, blockMs: 0 };

describe('windows', () => {
  test('as many uses as the limit, then none until the window ends', () => {
    const windows = new SharedWindows(undefined, NOW);
    const take = (after: number) => windows.take('a', rule, NOW + after);
    assert.deepEqual(take(0), { allowed: true, remaining: 2, resetMs: 1_000 });
    assert.deepEqual(take(100), { allowed: true, remaining: 1, resetMs: 900 });
    assert.deepEqual(take(200), { allowed: true, remaining: 0, resetMs: 800 });
    assert.deepEqual(take(999), { allowed: false, remaining: 0, resetMs: 1 });
    assert.deepEqual(take(1_000), { allowed: true, remaining: 2, resetMs: 1_000 });
  });

  test('one too many blocks for as long as the rule says, from then on', () => {
    const windows = new SharedWindows(undefined, NOW);
    const take = (after: number) => windows.take('a', { ...rule, limit: 1, blockMs: 5_000 }, NOW + after);
    assert.equal(take(0).allowed, true);
    assert.deepEqual(take(900), { allowed: false, remaining: 0, resetMs: 5_000 });
    assert.deepEqual(take(2_900), { allowed: false, remaining: 0, resetMs: 3_000 }, 'asking again does not prolong it');
    assert.equal(take(5_900).allowed, true);
  });

  test('the longest interval holds from the first moment on, and a short one after years without a restart', () => {
    const windows = new SharedWindows(undefined, NOW);
    const year = 365 * 24 * 3_600_000;
    const long = { limit: 1, intervalMs: LONGEST_WINDOW_MS, blockMs: 0 };
    const take = (key: string, each: WindowRule, after: number) => windows.take(key, each, NOW + after).allowed;
    assert.deepEqual([take('a', long, 0), take('a', long, 1), take('a', long, year)], [true, false, false]);
    for (const since of [2 ** 35, 2 * year, 3 * year]) {
      const [at, short] = [String(since), { ...rule, limit: 1 }];
      assert.deepEqual([take(at, short, since), take(at, short, since + 1)], [true, false], `${at} ms`);
    }
    const most = 100_000_000;
    const blocked = { limit: most, intervalMs: 1_000, blockMs: 1_000 };
    assert.equal(windows.take('most', blocked, NOW).remaining, most - 1);
  });

  test('keys are counted apart', () => {
    const windows = new SharedWindows(undefined, NOW);
    for (let key = 0; key < 5_000; key += 1) {
      for (let use = 0; use < rule.limit; use += 1) assert.ok(windows.take(`${key}`, rule, NOW).allowed);
    }
    for (let key = 0; key < 5_000; key += 1) assert.equal(windows.take(`${key}`, rule, NOW).allowed, false);
  });

  test('a table that is full goes on: a window gives way', () => {
    const windows = new SharedWindows(undefined, NOW);
    for (let key = 0; key < 150_000; key += 1) assert.ok(windows.take(`${key}`, { ...rule, limit: 1 }, NOW).allowed);
  });

  test('a clock that is set back does not leave a window without an end', () => {
    const windows = new SharedWindows(undefined, NOW);
    const one = { ...rule, limit: 1 };
    assert.ok(windows.take('a', one, NOW + 3_600_000).allowed);
    assert.ok(windows.take('a', one, NOW).allowed);
  });

  test('threads count together, and none of their uses is lost', async () => {
    const windows = new SharedWindows(undefined, NOW);
    const uses = 20_000;
    const code = `
      const { workerData, parentPort } = require('node:worker_threads');
      import(workerData.module).then(({ SharedWindows }) => {
        const windows = new SharedWindows(workerData.memory);
        let allowed = 0;
        for (let at = 0; at < ${uses}; at += 1) {
          if (windows.take('a', { limit: ${uses * 2 + 10}, intervalMs: 1e6, blockMs: 0 }, ${NOW}).allowed) allowed += 1;
        }
        parentPort.postMessage(allowed);
      });`;
    const module = new URL('shared-windows.ts', import.meta.url).href;
    const workers = [1, 2].map(() => new Worker(code, { eval: true, workerData: { module, memory: windows.memory } }));
    await Promise.all(workers.map((worker) => once(worker, 'exit')));
    const left = windows.take('a', { limit: uses * 2 + 10, intervalMs: 1e6, blockMs: 0 }, NOW);
    assert.deepEqual(left, { allowed: true, remaining: 9, resetMs: 1e6 });
  });
});
