/**
 * A process that writes is killed, again and again, at random moments and at each failpoint of a commit; what it left is
 * checked after each kill. `node test/faults/storage-crash.test.ts --rounds=<n> --seed=<seed>` for more, or again.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { parseArgs } from 'node:util';
import fc from 'fast-check';
import { Acknowledged, checkStore } from './storage-check.ts';

const { values: flags } = parseArgs({
  options: { seed: { type: 'string' }, rounds: { type: 'string' } },
  strict: false,
});
const seed = Number(flags.seed ?? (Math.random() * 2 ** 31) | 0);
const rounds = Number(flags.rounds ?? 15);

const FAILPOINTS = [
  'storage.before-commit',
  'storage.in-commit',
  'storage.after-flush-before-publish',
  'storage.in-compact',
  'storage.in-journal',
  'storage.before-first-checkpoint',
  'storage.in-checkpoint',
  'storage.in-slots',
  'storage.after-checkpoint',
  'storage.in-replay',
] as const;

/** Which hits kill, where it is not the first, the second and the 25th. */
const HITS: Readonly<Record<string, readonly number[]>> = {
  'storage.in-compact': [1, 1],
  'storage.before-first-checkpoint': [1],
  // Killed while it goes back and on again what the kill before left.
  'storage.in-replay': [1],
};

const writer = join(import.meta.dirname, 'storage-writer.ts');

function directory(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'lockstep-crash-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** Runs the writer until it dies, by a failpoint or by a kill after `acknowledgements` lines. Gives what it printed. */
async function runUntilKilled(
  path: string,
  options: { acknowledgements?: number; failpoints?: string },
): Promise<string> {
  const args = [writer, path, ...(options.failpoints === undefined ? [] : [options.failpoints])];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  let lines = 0;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    lines += text.split('\n').length - 1;
    if (options.acknowledgements !== undefined && lines >= options.acknowledgements) child.kill('SIGKILL');
  });
  // `close`, not `exit`: only then all that it printed has been read.
  const [, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  assert.equal(signal, 'SIGKILL', `the writer ended by itself: ${output.slice(-200)}`);
  return output;
}

test('SIGKILL at random moments loses nothing acknowledged and applies nothing half', async (t) => {
  t.diagnostic(`seed ${seed}, ${rounds} rounds`);
  const path = directory(t);
  const acknowledged = new Acknowledged();
  const moments = fc.sample(fc.integer({ min: 1, max: 600 }), { seed, numRuns: rounds });
  for (const acknowledgements of moments) {
    const before = acknowledged.lines;
    acknowledged.read(await runUntilKilled(path, { acknowledgements }));
    assert.ok(acknowledged.lines - before >= acknowledgements);
    await checkStore(path, acknowledged);
  }
});

for (const name of FAILPOINTS) {
  test(`SIGKILL at ${name} loses nothing acknowledged and applies nothing half`, async (t) => {
    const path = directory(t);
    const acknowledged = new Acknowledged();
    for (const hit of HITS[name] ?? [1, 2, 25]) {
      if (hit === 1) acknowledged.read(await runUntilKilled(path, { acknowledgements: 200 }));
      // Closes it, so that the next has nothing to bring back.
      if (hit === 1 && name !== 'storage.in-replay') await checkStore(path, acknowledged);
      acknowledged.read(await runUntilKilled(path, { failpoints: `${name}=kill@${hit}` }));
      await checkStore(path, acknowledged);
    }
    assert.ok(acknowledged.lines > 0);
  });
}
