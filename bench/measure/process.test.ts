import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cpuTime, machineCpuTime, memoryOf, pageFaults, parseStat } from './process.ts';

const after = 'S 1 2 3 4 5 6 7 8 9 10 150 50 30 20 20 0 7';

test('CPU is user and system time, whatever the name of the program', () => {
  for (const name of ['node', 'a b', 'x) R 9 (y', ') 1 2 3']) {
    assert.deepEqual(parseStat(`4711 (${name}) ${after}`), { own: 2_000_000, children: 500_000 });
  }
});

test('a page that is touched for the first time is a page fault', () => {
  const before = pageFaults(process.pid);
  Buffer.alloc(4 * 1024 ** 2, 1);
  assert.ok(pageFaults(process.pid) > before);
});

test('this process uses CPU and memory, the machine at least as much', () => {
  const { own } = cpuTime(process.pid);
  const machine = machineCpuTime();
  assert.ok(own > 0 && machine >= own, `${own} of ${machine}`);
  const { anonymous, file, resident } = memoryOf(process.pid);
  assert.ok(anonymous > 0 && file > 0 && resident >= anonymous + file);
});
