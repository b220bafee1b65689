/** The whole product on one machine, as a user starts it. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const EXECUTABLE = fileURLToPath(new URL('../../bin/lockstep', import.meta.url));

test('a secret stored at the hub reaches files in two regions, and keeps reaching them when the hub is gone', async (t) => {
  const up = spawn(EXECUTABLE, ['up', '--check'], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [up.stdout, up.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  }
  const [code] = (await once(up, 'exit')) as [number | null];
  for (const line of said.split('\n')) t.diagnostic(line);
  assert.equal(code, 0, said);
  assert.match(said, /all is so/);
});

test(
  'ended while it starts, it leaves no process and no file: they hold root tokens',
  { timeout: 60_000 },
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'lockstep-up-test-'));
    t.after(() => {
      rmSync(folder, { recursive: true, force: true });
    });
    const up = spawn(EXECUTABLE, ['up'], {
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { ...process.env, TMPDIR: folder },
    });
    let said = '';
    let told = false;
    for await (const text of up.stdout.setEncoding('utf8')) {
      said += String(text);
      // Once: told twice, it would end without cleaning up.
      if (!told && /starting the region/.test(said)) told = up.kill('SIGINT');
    }
    if (up.exitCode === null) await once(up, 'exit');
    assert.equal(up.exitCode, 0, said);
    assert.doesNotMatch(said, /Try in another shell/);
    assert.deepEqual(readdirSync(folder), []);
  },
);
