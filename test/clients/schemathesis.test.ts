/**
 * Schemathesis, which makes requests of an OpenAPI document, good and bad ones: whatever is asked of a server by its own
 * document, it answers as that document says, and never with a failure of its own.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pythonWith, withoutPython } from './support/cache.ts';
import { run } from './support/run.ts';
import { devServer } from './support/server.ts';

const VERSION = '4.32.5';
const SEED = 2026;

/** A request of each kind to each operation, and as many drawn at random. */
const options = [
  '--phases=examples,coverage,fuzzing',
  '--checks=not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance',
  '--max-examples=8',
  `--seed=${SEED}`,
  '--continue-on-failure',
  '--generation-database=none',
  '--no-color',
  '--warnings=off',
];

/** Paths that are not asked, and why. */
const leftOut: Readonly<Record<string, string>> = {
  '/sys/seal': 'it would end the rest',
  '/sys/step-down': 'it would end the rest',
  '/auth/token/revoke-self': 'the token is needed further on',
  '/auth/token/revoke': 'the token could be drawn',
  '/auth/token/revoke-orphan': 'the token could be drawn',
  '/auth/token/revoke-accessor': 'the token could be drawn',
  '/sys/monitor': 'its reply does not end',
  '/sys/wait': 'its reply waits',
  '/sys/storage/raft/snapshot': 'a restore would end the rest',
  '/sys/storage/raft/snapshot-force': 'a restore would end the rest',
};

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

const METHODS = ['get', 'post', 'patch', 'delete'];

function operationsOf({ paths }: Document): number {
  const asked = Object.entries(paths).filter(([path]) => leftOut[path] === undefined);
  return asked.flatMap(([, item]) => METHODS.filter((method) => item[method] !== undefined)).length;
}

test('Schemathesis', { skip: (await withoutPython()) ?? false }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-schemathesis-'));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  await using server = await devServer();
  const base = `${server.address}/v1`;
  const headers = { 'X-Vault-Token': 'root' };
  const post = (path: string, body: object) =>
    fetch(`${base}/${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  await post('sys/auth/approle', { type: 'approle' });
  await post('sys/mounts/kv1', { type: 'kv', options: { version: '1' } });
  const document = (await (await fetch(`${base}/sys/internal/specs/openapi`, { headers })).json()) as Document;
  const file = join(folder, 'openapi.json');
  writeFileSync(file, JSON.stringify(document));
  const python = await pythonWith(`schemathesis-${VERSION}`, [`schemathesis==${VERSION}`]);
  const excluded = Object.keys(leftOut).map((path) => `--exclude-path=${path}`);
  const args = ['-m', 'schemathesis.cli', 'run', file, '--url', base, '-H', 'X-Vault-Token: root'];
  const { code, stdout, stderr } = await run(python, [...args, ...options, ...excluded], { cwd: folder });

  await t.test('finds no failure of the server and no reply that is not declared', () => {
    assert.equal(code, 0, `${stdout}${stderr}`.slice(-20_000));
  });
  await t.test('asks every operation of the document', () => {
    assert.match(stdout, new RegExp(`Tested: ${String(operationsOf(document))}\\b`));
  });
  await t.test('what is left out is there', () => {
    assert.deepEqual(
      Object.keys(leftOut).filter((path) => document.paths[path] === undefined),
      [],
    );
  });
});
