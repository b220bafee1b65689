import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { Client } from '../client/client.ts';
import { agentConfig } from '../config/agent.ts';
import { isLockstepError } from '../errors.ts';
import { parseHcl } from '../lib/hcl/index.ts';
import { silent } from '../lib/log.ts';
import { credentialsOf, isRefusal, type Credentials } from './credentials.ts';
import { roleId, secretId, testServer } from './server.testing.ts';

function setUp(t: TestContext) {
  const folder = fs.mkdtempSync(join(tmpdir(), 'lockstep-credentials-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  const path = (name: string): string => join(folder, name);
  const make = (type: string, keys: string): Credentials => {
    const text = `auto_auth { method "${type}" { config { ${keys} } } sink "file" { config { path = "/run/t" } } }`;
    return credentialsOf(agentConfig([parseHcl(text)], {}, {}).method, silent);
  };
  return { path, make };
}

test('a token from a file is looked up before it is used, and a new one is noticed', async (t) => {
  await using server = await testServer();
  const { path, make } = setUp(t);
  const client = new Client({ address: server.address, maxRetries: 0 });
  t.after(() => client.close());
  const credentials = make('token_file', `token_file_path = "${path('token')}"`);
  await assert.rejects(credentials.login(client), (error) => isLockstepError(error, 'noCredentials'));
  fs.writeFileSync(path('token'), 'hvs.unknown\n');
  await assert.rejects(credentials.login(client), isRefusal);
  server.tokens.add('hvs.known');
  fs.writeFileSync(path('token'), 'hvs.known\n');
  assert.equal(await credentials.changed(), true);
  const { token, ttl } = await credentials.login(client);
  assert.deepEqual([token.expose(), ttl, await credentials.changed()], ['hvs.known', 3600, false]);
  assert.equal(await credentials.durableSecret?.(), undefined);
});

test('only a secret-id that stays in its file is durable; the identity is the role, not where it lies', async (t) => {
  const { path, make } = setUp(t);
  fs.writeFileSync(path('role'), roleId);
  fs.writeFileSync(path('other-role'), 'another');
  fs.writeFileSync(path('secret'), ` ${secretId}\n`);
  const files = (role: string): string =>
    `role_id_file_path = "${path(role)}" secret_id_file_path = "${path('secret')}" remove_secret_id_file_after_reading`;
  const stays = make('approle', `${files('role')} = false`);
  assert.equal((await stays.durableSecret?.())?.expose(), secretId);
  assert.equal(await make('approle', `${files('role')} = true`).durableSecret?.(), undefined);
  const identity = await stays.identity();
  assert.ok(identity !== undefined && !identity.includes(roleId));
  assert.notEqual(await make('approle', `${files('other-role')} = false`).identity(), identity);
  assert.equal(await make('approle', `${files('gone')} = false`).identity(), undefined);
});

test('files that are empty, missing, too long or no files are errors that name them, never what they hold', async (t) => {
  await using server = await testServer();
  const { path, make } = setUp(t);
  const client = new Client({ address: server.address, maxRetries: 0 });
  t.after(() => client.close());
  fs.writeFileSync(path('role'), roleId);
  const credentials = make(
    'approle',
    `role_id_file_path = "${path('role')}" secret_id_file_path = "${path('secret')}" remove_secret_id_file_after_reading = false`,
  );
  const refused = (expected: RegExp): Promise<void> =>
    assert.rejects(credentials.login(client), (error: Error) => {
      assert.match(error.message, expected);
      assert.ok(isLockstepError(error, 'noCredentials') && !error.message.includes('canary'));
      return true;
    });
  await refused(/there is no secret-id in/);
  fs.writeFileSync(path('secret'), ' \n');
  await refused(/there is no secret-id in/);
  fs.writeFileSync(path('secret'), 'canary'.repeat(20_000));
  await refused(/too long/);
  fs.rmSync(path('secret'));
  fs.mkdirSync(path('secret'));
  await assert.rejects(credentials.login(client), /EISDIR|cannot read/);
  assert.ok(!server.asked.some((asked) => asked.includes('login')), 'nothing was sent');
});
