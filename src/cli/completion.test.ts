import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { commandTree } from './command-tree.ts';
import { bash as bashScript, fish as fishScript, zsh as zshScript } from './completion-scripts.ts';

const scripts = { bash: bashScript, fish: fishScript, zsh: zshScript };
const folder = mkdtempSync(join(tmpdir(), 'lockstep-completion-'));
const file = (shell: keyof typeof scripts): string => join(folder, `lockstep.${shell}`);

before(async () => {
  const tree = await commandTree();
  for (const shell of ['bash', 'zsh', 'fish'] as const) writeFileSync(file(shell), scripts[shell](tree));
});

function has(shell: string): boolean {
  return spawnSync(shell, ['-c', 'true']).error === undefined;
}

function must(command: string, args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', env: { PATH: process.env['PATH'] } });
  assert.equal(status, 0, `${command}: ${stderr}`);
  assert.equal(stderr, '');
  return stdout;
}

/** What bash offers for a line whose last word is being typed, split as readline splits it. */
function bash(...words: readonly string[]): readonly string[] {
  const script = [
    'compopt() { :; }',
    `. "${file('bash')}"`,
    `COMP_WORDS=(lockstep ${words.map((word) => `'${word}'`).join(' ')})`,
    'COMP_CWORD=$((${#COMP_WORDS[@]} - 1))',
    '_lockstep',
    'printf "%s\\n" "${COMPREPLY[@]}"',
  ].join('\n');
  return must('bash', ['--norc', '-uc', script]).trim().split('\n');
}

/** What zsh offers: its completion functions are replaced by ones that print. */
function zsh(...words: readonly string[]): readonly string[] {
  const script = [
    'compdef() { :; }; compset() { :; }; _files() { print -l FILES; }',
    'compadd() { shift; print -l -- "$@"; }',
    `. "${file('zsh')}"`,
    `words=(lockstep ${words.map((word) => `'${word}'`).join(' ')}); CURRENT=$#words`,
    '_lockstep',
  ].join('\n');
  return must('zsh', ['-fc', script]).trim().split('\n');
}

/** Fish completes a line by itself. */
function fish(line: string): readonly string[] {
  const offered = must('fish', ['--no-config', '-c', `source ${file('fish')}; complete -C '${line}'`]);
  return offered.split('\n').map((one) => one.split('\t')[0] ?? '');
}

test('bash', { skip: has('bash') ? false : 'there is no bash here' }, () => {
  must('bash', ['-n', file('bash')]);
  assert.deepEqual(bash('st'), ['status']);
  assert.deepEqual(bash('kv', 'me'), ['metadata']);
  assert.deepEqual(bash('kv', 'metadata', ''), ['delete', 'get', 'patch', 'put']);
  assert.deepEqual(bash('kv', 'get', '-fi'), ['-field']);
  assert.deepEqual(bash('kv', 'get', '--fi'), ['-field']);
  assert.deepEqual(bash('kv', 'get', '-format', '=', 'j'), ['json']);
  assert.deepEqual(bash('kv', 'get', '-format', ''), ['table', 'json', 'yaml', 'raw']);
  assert.deepEqual(bash('kv', 'get', 'secret/a', '-ver'), ['-version']);
  assert.deepEqual(bash('kv', 'get', '-mount', '='), [''], 'a free value offers nothing of ours');
  assert.ok(bash('server', '').every((word) => word === ''));
  assert.ok(bash('').includes('wait'));
});

test('zsh', { skip: has('zsh') ? false : 'there is no zsh here' }, () => {
  must('zsh', ['-n', file('zsh')]);
  assert.deepEqual(zsh('kv', 'metadata', ''), ['delete', 'get', 'patch', 'put']);
  assert.ok(zsh('kv', 'get', '-').includes('-field'));
  assert.deepEqual(zsh('kv', 'get', '-format', ''), ['table', 'json', 'yaml', 'raw']);
  assert.deepEqual(zsh('kv', 'get', '-format=j'), ['table', 'json', 'yaml', 'raw']);
  assert.deepEqual(zsh('kv', 'get', '-mount', ''), ['FILES']);
});

test('fish', { skip: has('fish') ? false : 'there is no fish here' }, () => {
  must('fish', ['--no-execute', file('fish')]);
  assert.ok(fish('lockstep st').includes('status'));
  assert.deepEqual(fish('lockstep kv metadata ').filter(Boolean), ['delete', 'get', 'patch', 'put']);
  assert.ok(fish('lockstep kv get -fi').includes('-field'));
  assert.ok(!fish('lockstep kv put -').includes('-versions'));
  assert.deepEqual(fish('lockstep kv get -format ').filter(Boolean).sort(), ['json', 'raw', 'table', 'yaml']);
});
