import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

const launcher = join(import.meta.dirname, '../../bin/lockstep');
/** In place of Node: says its version, and otherwise what `bin/lockstep` told the C library. */
const node = '#!/bin/sh\n[ "$1" = --version ] && echo v24.0.0 || env | grep ^MALLOC_ | sort\n';

/** Starts `bin/lockstep` as a package has it, over a Node that only shows variables. */
function launched(t: TestContext, args: readonly string[], env: Readonly<Record<string, string>> = {}): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-launcher-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  copyFileSync(launcher, join(bin, 'lockstep'));
  writeFileSync(join(bin, 'node'), node);
  chmodSync(join(bin, 'node'), 0o755);
  const found = spawnSync(join(bin, 'lockstep'), args, {
    encoding: 'utf8',
    env: { PATH: `${bin}:/usr/bin:/bin`, ...env },
  });
  assert.equal(found.status, 0, found.stderr);
  return found.stdout.trim().split('\n');
}

test('what compilers take is mapped by itself in a server, and in no program that an agent runs', (t) => {
  assert.deepEqual(launched(t, ['server']), ['MALLOC_ARENA_MAX=2', 'MALLOC_MMAP_THRESHOLD_=32768']);
  assert.deepEqual(launched(t, ['agent']), ['MALLOC_ARENA_MAX=2']);
});

test('what an operator tells the C library stands', (t) => {
  const env = { MALLOC_ARENA_MAX: '4', MALLOC_MMAP_THRESHOLD_: '65536' };
  assert.deepEqual(launched(t, ['server'], env), ['MALLOC_ARENA_MAX=4', 'MALLOC_MMAP_THRESHOLD_=65536']);
});
