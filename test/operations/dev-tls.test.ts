/** `lockstep server -dev-tls`, as a developer runs it. */
import assert from 'node:assert/strict';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { ServerProcess } from '../support/server-process.ts';

const DEV = ['-dev-tls', '-dev-listen-address=127.0.0.1:0', '-dev-root-token-id=root'];

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-dev-tls-'));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

function health(address: string, ca: Buffer): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request(`${address}/v1/sys/health`, { ca }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .on('error', reject)
      .end();
  });
}

async function checkServed(server: ServerProcess): Promise<string> {
  const authority = (await server.line(/export VAULT_CACERT='(.+)'/))[1] ?? '';
  const address = (await server.line(/export VAULT_ADDR='(https:.+)'/))[1] ?? '';
  const port = new URL(address).port;
  const ca = readFileSync(authority);
  for (const host of ['127.0.0.1', 'localhost']) assert.equal(await health(`https://${host}:${port}`, ca), 200);
  return authority;
}

const ended = async (server: ServerProcess): Promise<void> => {
  server.signal('SIGTERM');
  assert.equal(await server.exit, 0, server.lines.join('\n'));
};

test('a development server serves by a certificate of its own, whose files go with it', async () => {
  await using server = new ServerProcess(DEV);
  const authority = await checkServed(server);
  const key = join(dirname(authority), 'vault-key.pem');
  assert.equal(statSync(key).mode & 0o777, 0o600);
  assert.equal(statSync(dirname(authority)).mode & 0o777, 0o700);
  await ended(server);
  assert.ok(!existsSync(dirname(authority)));
});

test('the files lie where they are wanted; what lay there by their names is neither followed nor left open', async (t) => {
  const folder = folderOf(t);
  const elsewhere = join(folderOf(t), 'mine');
  writeFileSync(elsewhere, 'mine', { mode: 0o644 });
  symlinkSync(elsewhere, join(folder, 'vault-key.pem'));
  await using server = new ServerProcess([...DEV, `-dev-tls-cert-dir=${folder}`]);
  assert.equal(await checkServed(server), join(folder, 'vault-ca.pem'));
  assert.equal(readFileSync(elsewhere, 'utf8'), 'mine');
  assert.equal(statSync(join(folder, 'vault-key.pem')).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(folder).sort(), ['vault-ca.pem', 'vault-cert.pem', 'vault-key.pem']);
  await ended(server);
  assert.deepEqual(readdirSync(folder), []);
});

test('a directory that is not there, and one without -dev-tls, is refused by name', async (t) => {
  const missing = join(folderOf(t), 'none');
  await using there = new ServerProcess([...DEV, `-dev-tls-cert-dir=${missing}`]);
  await using alone = new ServerProcess(['-dev', '-dev-listen-address=127.0.0.1:0', `-dev-tls-cert-dir=${missing}`]);
  assert.equal(await there.exit, 1);
  assert.match(there.lines.join('\n'), /none \(ENOENT\): give -dev-tls-cert-dir a directory/);
  assert.equal(await alone.exit, 1);
  assert.match(alone.lines.join('\n'), /give -dev-tls too/);
});
