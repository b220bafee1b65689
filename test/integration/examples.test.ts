import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { loadAgentConfig } from '../../src/config/agent.ts';
import { loadServerConfig } from '../../src/config/server.ts';
import { parsePolicy } from '../../src/core/policy/parse.ts';
import { devServer } from '../clients/support/server.ts';

const examples = join(import.meta.dirname, '../../examples');
const env = {};

/** What a file is, by its name: `policy.hcl` and `x.policy.hcl`, `agent.hcl` and `x-agent.hcl`, servers otherwise. */
const load: readonly (readonly [RegExp, (file: string) => readonly string[]])[] = [
  [
    /(^|[./])policy\.hcl$/,
    (file) => {
      parsePolicy(readFileSync(file, 'utf8'));
      return [];
    },
  ],
  [/(^|[-/])agent\.hcl$/, (file) => loadAgentConfig({ files: [file], env }).warnings],
  [/\.hcl$/, (file) => loadServerConfig({ files: [file], env }).warnings],
];

const files = globSync('**/*.{hcl,json}', { cwd: examples }).sort();

test('there are examples of a hub, a region, an agent and a policy', () => {
  assert.deepEqual(
    ['hub', 'eu', 'eu-agent', 'eu-app.policy']
      .map((name) => `hub-and-region/${name}.hcl`)
      .filter((file) => !files.includes(file)),
    [],
  );
});

for (const file of files) {
  test(`examples/${file} is valid, and says nothing that has no effect`, () => {
    const [, loader] = load.find(([name]) => name.test(file)) ?? assert.fail('nothing reads a file of this name');
    assert.deepEqual(loader(join(examples, file)), []);
  });
}

test('the first steps do at a development server what they say', async () => {
  await using server = await devServer();
  const { stdout, stderr } = await promisify(execFile)(join(examples, 'dev/first-steps.sh'), {
    env: { ...process.env, VAULT_ADDR: server.address, VAULT_TOKEN: 'root' },
  });
  assert.match(stdout, /\nfirst\n[^]*\nsecond\n[^]*Revoked token/);
  assert.match(stderr, /permission denied/);
});
