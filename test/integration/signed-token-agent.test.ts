/** The agent's methods `jwt` and `kubernetes` against a real server, with tokens in files. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { credentialsOf, isRefusal } from '../../src/agent/credentials.ts';
import { Client } from '../../src/client/client.ts';
import { agentConfig } from '../../src/config/agent.ts';
import { isLockstepError } from '../../src/errors.ts';
import { AUDIENCE, claimsOf, ISSUER } from '../../src/auth/kubernetes/mount.testing.ts';
import { signed, signingKey } from '../../src/lib/jwt/issuer.testing.ts';
import { parseHcl } from '../../src/lib/hcl/index.ts';
import { silent } from '../../src/lib/log.ts';
import { devServer } from '../clients/support/server.ts';

test('a token in a file logs in, is removed once it has, and a new one is noticed', async (t) => {
  await using server = await devServer();
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-jwt-agent-'));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const root = new Client({ address: server.address, token: 'root' });
  const key = await signingKey('RS256', 'one');
  await root.write('sys/auth/jwt', { type: 'jwt' });
  await root.write('auth/jwt/config', { jwt_validation_pubkeys: [key.pem] });
  await root.write('auth/jwt/role/ci', { role_type: 'jwt', user_claim: 'sub', bound_audiences: 'us' });
  const file = join(folder, 'token');
  const make = (more = '', role = 'ci') => {
    const config = `config { path = "${file}" role = "${role}" ${more} }`;
    const text = `auto_auth { method "jwt" { ${config} } sink "file" { config { path = "/run/t" } } }`;
    return credentialsOf(agentConfig([parseHcl(text)], {}, {}).method, silent);
  };
  const now = Math.floor(Date.now() / 1_000);
  const tokenOf = (change: object = {}) =>
    signed(key, { iss: 'i', aud: 'us', sub: 'job', iat: now, exp: now + 300, ...change });
  const client = new Client({ address: server.address, maxRetries: 0 });
  t.after(() => {
    client.close();
    root.close();
  });

  const credentials = make();
  await assert.rejects(credentials.login(client), (error) => isLockstepError(error, 'noCredentials'));
  assert.equal(await credentials.identity(), undefined);
  writeFileSync(file, await tokenOf({ aud: 'them' }));
  await assert.rejects(credentials.login(client), isRefusal);
  assert.ok(existsSync(file), 'what did not log in is left to look at');
  writeFileSync(file, `${await tokenOf()}\n`);
  assert.equal(await credentials.changed(), true);
  const identity = await credentials.identity();
  assert.match(identity ?? '', /^jwt {2}auth\/jwt ci [0-9a-f]{64}$/);
  const { token, ttl } = await credentials.login(client);
  assert.ok(ttl > 0 && token.expose() !== '');
  assert.ok(!existsSync(file));
  assert.equal(await credentials.changed(), false);
  assert.equal(await credentials.identity(), identity);
  await credentials.login(client);
  writeFileSync(file, await tokenOf({ sub: 'other' }));
  assert.equal(await credentials.changed(), true);
  assert.notEqual(await credentials.identity(), identity);

  const program = { expression: 'pb.Auth{policies: ["default"]}' };
  await root.write('auth/jwt/cel/role/ci', { cel_program: program, bound_audiences: 'us' });
  const byProgram = make('remove_jwt_after_reading = false', 'cel/ci');
  const { token: ofCel } = await byProgram.login(client);
  const self = await root.write('auth/token/lookup', { token: ofCel.expose() });
  assert.equal(self?.data?.['path'], 'auth/jwt/cel/login', 'a CEL role of the same name is another role');

  const real = join(folder, 'real');
  writeFileSync(real, await tokenOf());
  rmSync(file);
  symlinkSync(real, file);
  await make('remove_jwt_after_reading = false').login(client);
  assert.notEqual(readFileSync(file, 'utf8'), '');
  await make('remove_jwt_follows_symlinks = true').login(client);
  assert.ok(!existsSync(real));
});

test('a projected token logs in and stays, since it is the kubelet who renews it', async (t) => {
  await using server = await devServer();
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-kubernetes-agent-'));
  const root = new Client({ address: server.address, token: 'root' });
  const client = new Client({ address: server.address, maxRetries: 0 });
  t.after(() => {
    root.close();
    client.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const key = await signingKey('RS256', 'one');
  await root.write('sys/auth/cluster-one', { type: 'kubernetes' });
  await root.write('auth/cluster-one/config', { pem_keys: [key.pem], issuer: ISSUER });
  await root.write('auth/cluster-one/role/web', {
    ...{ bound_service_account_names: 'app', bound_service_account_namespaces: 'shop', audience: AUDIENCE },
  });
  const file = join(folder, 'token');
  const config = `mount_path = "auth/cluster-one" config { role = "web" token_path = "${file}" }`;
  const text = `auto_auth { method "kubernetes" { ${config} } sink "file" { config { path = "/run/t" } } }`;
  const credentials = credentialsOf(agentConfig([parseHcl(text)], {}, {}).method, silent);
  assert.deepEqual(credentials.files, [file]);
  const projected = (jti: string) => signed(key, { ...claimsOf(Math.floor(Date.now() / 1_000)), jti });

  await assert.rejects(credentials.login(client), (error) => isLockstepError(error, 'noCredentials'));
  writeFileSync(file, await projected('first'));
  assert.ok((await credentials.login(client)).ttl > 0);
  assert.ok(existsSync(file));
  assert.equal(await credentials.changed(), false);
  const identity = await credentials.identity();
  assert.match(identity ?? '', /^kubernetes {2}auth\/cluster-one web [0-9a-f]{64}$/);
  writeFileSync(file, await projected('second'));
  assert.equal(await credentials.changed(), true);
  await credentials.login(client);
  assert.equal(await credentials.changed(), false);
  assert.equal(await credentials.identity(), identity, 'a new token of the same service account');
});
