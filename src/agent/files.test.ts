import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silent } from '../lib/log.ts';
import { CommandRunner } from './command-runner.ts';
import { SecretFiles } from './files.ts';
import { withoutAnswer } from './leases.ts';
import { Metrics } from './metrics.ts';
import { keyOf, type Answer, type Question } from './source.ts';
import type { Target } from './target.ts';

const opened = (up: () => number): SecretFiles => {
  const metrics = new Metrics();
  return new SecretFiles({
    ...{ stamps: () => ({ boot: 'b', up: up(), wall: up() }), commands: new CommandRunner(silent, metrics) },
    ...{ log: silent, metrics, staleMax: 60, renewAt: 0.9, patience: Number.POSITIVE_INFINITY },
    ...{ changed: () => undefined, fatal: () => undefined },
  });
};

const common = {
  ...{ name: 'it', destination: undefined, command_timeout: 0, impure: false, fatal: false, impatient: false },
};

const questionOf = (path: string): Question => ({ kind: 'read', path, optional: false });

test('the lease of an answer that comes when nothing shows its secret any more is not held', async () => {
  const files = opened(() => 0);
  let path = 'database/creds/a';
  const target: Target = {
    ...common,
    render: () => ({ needs: new Map([path, 'kv/b'].map((each) => [each, questionOf(each)])), put: undefined }),
  };
  await files.prepare([target]);
  const answered = Promise.withResolvers<Answer>();
  const reading = files.refresh(path, () => answered.promise);
  path = 'database/creds/b';
  await files.refresh('kv/b', () => Promise.resolve({ kind: 'found', data: { a: 1 }, version: 1 }));
  assert.ok(!files.paths.includes('database/creds/a'));
  const lease = { id: 'x', seconds: 60, renewable: true, first: 60, holder: {} };
  answered.resolve({ kind: 'found', data: {}, version: undefined, lease });
  assert.equal(await reading, true);
  assert.deepEqual([files.leases.due, files.leases.next(new Set())], [[], Number.POSITIVE_INFINITY]);
});

test('what was made without an answer is due again in its time, and not with each reading', async () => {
  let up = 0;
  const files = opened(() => up);
  const question: Question = { kind: 'write', path: 'transit/keys/a', body: {}, optional: false };
  const key = keyOf(question);
  const needs = new Map([[key, question]]);
  const target: Target = {
    ...common,
    render: () => ({ needs, put: undefined }),
  };
  await files.prepare([target]);
  assert.deepEqual(files.duePaths, [key]);
  await files.refresh(key, () => Promise.resolve({ kind: 'missing', destroyed: false, lease: withoutAnswer({}) }));
  assert.deepEqual(files.duePaths, []);
  up = 271;
  assert.deepEqual(files.duePaths, [key]);
});
