import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { count, line } from './outcome.ts';
import { runFile } from './test-file.ts';

describe('running a test file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-suites-'));
  after(() => rmSync(folder, { recursive: true }));

  async function run(source: string, seconds = 60): Promise<{ sum: string; details: string; output: string }> {
    writeFileSync(join(folder, 'x.test.mjs'), `import { describe, test } from 'node:test';\n${source}`);
    const { outcomes, output } = await runFile(folder, 'x.test.mjs', seconds);
    const details = outcomes.map(({ name, detail }) => `${name}: ${detail ?? ''}`).join('\n');
    return { sum: line(count(outcomes)), details, output };
  }

  test('counts what passed, failed and was skipped, subtests included', async () => {
    const { sum, details } = await run(`
      describe('group', () => {
        test('good', () => {});
        test('bad', () => { throw new Error('the reason') });
        test('left out', { skip: 'no compiler' }, () => {});
      });
      test('outer', async (t) => { await t.test('inner', () => {}) });`);
    assert.equal(sum, '3 passed, 1 failed, 1 skipped');
    assert.match(details, /group › bad: Error: the reason/);
    assert.match(details, /group › left out: no compiler/);
    assert.match(details, /outer › inner/);
  });

  test('takes a skip without a reason for a failure', async () => {
    assert.equal((await run(`test('x', { skip: true }, () => {});`)).sum, '0 passed, 1 failed, 0 skipped');
  });

  test('takes a file that breaks outside of its tests, or holds none, for a failure', async () => {
    const broken = await run(`test('x', () => {}); console.error('said'); process.on('exit', () => process.exit(3));`);
    assert.equal(broken.sum, '1 passed, 1 failed, 0 skipped');
    assert.match(broken.details, /exit code 3/);
    assert.equal(broken.output, 'said\n');
    assert.match((await run('')).details, /holds no test/);
    assert.equal((await run('syntax error')).sum, '0 passed, 1 failed, 0 skipped');
  });

  test('fails a hook that fails', async () => {
    const { sum } = await run(`import { before } from 'node:test';
      describe('group', () => { before(() => { throw new Error('no server') }); test('x', () => {}); });`);
    assert.match(sum, /^0 passed, [1-9]/);
  });

  test('ends a file that hangs, with the processes that it started', async () => {
    const pid = join(folder, 'pid');
    const { sum, details } = await run(
      `import { spawn } from 'node:child_process';
       import { writeFileSync } from 'node:fs';
       test('x', async () => {
         writeFileSync(${JSON.stringify(pid)}, String(spawn('sleep', ['600']).pid));
         setInterval(() => {}, 1000);
         await new Promise(() => {});
       });`,
      2,
    );
    assert.equal(sum, '0 passed, 1 failed, 0 skipped');
    assert.match(details, /no end within 2 s/);
    assert.ok(isGone(Number(readFileSync(pid, 'utf8'))));
  });
});

/** Ended, or only waiting for whoever inherits it to take note. */
function isGone(pid: number): boolean {
  try {
    return /^State:\s*[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return true;
  }
}
