import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silent } from '../lib/log.ts';
import { CommandRunner } from './command-runner.ts';
import { SecretFiles } from './files.ts';
import { withoutAnswer } from './leases.ts';
import { Metrics } from './metrics.ts';
import { keyOf, type Question } from './source.ts';
import type { Target } from './target.ts';

test('what was made without an answer is due again in its time, and not with each reading', async () => {
  let up = 0;
  const metrics = new Metrics();
  const files = new SecretFiles({
    ...{
      stamps: () => ({ boot: 'b', up, wall: up }),
      commands: new CommandRunner(silent, metrics),
      log: silent,
      metrics,
    },
    ...{ staleMax: 60, renewAt: 0.9, patience: Number.POSITIVE_INFINITY },
    ...{ changed: () => undefined, fatal: () => undefined },
  });
  const question: Question = { kind: 'write', path: 'transit/keys/a', body: {}, optional: false };
  const key = keyOf(question);
  const needs = new Map([[key, question]]);
  const target: Target = {
    ...{ name: 'it', destination: undefined, command_timeout: 0, impure: false, fatal: false, impatient: false },
    render: () => ({ needs, put: undefined }),
  };
  await files.prepare([target]);
  assert.deepEqual(files.duePaths, [key]);
  await files.refresh(key, () => Promise.resolve({ kind: 'missing', destroyed: false, lease: withoutAnswer({}) }));
  assert.deepEqual(files.duePaths, []);
  up = 271;
  assert.deepEqual(files.duePaths, [key]);
});
