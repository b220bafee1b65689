import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Logger } from '../lib/log.ts';
import { Supervisor } from './supervisor.ts';

test('a variable that is too long for the kernel ends the agent in order, and is not told', async () => {
  const said: unknown[] = [];
  const write = (...words: unknown[]): number => said.push(words);
  const log = { info: write, warn: write, error: write } as unknown as Logger;
  const codes: number[] = [];
  const rules = { restart_on_secret_changes: 'never', restart_stop_signal: 'SIGTERM' } as const;
  const process = { command: ['/bin/true'], ...rules };
  const supervisor = new Supervisor({ process, log, ended: (code) => codes.push(code) });
  supervisor.variable('BUNDLE')('secret '.repeat(50_000));
  await supervisor.apply();
  assert.deepEqual(codes, [126]);
  assert.equal(await supervisor.stop(), undefined);
  assert.deepEqual(said, [['cannot run the process', { error: 'E2BIG' }]]);
});
