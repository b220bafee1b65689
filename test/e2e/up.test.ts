/** The whole product on one machine, as a user starts it. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
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
