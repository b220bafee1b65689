/** hvac's own integration tests, from its source distribution and unchanged; each of them is a test here. */
import assert from 'node:assert/strict';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { test } from 'node:test';
import { API_VERSION } from '../../src/core/settings.ts';
import { leftOut, modules } from './hvac-left-out.ts';
import { pythonSource, pythonWith, withoutPython } from './support/cache.ts';
import { run } from './support/run.ts';
import { assertNoProblems, watchedServer } from './support/server.ts';

const VERSION = '2.4.0';
const needs = [
  ...['packaging==26.0', 'parameterized==0.9.0', 'pyhcl==0.4.5', 'pytest==9.0.2', 'requests==2.32.5'],
  // Of the issuer that its tests of oidc start.
  ...['Authlib==1.3.2', 'Flask==2.3.3', 'Flask-SQLAlchemy==3.0.5', 'Werkzeug==3.0.6', 'jwcrypto==1.6.1'],
  // Of its directory, a program for Java, without which its tests of ldap skip themselves.
  'python-ldap-test==0.3.1',
];

interface PytestOutcome {
  readonly name: string;
  readonly outcome: 'passed' | 'failed' | 'skipped' | 'deselected';
  readonly detail: string | null;
}

/** Where the suite lets its audit devices write: audit devices of the API may not write wherever they like. */
const auditLog = '/tmp/vault.audit.log';

/**
 * The suite starts servers through an executable `vault`, and asks it for its version to know which replies to expect:
 * what the API says of itself, in the words of Vault's command line. Its configuration is completed by what Vault does
 * not ask for.
 */
function vaultOnPath(folder: string, command: readonly string[]): string {
  mkdirSync(folder);
  const more = join(folder, 'more.json');
  writeFileSync(more, JSON.stringify({ allow_audit_paths: [auditLog] }));
  const lines = [
    '#!/bin/sh',
    `[ "$1" != -version ] || { echo 'Vault v${API_VERSION}'; exit; }`,
    `[ "$1" != server ] || set -- "$@" '-config=${more}'`,
    `exec ${command.map((word) => `'${word}'`).join(' ')} "$@"`,
  ];
  writeFileSync(join(folder, 'vault'), `${lines.join('\n')}\n`);
  chmodSync(join(folder, 'vault'), 0o755);
  return folder;
}

async function runSuite(folder: string): Promise<readonly PytestOutcome[]> {
  const source = await pythonSource('hvac', VERSION);
  const python = await pythonWith(`hvac-${VERSION}-python-2`, needs);
  const copy = join(folder, 'hvac');
  cpSync(source, copy, { recursive: true });
  const outcomes = join(folder, 'outcomes.jsonl');
  const server = watchedServer(join(folder, 'reply-problems'));
  const env = {
    ...server.env,
    PATH: [vaultOnPath(join(folder, 'bin'), server.command), process.env['PATH']].join(delimiter),
    PYTHONPATH: join(import.meta.dirname, 'support'),
    PYTHONDONTWRITEBYTECODE: '1',
    OUTCOMES: outcomes,
  };
  const deselected = Object.keys(leftOut).map((id) => `--deselect=${id}`);
  const options = ['-p', 'pytest_outcomes', '-p', 'no:cacheprovider', '-o', 'addopts=', '-q', '--tb=short'];
  const args = ['-m', 'pytest', ...options, ...deselected, ...modules];
  const { code, stdout, stderr } = await run(python, args, { cwd: copy, env });
  // 1: some test failed, which is reported below.
  if (code !== 0 && code !== 1) throw new Error(`pytest ended with ${String(code)}:\n${stdout}${stderr}`);
  const lines = readFileSync(outcomes, 'utf8').trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as PytestOutcome);
}

const reasonOf = (name: string): string | undefined => Object.entries(leftOut).find(([id]) => name.startsWith(id))?.[1];

test('hvac', { skip: (await withoutPython()) ?? false }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-hvac-'));
  t.after(() => {
    rmSync(folder, { recursive: true });
    rmSync(auditLog, { force: true });
  });
  const outcomes = await runSuite(folder);
  for (const { name, outcome, detail } of outcomes) {
    const short = name.replace('tests/integration_tests/', '');
    const skip = outcome === 'deselected' ? reasonOf(name) : outcome === 'skipped' ? (detail ?? '') : false;
    await t.test(short, { skip }, () => {
      assert.equal(outcome, 'passed', detail ?? '');
    });
  }
  await t.test('every reply was as its path declares it', () => {
    assertNoProblems(join(folder, 'reply-problems'));
  });
  await t.test('what is left out is there', () => {
    const names = outcomes.filter(({ outcome }) => outcome === 'deselected').map(({ name }) => name);
    const stale = Object.keys(leftOut).filter((id) => !names.some((name) => name.startsWith(id)));
    assert.deepEqual(stale, []);
  });
  await t.test('most of it is run', () => {
    assert.ok(outcomes.filter(({ outcome }) => outcome === 'passed').length >= 200);
  });
});
