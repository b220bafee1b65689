/** The agent's method `spiffe` against a real server, with SVIDs in files as spiffe-helper writes them. */
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { credentialsOf, isRefusal } from '../../src/agent/credentials.ts';
import { bundleText, claimsOf, ID } from '../../src/auth/spiffe/mount.testing.ts';
import { Client } from '../../src/client/client.ts';
import { agentConfig } from '../../src/config/agent.ts';
import { isLockstepError } from '../../src/errors.ts';
import { parseHcl } from '../../src/lib/hcl/index.ts';
import { signed, signingKey } from '../../src/lib/jwt/issuer.testing.ts';
import { silent } from '../../src/lib/log.ts';
import { must } from '../clients/support/run.ts';
import { devServer, executable } from '../clients/support/server.ts';

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-spiffe-agent-'));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

const methodOf = (config: string) => {
  const text = `auto_auth { method "spiffe" { config { ${config} } } sink "file" { config { path = "/run/t" } } }`;
  return agentConfig([parseHcl(text)], {}, {}).method;
};

test('a JWT-SVID in a file logs in and stays, and a new one is noticed', async (t) => {
  await using server = await devServer();
  const file = join(folderOf(t), 'jwt-svid.token');
  const root = new Client({ address: server.address, token: 'root' });
  const client = new Client({ address: server.address, maxRetries: 0 });
  t.after(() => {
    client.close();
    root.close();
  });
  const key = await signingKey('ES256', 'one');
  const bundle = bundleText({ keys: [key] });
  await root.write('sys/auth/spiffe', { type: 'spiffe' });
  await root.write('auth/spiffe/config', {
    trust_domain: 'example.org',
    profile: 'static',
    audience: 'lockstep',
    bundle,
  });
  await root.write('auth/spiffe/role/app', { workload_id_patterns: '/ns/shop/*' });
  const svid = (change: object = {}) => signed(key, claimsOf(Date.now() / 1_000, change));

  const credentials = credentialsOf(methodOf(`path = "${file}" role = "app"`), silent);
  await assert.rejects(credentials.login(client), (error) => isLockstepError(error, 'noCredentials'));
  assert.equal(await credentials.identity(), undefined);
  writeFileSync(file, await svid({ aud: ['them'] }));
  await assert.rejects(credentials.login(client), isRefusal);
  writeFileSync(file, await svid());
  assert.equal(await credentials.changed(), true);
  const { token } = await credentials.login(client);
  assert.notEqual(token.expose(), '');
  assert.equal(await credentials.changed(), false);
  const identity = await credentials.identity();
  assert.match(identity ?? '', /^spiffe {2}auth\/spiffe app [0-9a-f]{64}$/);
  const command = ['login', `-address=${server.address}`, '-method=spiffe', '-no-store', '-token-only'];
  const printed = await must(executable, [...command, 'role=app', `jwt=@${file}`]);
  assert.match(printed.trim(), /^hvs\./);
  writeFileSync(file, await svid({ jti: 'two' }));
  assert.equal(await credentials.changed(), true);
  assert.equal(await credentials.identity(), identity, 'it is the same workload');
  writeFileSync(file, await svid({ sub: `${ID}-2` }));
  assert.notEqual(await credentials.identity(), identity);
});

test('one kind of SVID is named, and all of it', () => {
  for (const config of ['', 'path = "/a" client_cert = "/b"', 'client_cert = "/b"', 'client_key = "/b"']) {
    assert.throws(() => methodOf(`role = "app" ${config}`), /client_cert/);
  }
  assert.equal(methodOf('role = "app" client_cert = "/a" client_key = "/b"').type, 'spiffe');
});
