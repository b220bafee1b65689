import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
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

  test('holds what a program loaded that was killed', async () => {
    const folder = join(home, 'killed');
    const module = join(import.meta.dirname, 'compile-cache.ts');
    const script = `import { enableCompileCache } from ${JSON.stringify(module)};
      enableCompileCache(${JSON.stringify(folder)});
      await import(${JSON.stringify(join(import.meta.dirname, 'defined.ts'))});
      setInterval(() => {}, 1_000);`;
    const env = { PATH: process.env['PATH'] };
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { env, stdio: 'ignore' });
    const kept = () => existsSync(folder) && readdirSync(folder, { recursive: true }).length > 1;
    while (!kept() && child.exitCode === null) await new Promise((resolve) => setImmediate(resolve));
    child.kill('SIGKILL');
    await once(child, 'exit');
    assert.ok(kept());
  });

  test('is refused where others could write to it', () => {
    const folder = join(home, 'open');
    mkdirSync(folder);
    chmodSync(folder, 0o770);
    assert.equal(enable(folder), false);
    assert.deepEqual(readdirSync(folder), []);
  });

  test('is done without where there is no folder to make', () => {
    writeFileSync(join(home, 'file'), '');
    assert.equal(enable(join(home, 'file/below')), false);
  });
});
