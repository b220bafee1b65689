/**
 * Schemathesis, which makes requests of an OpenAPI document, good and bad ones: whatever is asked of a server by its own
 * document, it answers as that document says, and never with a failure of its own.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { seeded, type World } from './schemathesis/world.ts';
import { pythonWith, withoutPython } from './support/cache.ts';
import { run } from './support/run.ts';
import { devServer } from './support/server.ts';

const VERSION = '4.32.5';
const SEED = 2026;

const options = [
  '--checks=not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance',
  `--seed=${SEED}`,
  '--continue-on-failure',
  '--generation-database=none',
  '--no-color',
  '--warnings=off',
];

/** A request of each kind to each operation, and as many drawn at random. */
const thorough = ['--phases=examples,coverage,fuzzing', '--max-examples=8'];
/** What the examples make, and one request of each kind. */
const brief = ['--phases=examples,coverage', '--max-examples=1'];

/** Paths that are not asked, and why. */
const leftOut: Readonly<Record<string, string>> = {
  '/sys/seal': 'it would end the rest',
  '/sys/step-down': 'it would end the rest',
  '/auth/token/revoke-self': 'the token is needed further on',
  '/auth/token/revoke': 'the token could be drawn',
  '/auth/token/revoke-orphan': 'the token could be drawn',
  '/auth/token/revoke-accessor': 'the token could be drawn',
  '/auth/ldap/login/{username}':
    '503 where the directory that was drawn for the mount cannot be asked; ldap.test.ts has one',
  '/sys/monitor': 'its reply does not end',
  '/sys/wait': 'its reply waits',
  '/sys/storage/raft/snapshot': 'a restore would end the rest',
  '/sys/storage/raft/snapshot-force': 'a restore would end the rest',
};

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly schema?: object;
}

type Item = Readonly<Record<string, unknown>> & { readonly parameters?: readonly Parameter[] };

interface Document {
  readonly paths: Readonly<Record<string, Item>>;
  readonly components?: { readonly schemas?: Readonly<Record<string, { readonly properties?: object }>> };
}

const METHODS = ['get', 'post', 'patch', 'delete'];

function operationsOf({ paths }: Document): number {
  const asked = Object.entries(paths).filter(([path]) => leftOut[path] === undefined);
  return asked.flatMap(([, item]) => METHODS.filter((method) => item[method] !== undefined)).length;
}

type ExampleOf = World['exampleOf'];

/** The document with an id or a name of what is there beside each that it asks for; of what is deleted only where `deletes`. */
function withExamples(document: Document, exampleOf: ExampleOf, deletes: boolean): Document {
  const shown = (path: string, parameters: readonly Parameter[] = []): readonly Parameter[] =>
    parameters.map((each) => {
      const example = each.in === 'path' ? exampleOf(path, each.name) : undefined;
      return example === undefined ? each : { ...each, example };
    });
  const paths = Object.entries(document.paths).map(([path, item]) => {
    const { parameters = [], ...operations } = item;
    const known = Object.entries(operations).map(([method, operation]) => {
      const { parameters: own = [], ...rest } = operation as Item;
      const all = [...parameters, ...own];
      return [method, { ...rest, parameters: method === 'delete' && !deletes ? all : shown(path, all) }];
    });
    return [path, METHODS.some((method) => method in item) ? Object.fromEntries(known) : item];
  });
  const schemas = Object.entries(document.components?.schemas ?? {}).map(([schema, { properties = {}, ...rest }]) => {
    const fields = Object.entries(properties).map(([name, field]: [string, object]) => {
      const example = exampleOf('', name);
      const isList = 'type' in field && field.type === 'array';
      return [name, example === undefined ? field : { ...field, example: isList ? [example] : example }];
    });
    return [schema, fields.length === 0 ? rest : { ...rest, properties: Object.fromEntries(fields) }];
  });
  const components = { ...document.components, schemas: Object.fromEntries(schemas) };
  return { ...document, paths: Object.fromEntries(paths) as Document['paths'], components };
}

test('Schemathesis', { skip: (await withoutPython()) ?? false }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-schemathesis-'));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  await using server = await devServer();
  const { narrow, exampleOf } = await seeded(server.address);
  const base = `${server.address}/v1`;
  const headers = { 'X-Vault-Token': 'root' };
  const document = (await (await fetch(`${base}/sys/internal/specs/openapi`, { headers })).json()) as Document;
  const python = await pythonWith(`schemathesis-${VERSION}`, [`schemathesis==${VERSION}`]);
  const excluded = Object.keys(leftOut).map((path) => `--exclude-path=${path}`);
  const asked = (token: string, deletes: boolean, more: readonly string[]) => {
    const file = join(folder, 'openapi.json');
    writeFileSync(file, JSON.stringify(withExamples(document, exampleOf, deletes)));
    const args = ['-m', 'schemathesis.cli', 'run', file, '--url', base, '-H', `X-Vault-Token: ${token}`];
    return run(python, [...args, ...options, ...more, ...excluded], { cwd: folder });
  };
  const { code, stdout, stderr } = await asked('root', false, thorough);

  await t.test('finds no failure of the server and no reply that is not declared', () => {
    assert.equal(code, 0, `${stdout}${stderr}`.slice(-20_000));
  });
  await t.test('nor does it as one who may do little', async () => {
    const found = await asked(narrow, true, brief);
    assert.equal(found.code, 0, `${found.stdout}${found.stderr}`.slice(-20_000));
  });
  await t.test('nor where it deletes what is there', async () => {
    const found = await asked('root', true, ['--phases=examples', '--include-method=DELETE']);
    assert.equal(found.code, 0, `${found.stdout}${found.stderr}`.slice(-20_000));
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
