import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';

describe('the compile cache', () => {
  const home = mkdtempSync(join(tmpdir(), 'lockstep-cache-'));
  after(() => rmSync(home, { recursive: true }));

  /** In a process of its own, since a process can enable it once. */
  function enable(folder: string): boolean {
    const module = join(import.meta.dirname, 'compile-cache.ts');
    const script = `import { enableCompileCache } from ${JSON.stringify(module)};
      console.log(enableCompileCache(${JSON.stringify(folder)}));`;
    const env = { PATH: process.env['PATH'] };
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      env,
      encoding: 'utf8',
    });
    assert.match(stdout, /^(true|false)\n$/, stderr);
    return stdout === 'true\n';
  }

  test('is made for its user alone', () => {
    const folder = join(home, 'a/b');
    assert.equal(enable(folder), true);
    assert.equal(statSync(folder).mode & 0o777, 0o700);
  });

  test('is refused where others could write to it', () => {
    const folder = join(home, 'open');
    mkdirSync(folder);
    chmodSync(folder, 0o770);
    assert.equal(enable(folder), false);
    assert.equal(existsSync(join(folder, 'v24')), false);
  });

  test('is done without where there is no folder to make', () => {
    writeFileSync(join(home, 'file'), '');
    assert.equal(enable(join(home, 'file/below')), false);
  });
});
