import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { run } from './main.ts';
import { terminalOf } from './terminal.testing.ts';

const folder = mkdtempSync(join(tmpdir(), 'lockstep-template-'));
process.on('exit', () => {
  rmSync(folder, { recursive: true });
});

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

async function template(
  argv: readonly string[],
  input = '',
): Promise<{ code: number; stdout: string; stderr: string }> {
  const { terminal, written } = terminalOf(input);
  const code = await run(['template', ...argv], terminal);
  return { code, ...written() };
}

const dsn = file('dsn.tmpl', 'postgres://{{ .user }}:{{ .password | urlquery }}@{{ .host | default "db" }}\n');

test('renders a file with data in JSON or YAML, and nothing besides', async () => {
  const yaml = file('data.yaml', 'user: ada\npassword: a/b\nhost: ""\n');
  const json = file('data.json', '{"user":"ada","password":"a/b","host":""}');
  for (const path of [yaml, json]) {
    const ran = await template([`-template=${dsn}`, `-data=${path}`]);
    assert.deepEqual(ran, { code: 0, stdout: 'postgres://ada:a%2Fb@db\n', stderr: '' });
  }
  const piped = await template(['-template=-', `-data=${json}`], '{{ len .user }}');
  assert.equal(piped.stdout, '3');
});

test('with -secret, values are texts alone', async () => {
  const numbers = file('numbers.yaml', 'user: 1\n');
  const refused = await template(['-secret', `-template=${dsn}`, `-data=${numbers}`]);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /the value of "user" is no text/);
  const index = file('index.tmpl', '[{{ index . "absent" }}]');
  const texts = file('texts.yaml', 'user: ada\n');
  assert.equal((await template(['-secret', `-template=${index}`, `-data=${texts}`])).stdout, '[]');
});

test('says where a template fails, with no part of the output and no value', async () => {
  const data = file('some.yaml', 'user: canary-4711\npassword: canary-4711\n');
  const ran = await template([`-template=${dsn}`, `-data=${data}`]);
  assert.notEqual(ran.code, 0);
  assert.equal(ran.stdout, '');
  assert.match(ran.stderr, /dsn\.tmpl:1:\d+: .* map has no entry for key "host"/);
  assert.doesNotMatch(ran.stderr, /canary/);
  const broken = await template([`-template=${dsn}`, `-data=${file('broken.yaml', 'a: [canary-4711')}`]);
  assert.match(broken.stderr, /is neither JSON nor YAML/);
  assert.doesNotMatch(broken.stderr, /canary/);
  assert.match((await template([])).stderr, /-template must name a file/);
});
