import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';

const root = join(import.meta.dirname, '../..');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  version: string;
  devDependencies: Record<string, string>;
};

describe('the installed package', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-package-'));
  const installed = join(folder, 'node_modules/lockstep');
  after(() => rmSync(folder, { recursive: true }));

  before(() => {
    execFileSync('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: root, stdio: 'pipe' });
    const [tarball = ''] = globSync('lockstep-*.tgz', { cwd: folder });
    writeFileSync(join(folder, 'package.json'), '{ "private": true }');
    const quiet = ['--no-audit', '--no-fund', '--loglevel=error', '--prefer-offline', '--ignore-scripts'];
    execFileSync('npm', ['install', ...quiet, join(folder, tarball)], { cwd: folder, stdio: 'pipe' });
  });

  const executable = join(folder, 'node_modules/.bin/lockstep');
  const ours = { HOME: folder, PATH: `${dirname(process.execPath)}${delimiter}${process.env['PATH'] ?? ''}` };

  function lockstep(args: readonly string[], environment: NodeJS.ProcessEnv = {}): SpawnSyncReturns<string> {
    return spawnSync(executable, args, { cwd: folder, encoding: 'utf8', env: { ...ours, ...environment } });
  }

  test('runs from the link that npm makes', () => {
    const { status, stdout, stderr } = lockstep(['version']);
    assert.deepEqual([status, stdout, stderr], [0, `Lockstep v${manifest.version}\n`, '']);
  });

  test('serves: what is written to a development server is read back, and it ends when told to', async (t) => {
    const server = spawn(executable, ['server', '-dev', '-dev-listen-address=127.0.0.1:0', '-dev-root-token-id=root'], {
      cwd: folder,
      env: ours,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    t.after(() => server.kill('SIGKILL'));
    let said = '';
    let address: string | undefined;
    server.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    for await (const text of createInterface(server.stdout)) {
      address ??= /VAULT_ADDR='(.+)'/.exec(text)?.[1];
      if (text.startsWith('Root Token:')) break;
    }
    assert.ok(address, said);
    const url = `${address}/v1/secret/data/app`;
    const headers = { 'x-vault-token': 'root' };
    const written = await fetch(url, { method: 'POST', headers, body: '{"data":{"password":"p"}}' });
    const read = (await (await fetch(url, { headers })).json()) as { data: { data: unknown } };
    assert.deepEqual([written.status, read.data.data], [200, { password: 'p' }]);
    server.kill('SIGTERM');
    assert.deepEqual(await once(server, 'exit'), [0, null], said);
  });

  test('holds compiled code, its licence and its locked dependencies, and nothing else', () => {
    const files = globSync('**/*', { cwd: installed }).filter((file) => !file.startsWith('node_modules'));
    const tops = new Set(files.map((file) => file.replace(/\/.*/, '')));
    assert.deepEqual([...tops].sort(), [
      ...['CHANGELOG.md', 'LICENSE', 'README.md', 'bin', 'dist', 'npm-shrinkwrap.json', 'package.json'],
    ]);
    const strangers = files.filter((file) => /\.ts$|\.test\.|testing|fixture|conformance/.test(file));
    assert.deepEqual(strangers, []);
    assert.ok(!readFileSync(join(installed, 'npm-shrinkwrap.json'), 'utf8').includes('"resolved"'));
  });

  test('brings no development dependency', () => {
    // What the lock file marks so: a library that tests use too may come with another that is needed.
    const { packages } = JSON.parse(readFileSync(join(installed, 'npm-shrinkwrap.json'), 'utf8')) as {
      readonly packages: Readonly<Record<string, { readonly dev?: boolean }>>;
    };
    const development = Object.keys(packages).filter((path) => packages[path]?.dev === true);
    assert.ok(development.includes('node_modules/oxlint'));
    assert.deepEqual(
      development.filter((path) => existsSync(join(folder, path))),
      [],
    );
  });

  test('loads nothing that NODE_OPTIONS names', () => {
    const witness = join(folder, 'witness');
    const script = join(folder, 'planted.cjs');
    writeFileSync(script, `require('node:fs').writeFileSync(${JSON.stringify(witness)}, '')`);
    const { status } = lockstep(['version'], { NODE_OPTIONS: `--require=${script}` });
    assert.deepEqual([status, existsSync(witness)], [0, false]);
  });

  test('says what it needs where Node is too old', () => {
    const bin = join(folder, 'old');
    mkdirSync(bin);
    writeFileSync(join(bin, 'node'), '#!/bin/sh\necho v24.21.0\n');
    chmodSync(join(bin, 'node'), 0o755);
    const { status, stderr } = lockstep(['version'], { PATH: `${bin}${delimiter}/usr/bin${delimiter}/bin` });
    assert.deepEqual([status, stderr], [1, 'lockstep: needs Node 26 or later on the PATH, found: v24.21.0\n']);
  });

  test('keeps compiled code in a folder of its user alone', () => {
    const { status } = lockstep(['version']);
    assert.equal(status, 0);
    assert.ok(existsSync(join(folder, '.cache/lockstep/compiled')));
  });
});
