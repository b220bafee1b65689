import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { test } from 'node:test';
import type { Logger } from '../lib/log.ts';
import { CommandRunner } from './command-runner.ts';
import { Metrics } from './metrics.ts';

test('a command that cannot start is told of, and runs at the next change', async () => {
  const told = new EventEmitter<{ failed: [unknown] }>();
  const log = { error: (_said: string, { result }: { result: unknown }) => told.emit('failed', result) };
  const runner = new CommandRunner(log as unknown as Logger, new Metrics());
  // Node throws for the first of them, and tells of the second by an event.
  const commands = [
    ['a\0b', 'ERR_INVALID_ARG_VALUE'],
    ['/nowhere/at-all', 'ENOENT'],
    ['a\0b', 'ERR_INVALID_ARG_VALUE'],
  ] as const;
  for (const [file, result] of commands) {
    const failed = once(told, 'failed');
    runner.changed({ name: 's', command: [file], command_timeout: 10 });
    assert.deepEqual(await failed, [result]);
  }
});
