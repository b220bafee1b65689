import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { isLockstepError } from '../errors.ts';
import { armFailpoints, failpoint } from './failpoint.ts';

const module = new URL('./failpoint.ts', import.meta.url).href;

function run(spec: string): { signal: NodeJS.Signals | null; out: string } {
  const program = `
    const { armFailpoints, failpoint } = await import(${JSON.stringify(module)});
    const { writeSync } = await import('node:fs');
    armFailpoints(${JSON.stringify(spec)});
    for (const name of ['a.one', 'a.two', 'a.one', 'a.two']) { failpoint(name); writeSync(1, name + ' '); }`;
  const { signal, stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', program]);
  return { signal, out: stdout.toString() };
}

test('an armed failpoint kills the process at the hit that was asked for, before anything else runs', () => {
  assert.deepEqual(run('a.one=kill'), { signal: 'SIGKILL', out: '' });
  assert.deepEqual(run('b=kill, a.two=kill@2'), { signal: 'SIGKILL', out: 'a.one a.two a.one ' });
  assert.deepEqual(run('a.two=kill@3'), { signal: null, out: 'a.one a.two a.one a.two ' });
});

test('what is not armed does nothing', () => {
  failpoint('a.one');
  armFailpoints('');
  failpoint('a.one');
});

test('a specification that says something else is refused', () => {
  for (const spec of [
    'a',
    'a=die',
    'a=kill@0',
    'a=kill@x',
    'a b=kill',
    '=kill',
    'a=kill;b=kill',
    'a=kill@99999999999',
  ]) {
    assert.throws(() => armFailpoints(spec), (error) => isLockstepError(error, 'invalidConfig'), spec); // prettier-ignore
  }
});
