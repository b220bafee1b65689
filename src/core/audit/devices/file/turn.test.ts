import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openLogFile } from './log-file.ts';
import { Turn } from './turn.ts';

test('work in one turn never overlaps with work in another one over the same memory', async () => {
  const first = new Turn();
  const second = new Turn(first.memory);
  const steps: string[] = [];
  const work = (name: string) => async (): Promise<void> => {
    steps.push(`${name} begins`);
    await new Promise((resolve) => setImmediate(resolve));
    steps.push(`${name} ends`);
  };
  await Promise.all([first.run(work('a')), second.run(work('b')), first.run(work('c'))]);
  assert.equal(steps.length, 6);
  for (let at = 0; at < 6; at += 2) assert.equal(steps[at]?.replace('begins', 'ends'), steps[at + 1]);
});

test('work that is to run at once does not wait for another thread that keeps the turn', async () => {
  const first = new Turn();
  const second = new Turn(first.memory);
  const { promise, resolve } = Promise.withResolvers<void>();
  const held = first.run(() => promise);
  assert.equal(
    second.runNow(() => 1),
    undefined,
  );
  resolve();
  await held;
  assert.deepEqual(
    second.runNow(() => 2),
    { value: 2 },
  );
  assert.throws(
    () =>
      second.runNow(() => {
        throw new Error('x');
      }),
    /x/,
  );
  assert.deepEqual(
    first.runNow(() => 3),
    { value: 3 },
  );
});

test('a device records while another thread keeps the turn, once it is given up', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-turn-'));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  const path = join(folder, 'audit.log');
  const turn = new Turn();
  const device = await openLogFile({ path, mode: undefined, sync: false, warn: () => undefined, turn });
  const { promise, resolve } = Promise.withResolvers<void>();
  const held = turn.run(() => promise);
  const recorded = device.record('a\n');
  assert.equal(readFileSync(path, 'utf8'), '');
  resolve();
  await held;
  await recorded;
  await device[Symbol.asyncDispose]();
  assert.equal(readFileSync(path, 'utf8'), 'a\n');
});

test('a turn is given on when the work in it fails', async () => {
  const turn = new Turn();
  await assert.rejects(
    turn.run(() => Promise.reject(new Error('x'))),
    /x/,
  );
  assert.equal(await turn.run(() => Promise.resolve(1)), 1);
});

test('two devices on one file keep their lines apart, also behind a line that was cut off', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-turn-'));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  const path = join(folder, 'audit.log');
  const turn = new Turn();
  const open = () => openLogFile({ path, mode: undefined, sync: false, warn: () => undefined, turn });
  const [one, other] = [await open(), await open()];
  await Promise.all([one.record('a\n'), other.record('b\n'), one.record('c\n'), other.record('d\n')]);
  // As after a write of the first one that the disk cut: the second one must know.
  await one.record('cut');
  await turn.run(() => {
    turn.torn = true;
    return Promise.resolve();
  });
  await other.record('e\n');
  await one.record('f\n');
  await Promise.all([one, other].map((device) => device[Symbol.asyncDispose]()));
  const lines = readFileSync(path, 'utf8').split('\n');
  assert.deepEqual(lines.slice(0, 4).toSorted(), ['a', 'b', 'c', 'd']);
  assert.deepEqual(lines.slice(4), ['cut', 'e', 'f', '']);
});
