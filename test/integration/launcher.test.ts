import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

const launcher = join(import.meta.dirname, '../../bin/lockstep');
/** In place of Node: says its version, and otherwise what `bin/lockstep` told the C library, and its arguments as the last line. */
const nodeOf = (version: string): string =>
  `#!/bin/sh\n[ "$1" = --version ] && echo ${version} && exit\nenv | grep ^MALLOC_ | sort; echo "$*"\n`;

interface Launch {
  readonly env?: Readonly<Record<string, string>>;
  readonly version?: string;
}

/** Starts `bin/lockstep` as a package has it, over a Node that only shows what it was given. */
function launched(t: TestContext, args: readonly string[], { env = {}, version = 'v26.0.0' }: Launch = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-launcher-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  copyFileSync(launcher, join(bin, 'lockstep'));
  writeFileSync(join(bin, 'node'), nodeOf(version));
  chmodSync(join(bin, 'node'), 0o755);
  const found = spawnSync(join(bin, 'lockstep'), args, {
    encoding: 'utf8',
    env: { PATH: `${bin}:/usr/bin:/bin`, ...env },
  });
  assert.equal(found.status, 0, found.stderr);
  const lines = found.stdout.trim().split('\n');
  return { variables: lines.slice(0, -1), given: lines.at(-1)?.split(' ') ?? [] };
}

test('what compilers take is mapped by itself in a server, and in no program that an agent runs', (t) => {
  assert.deepEqual(launched(t, ['server']).variables, ['MALLOC_ARENA_MAX=2', 'MALLOC_MMAP_THRESHOLD_=32768']);
  assert.deepEqual(launched(t, ['agent']).variables, ['MALLOC_ARENA_MAX=2']);
});

test('what an operator tells the C library stands', (t) => {
  const env = { MALLOC_ARENA_MAX: '4', MALLOC_MMAP_THRESHOLD_: '65536' };
  assert.deepEqual(launched(t, ['server'], { env }).variables, ['MALLOC_ARENA_MAX=4', 'MALLOC_MMAP_THRESHOLD_=65536']);
});

test('flags of V8 are given to versions of Node that were tried, since any other ends at one that it does not know', (t) => {
  const flagsFor = (version: string): number => {
    const { given } = launched(t, ['server', '-dev'], { version });
    assert.deepEqual(given.slice(-2), ['server', '-dev']);
    assert.ok(given.includes('--disable-sigusr1'));
    return given.filter((each) => each.startsWith('--')).length;
  };
  assert.deepEqual(['v26.0.0', 'v26.10.0', 'v27.0.0', 'v100.1.0'].map(flagsFor), [9, 9, 2, 2]);
});

test('what a server compiles together is left to V8 in programs that do less', (t) => {
  const inlines = (command: string): boolean =>
    launched(t, [command]).given.some((each) => each.startsWith('--max-inlined'));
  assert.deepEqual(['server', 'agent', 'controller', 'status'].map(inlines), [true, false, false, false]);
});
