import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ask, runningNode } from '../../test/support/node.ts';
import { signed, signingKey } from '../lib/jwt/issuer.testing.ts';
import { portOf, serveOn } from '../server/server.testing.ts';
import { run } from './main.ts';
import { terminalOf } from './terminal.testing.ts';

async function served() {
  const { node, root } = await runningNode();
  const serving = await serveOn({}, node);
  const write = async (path: string, body: Readonly<Record<string, unknown>>): Promise<void> => {
    const { status, errors } = await ask(node, 'POST', path, { token: root, body });
    assert.ok(status < 300, `${path}: ${JSON.stringify(errors)}`);
  };
  const key = await signingKey('ES256', 'one');
  await write('sys/policies/acl/tenant', {
    policy: 'path "kv/data/${kubernetes_cluster}/${kubernetes_namespace}/*" { capabilities = ["read"] }',
  });
  await write('sys/policies/acl/ci', { policy: 'path "kv/data/ci" { capabilities = ["read"] }' });
  await write('sys/auth/prod-eu', { type: 'kubernetes' });
  await write('auth/prod-eu/config', { pem_keys: [key.pem], issuer: 'https://cluster' });
  await write('auth/prod-eu/role/app', {
    ...{ bound_service_account_names: '*', bound_service_account_namespaces: 'shop', audience: 'lockstep' },
    token_policies: 'tenant',
  });
  await write('sys/auth/jwt', { type: 'jwt' });
  await write('auth/jwt/config', { jwt_validation_pubkeys: [key.pem] });
  await write('auth/jwt/role/ci', {
    ...{ role_type: 'jwt', user_claim: 'sub', token_policies: 'ci', bound_claims: { ref: ['main', 'next'] } },
  });
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-policy-test-'));
  const lockstep = async (...argv: readonly string[]) => {
    const { terminal, written } = terminalOf();
    const before = process.env;
    process.env = { VAULT_TOKEN: root, HOME: folder };
    try {
      const at = `-address=http://127.0.0.1:${String(portOf(serving))}`;
      const code = await run(['policy', 'test', at, ...argv], terminal);
      return { code, ...written() };
    } finally {
      process.env = before;
    }
  };
  return {
    ...{ lockstep, folder, key, write },
    async [Symbol.asyncDispose]() {
      rmSync(folder, { recursive: true });
      await serving.close();
      await node[Symbol.asyncDispose]();
    },
  };
}

test('what a pod could do is told by the names of its service account', async () => {
  await using server = await served();
  const pod = ['-auth=prod-eu', '-role=app', '-service-account=shop/web'];
  const own = await server.lockstep(...pod, 'read', 'kv/data/prod-eu/shop/db');
  assert.equal(own.code, 0, own.stderr + own.stdout);
  assert.match(own.stdout, /^allowed: /);
  assert.match(own.stdout, /has not logged in yet/);
  assert.match(own.stdout, /policies {3}default, tenant; by identity: \(none\)/);
  assert.match(own.stdout, /tenant +1 /);
  const other = await server.lockstep(...pod, 'read', 'kv/data/prod-eu/bank/db');
  assert.deepEqual([other.code, other.stdout.startsWith('refused: ')], [2, true]);
  const bank = ['-auth=prod-eu', '-role=app', '-service-account=bank/web', '-uid=u'];
  const refused = await server.lockstep(...bank, 'read', 'kv/data/prod-eu/bank/db');
  assert.equal(refused.code, 2);
  assert.match(refused.stdout, /the login is refused: claim: its service account is not one that the role binds/);
});

test('claims come as pairs, as JSON, and as a token of which the payload alone is sent', async () => {
  await using server = await served();
  const claims = { sub: 'job', ref: 'main' };
  const [json, token] = [join(server.folder, 'payload.json'), join(server.folder, 'token')];
  writeFileSync(json, JSON.stringify(claims));
  writeFileSync(token, `${await signed(server.key, claims)}\n`);
  const by = (...flags: readonly string[]) => server.lockstep('-auth=jwt', '-role=ci', ...flags, 'read', 'kv/data/ci');
  for (const flags of [['-claims=sub=job', '-claims=ref=main'], [`-claims=@${json}`], [`-claims=@${token}`]]) {
    const { code, stderr } = await by(...flags);
    assert.equal(code, 0, `${flags.join(' ')}: ${stderr}`);
  }
  const old = await by('-claims=sub=job', '-claims=ref=main', '-claims=exp=1');
  assert.match(JSON.stringify(old), /the login is refused: expired/);
  const over = await by(`-claims=@${json}`, '-claims=ref=x');
  assert.equal(over.code, 2);
  assert.match(over.stdout, /"ref" is none of its bound values/);
});

test('what cannot be meant ends before the server is asked, or with its reason', async () => {
  await using server = await served();
  const failing = async (...flags: readonly string[]): Promise<string> => {
    const { code, stderr } = await server.lockstep(...flags, 'read', 'kv/data/ci');
    assert.notEqual(code, 0, flags.join(' '));
    return stderr;
  };
  assert.match(await failing('-auth=jwt', '-service-account=shop'), /is NAMESPACE\/NAME/);
  assert.match(await failing('-auth=jwt', '-uid=x'), /-uid is that of a -service-account/);
  assert.match(await failing('-auth=jwt', '-claims=sub'), /not valid/);
  assert.match(await failing('-auth=jwt', `-claims=@${server.folder}/none`), /cannot read/);
  assert.match(await failing('-auth=jwt'), /give auth and claims/);
  assert.match(await failing('-role=ci', '-claims=sub=x'), /give auth and claims/);
  assert.match(await failing('-auth=nowhere', '-claims=sub=x'), /no auth method at "nowhere"/);
});

test('an address that is none is refused by the name of its flag', async () => {
  await using world = await served();
  const { lockstep } = world;
  const login = ['-auth=jwt', '-role=ci', '-claims=sub=job'];
  const wrong = await lockstep(...login, '-from=10.0.0.0/8', 'read', 'kv/data/ci');
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /invalid value "10\.0\.0\.0\/8" for flag -from: expected an IP address/);
  const alone = await lockstep('-from=10.0.0.1', 'read', 'kv/data/ci');
  assert.equal(alone.code, 1);
  assert.match(alone.stderr, /-from is the address of a login: give -auth/);
});

test('who leaves out data/ of a KV version 2 path is told the path that policies name', async () => {
  await using world = await served();
  const { lockstep, write } = world;
  await write('sys/mounts/kv', { type: 'kv', options: { version: '2' } });
  const asked = (path: string) => lockstep('-policy=ci', 'read', path);
  const short = await asked('kv/ci');
  assert.equal(short.code, 2);
  assert.match(short.stderr, /kv\/ is KV version 2, where policies name this secret kv\/data\/ci/);
  for (const path of ['kv/data/other', 'kv/metadata/ci', 'kv/data/ci']) {
    assert.ok(!(await asked(path)).stderr.includes('KV version 2'), path);
  }
});
