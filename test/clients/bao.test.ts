/** The command line of OpenBao, as its users type it. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { baoAt, type Bao } from './support/bao.ts';
import { openbao } from './support/openbao.ts';
import { devServer, newServer, type TestServer } from './support/server.ts';

const binary = await openbao();
const skip = binary === undefined ? 'bao is neither in the cache nor to be had' : false;

interface Secret {
  readonly data: Record<string, unknown>;
}
async function auditDevices(root: Bao, file: string): Promise<void> {
  await root.ok('audit', 'enable', '-description=All', 'file', `file_path=${file}`);
  assert.ok('file/' in (await root.json<object>('audit', 'list')));
  await root.ok('write', 'cubbyhole/audited', 'x=canary-4711');
  assert.match(await root.fails('audit', 'enable', '-path=other', 'file', 'file_path=/elsewhere'), /allow_audit_paths/);
  await root.ok('audit', 'disable', 'file');
  const entries = readFileSync(file, 'utf8');
  assert.match(entries, /"path":"cubbyhole\/audited"/);
  assert.doesNotMatch(entries, /canary-4711/);
}

interface Login {
  readonly auth: { readonly client_token: string; readonly accessor: string; readonly lease_duration: number };
}

test('bao initialises, unseals, rotates and seals a new server', { skip }, async () => {
  await using server = await newServer();
  using nobody = baoAt(binary ?? '', server.address);
  assert.match(await nobody.fails('status'), /Initialized +false[^]*Sealed +true/);
  const made = await nobody.json<{ unseal_keys_b64: string[]; unseal_keys_hex: string[]; root_token: string }>(
    ...['operator', 'init', '-key-shares=5', '-key-threshold=3'],
  );
  assert.deepEqual([made.unseal_keys_b64.length, made.unseal_keys_hex.length], [5, 5]);
  assert.match(await nobody.fails('operator', 'init'), /already initialized/);
  const [first = '', second = '', third = '', fourth = ''] = made.unseal_keys_b64;
  assert.match(await nobody.ok('operator', 'unseal', first), /Unseal Progress +1\/3/);
  assert.match(await nobody.ok('operator', 'unseal', '-reset'), /Unseal Progress +0\/3/);
  for (const share of [first, second]) await nobody.ok('operator', 'unseal', share);
  assert.match(await nobody.ok('operator', 'unseal', third), /Sealed +false/);
  assert.match(await nobody.ok('status'), /Version +1\.\d+\.\d+/);
  const root = nobody.as(made.root_token);
  assert.match(await root.ok('operator', 'key-status'), /Key Term +1/);
  assert.match(await root.ok('operator', 'rotate'), /Key Term +2/);
  await auditDevices(root, join(server.folder, 'audit.log'));
  await root.ok('write', 'cubbyhole/kept', 'x=y');
  assert.match(await root.ok('operator', 'seal'), /sealed/);
  assert.match(await root.fails('read', 'cubbyhole/kept'), /sealed/);
  const [, , , , hex = ''] = made.unseal_keys_hex;
  for (const share of [second, fourth, hex]) await nobody.ok('operator', 'unseal', share);
  assert.equal(await root.ok('read', '-field=x', 'cubbyhole/kept'), 'y');
});

interface Status {
  readonly nonce: string;
  readonly progress: number;
  readonly otp: string;
  readonly encoded_token: string;
  readonly verification_nonce: string;
  readonly keys_base64: readonly string[];
}

test('bao changes the unseal keys, verified, and makes a root token by them', { skip }, async () => {
  await using server = await newServer();
  using nobody = baoAt(binary ?? '', server.address);
  const split = ['-key-shares=3', '-key-threshold=2'];
  const made = await nobody.json<{ unseal_keys_b64: string[]; root_token: string }>('operator', 'init', ...split);
  const [first = '', second = ''] = made.unseal_keys_b64;
  for (const key of [first, second]) await nobody.ok('operator', 'unseal', key);
  const root = nobody.as(made.root_token);

  assert.match(await nobody.fails('operator', 'rotate-keys', '-init'), /permission denied/);
  const begun = await root.json<Status>('operator', 'rotate-keys', '-init', '-n=2', '-t=2', '-verify');
  await root.ok('operator', 'rotate-keys', `-nonce=${begun.nonce}`, first);
  const fresh = await root.json<Status>('operator', 'rotate-keys', `-nonce=${begun.nonce}`, second);
  const [one = '', two = ''] = fresh.keys_base64;
  const verify = ['operator', 'rotate-keys', '-verify', `-nonce=${fresh.verification_nonce}`];
  assert.match(await root.ok(...verify, one), /Verification Progress +1\/2/);
  assert.match(await root.ok(...verify, two), /the new keys\s+are now active/);
  await root.ok('operator', 'seal');
  for (const key of [one, two]) await nobody.ok('operator', 'unseal', key);

  const attempt = await root.json<Status>('operator', 'generate-root', '-init');
  await root.ok('operator', 'generate-root', `-nonce=${attempt.nonce}`, one);
  const done = await root.json<Status>('operator', 'generate-root', `-nonce=${attempt.nonce}`, two);
  const decode = ['operator', 'generate-root', `-decode=${done.encoded_token}`, `-otp=${attempt.otp}`];
  const token = await root.ok(...decode);
  assert.match(await nobody.as(token.trim()).ok('token', 'lookup'), /policies +\[root\]/);
});

describe('bao at a development server', { skip }, () => {
  let server: TestServer;
  let bao: Bao & Disposable;
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-bao-'));
  before(async () => {
    server = await devServer();
    bao = baoAt(binary ?? '', server.address, 'root');
  });
  after(async () => {
    bao[Symbol.dispose]();
    await server[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  test('kv version 2: put, get, patch, roll back', async () => {
    await bao.ok('kv', 'put', 'secret/app', 'user=ada', 'password=one');
    await bao.ok('kv', 'patch', 'secret/app', 'password=two');
    await bao.ok('kv', 'patch', '-method=rw', 'secret/app', 'host=db');
    assert.equal(await bao.ok('kv', 'get', '-field=password', 'secret/app'), 'two');
    const first = await bao.json<Secret>('kv', 'get', '-version=1', 'secret/app');
    assert.deepEqual(first.data['data'], { user: 'ada', password: 'one' });
    assert.match(await bao.fails('kv', 'put', '-cas=1', 'secret/app', 'user=eve'), /check-and-set/);
    await bao.ok('kv', 'put', '-cas=3', '-mount=secret', 'app', 'user=bob');
    await bao.ok('kv', 'rollback', '-version=1', 'secret/app');
    const { data } = await bao.json<Secret>('kv', 'get', '-mount=secret', 'app');
    assert.deepEqual(data['data'], { user: 'ada', password: 'one' });
    assert.equal((data['metadata'] as { version: number }).version, 5);
    assert.match(await bao.fails('kv', 'get', 'secret/missing'), /No value found/);
    assert.match(await bao.fails('kv', 'patch', 'secret/missing', 'x=y'), /No value found|404/);
  });

  test('kv version 2: metadata, delete, undelete, destroy, list', async () => {
    await bao.ok('kv', 'metadata', 'put', '-max-versions=4', '-delete-version-after=24h', 'secret/box/one');
    await bao.ok('kv', 'put', 'secret/box/one', 'x=1');
    await bao.ok('kv', 'put', 'secret/box/one', 'x=2');
    await bao.ok('kv', 'metadata', 'patch', '-custom-metadata=owner=ada', 'secret/box/one');
    await bao.ok('kv', 'delete', 'secret/box/one');
    const gone = await bao.json<Secret>('kv', 'get', 'secret/box/one');
    assert.equal(gone.data['data'], null);
    await bao.ok('kv', 'undelete', '-versions=2', 'secret/box/one');
    assert.equal(await bao.ok('kv', 'get', '-field=x', 'secret/box/one'), '2');
    await bao.ok('kv', 'destroy', '-versions=1', 'secret/box/one');
    const { data } = await bao.json<Secret>('kv', 'metadata', 'get', 'secret/box/one');
    const versions = data['versions'] as Record<string, { destroyed: boolean }>;
    assert.deepEqual([versions['1']?.destroyed, versions['2']?.destroyed], [true, false]);
    assert.deepEqual([data['max_versions'], data['delete_version_after']], [4, '24h0m0s']);
    assert.deepEqual(data['custom_metadata'], { owner: 'ada' });
    assert.deepEqual(await bao.json<string[]>('kv', 'list', 'secret/box'), ['one']);
    await bao.ok('kv', 'metadata', 'delete', 'secret/box/one');
    assert.match(await bao.fails('kv', 'get', 'secret/box/one'), /No value found/);
    assert.match(await bao.fails('kv', 'list', 'secret/box'), /No value found/);
  });

  test('kv version 1: put, get, list, delete', async () => {
    await bao.ok('secrets', 'enable', '-path=old', '-version=1', 'kv');
    await bao.ok('kv', 'put', 'old/a/b', 'x=1', 'y=two');
    assert.deepEqual((await bao.json<Secret>('kv', 'get', 'old/a/b')).data, { x: '1', y: 'two' });
    assert.deepEqual(await bao.json<string[]>('kv', 'list', 'old'), ['a/']);
    await bao.ok('kv', 'delete', 'old/a/b');
    assert.match(await bao.fails('kv', 'get', 'old/a/b'), /No value found/);
  });

  test('secret engines: enable, tune, move, list, disable', async () => {
    await bao.ok('secrets', 'enable', '-path=apps', '-description=Apps', 'kv-v2');
    await bao.ok('kv', 'put', 'apps/x', 'y=z');
    await bao.ok('secrets', 'tune', '-default-lease-ttl=1h', '-max-lease-ttl=2h', '-description=All apps', 'apps');
    await bao.ok('secrets', 'move', 'apps', 'moved/apps');
    const mounts = await bao.json<Record<string, { description: string; config: Record<string, number> }>>(
      ...['secrets', 'list'],
    );
    const { description, config } = mounts['moved/apps/'] ?? {};
    assert.deepEqual([description, config?.['default_lease_ttl'], config?.['max_lease_ttl']], ['All apps', 3600, 7200]);
    assert.equal(mounts['apps/'], undefined);
    assert.equal(await bao.ok('kv', 'get', '-field=y', '-mount=moved/apps', 'x'), 'z');
    assert.match(await bao.fails('secrets', 'enable', '-path=moved/apps', 'kv'), /already in use/);
    assert.match(await bao.fails('secrets', 'enable', 'no-such-engine'), /plugin not found/);
    await bao.ok('secrets', 'disable', 'moved/apps');
    assert.match(await bao.fails('kv', 'get', '-mount=moved/apps', 'x'), /no handler|403|preflight/);
  });

  test('policies: write, read, list, format, delete, and what they allow', async () => {
    const file = join(folder, 'reader.hcl');
    writeFileSync(file, 'path "secret/data/read/*" { capabilities = ["read"] }\n');
    await bao.ok('policy', 'write', 'reader', file);
    assert.match(await bao.ok('policy', 'read', 'reader'), /secret\/data\/read/);
    assert.deepEqual(await bao.json<string[]>('policy', 'list'), ['default', 'reader', 'root']);
    await bao.ok('kv', 'put', 'secret/read/x', 'y=z');
    const { auth } = await bao.json<Login>('token', 'create', '-policy=reader');
    const reader = bao.as(auth.client_token);
    assert.equal(await reader.ok('kv', 'get', '-field=y', 'secret/read/x'), 'z');
    assert.match(await reader.fails('kv', 'put', 'secret/read/x', 'y=q'), /permission denied/);
    assert.match(await reader.fails('kv', 'get', 'secret/other'), /permission denied|403/);
    assert.equal((await bao.ok('token', 'capabilities', auth.client_token, 'secret/data/read/x')).trim(), 'read');
    assert.equal((await reader.ok('token', 'capabilities', 'secret/data/other')).trim(), 'deny');
    await bao.ok('policy', 'delete', 'reader');
    assert.match(await reader.fails('kv', 'get', 'secret/read/x'), /permission denied|403/);
  });

  test('tokens: create, look up, renew, revoke, wrap', async () => {
    const terms = ['-ttl=1h', '-explicit-max-ttl=2h', '-display-name=ci', '-metadata=team=a', '-policy=default'];
    const { auth } = await bao.json<Login>('token', 'create', ...terms);
    const { data } = await bao.json<Secret>('token', 'lookup', auth.client_token);
    assert.deepEqual(
      [data['display_name'], data['meta'], data['explicit_max_ttl'], data['policies'], data['id']],
      ['token-ci', { team: 'a' }, 7200, ['default'], auth.client_token],
    );
    const byAccessor = await bao.json<Secret>('token', 'lookup', '-accessor', auth.accessor);
    assert.equal(byAccessor.data['id'], '');
    assert.equal((await bao.json<Login>('token', 'renew', auth.client_token)).auth.lease_duration, 3600);
    const shorter = await bao.json<Login>('token', 'renew', '-increment=30m', auth.client_token);
    assert.equal(shorter.auth.lease_duration, 1800);
    const own = bao.as(auth.client_token);
    assert.equal((await own.json<Secret>('token', 'lookup')).data['path'], 'auth/token/create');
    await own.ok('token', 'revoke', '-self');
    assert.match(await own.fails('token', 'lookup'), /permission denied/);
    const orphan = await bao.json<Login>('token', 'create', '-orphan', '-period=24h', '-use-limit=2');
    assert.equal(orphan.auth.lease_duration, 86_400);
    await bao.ok('token', 'revoke', '-accessor', orphan.auth.accessor);
    const wrapping = await bao.ok('token', 'create', '-wrap-ttl=60s', '-field=wrapping_token');
    const unwrapped = await bao.json<Login>('unwrap', wrapping);
    assert.match(unwrapped.auth.client_token, /^hvs\./);
    assert.match(await bao.fails('unwrap', wrapping), /wrapping token is not valid/);
  });

  test('auth methods: enable, tune, AppRole login, move, disable', async () => {
    await bao.ok('auth', 'enable', '-description=Apps', 'approle');
    await bao.ok('auth', 'tune', '-default-lease-ttl=30m', 'approle/');
    const lockout = [
      '-user-lockout-threshold=2',
      '-user-lockout-duration=5m',
      '-user-lockout-counter-reset-duration=1m',
    ];
    await bao.ok('auth', 'tune', ...lockout, 'approle/');
    assert.ok('approle/' in (await bao.json<object>('auth', 'list')));
    await bao.ok('write', 'auth/approle/role/web', 'token_policies=default', 'token_ttl=10m', 'secret_id_ttl=1h');
    assert.deepEqual(await bao.json<string[]>('list', 'auth/approle/role'), ['web']);
    const role = await bao.ok('read', '-field=role_id', 'auth/approle/role/web/role-id');
    const secret = await bao.ok('write', '-force', '-field=secret_id', 'auth/approle/role/web/secret-id');
    const login = await bao.json<Login>('write', 'auth/approle/login', `role_id=${role}`, `secret_id=${secret}`);
    assert.equal(login.auth.lease_duration, 600);
    assert.equal(
      (await bao.as(login.auth.client_token).json<Secret>('token', 'lookup')).data['display_name'],
      'approle',
    );
    assert.match(
      await bao.fails('write', 'auth/approle/login', `role_id=${role}`, 'secret_id=wrong'),
      /invalid role or secret ID/,
    );
    await bao.fails('write', 'auth/approle/login', `role_id=${role}`, 'secret_id=wrong');
    assert.match(
      await bao.fails('write', 'auth/approle/login', `role_id=${role}`, `secret_id=${secret}`),
      /403[^]*permission denied/,
    );
    const { accessor = '' } = (await bao.json<Record<string, { accessor: string }>>('auth', 'list'))['approle/'] ?? {};
    const locked = await bao.json<Secret>('read', 'sys/locked-users');
    assert.equal(locked.data['total'], 1);
    await bao.ok('write', '-force', `sys/locked-users/${accessor}/unlock/${role}`);
    await bao.ok('auth', 'move', 'auth/approle/', 'auth/machines/');
    await bao.ok('write', 'auth/machines/login', `role_id=${role}`, `secret_id=${secret}`);
    await bao.ok('auth', 'disable', 'machines');
    assert.match(
      await bao.fails('write', 'auth/machines/login', `role_id=${role}`),
      /403|permission denied|no handler/,
    );
  });

  test('userpass: login, a hash made elsewhere, a changed password', async () => {
    await bao.ok('auth', 'enable', 'userpass');
    await bao.ok('write', 'auth/userpass/users/Ada', 'password=pw-4711', 'token_ttl=10m');
    const login = ['login', '-method=userpass', '-no-store', '-format=json'];
    const { auth } = JSON.parse(await bao.ok(...login, 'username=ada', 'password=pw-4711')) as Login;
    assert.equal(auth.lease_duration, 600);
    const self = await bao.as(auth.client_token).json<Secret>('token', 'lookup');
    assert.equal(self.data['display_name'], 'userpass-ada');
    assert.match(await bao.fails(...login, 'username=ada', 'password=wrong'), /invalid username or password/);
    // `U*U`, of crypt_blowfish.
    const hash = '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW';
    await bao.ok('write', 'auth/userpass/users/ada/password', `password_hash=${hash}`);
    await bao.ok(...login, 'username=ADA', 'password=U*U');
    assert.deepEqual(await bao.json<string[]>('list', 'auth/userpass/users'), ['ada']);
  });

  test('read, write, list, delete, login and path-help', async () => {
    await bao.ok('write', 'cubbyhole/a/b', 'x=y');
    assert.equal(await bao.ok('read', '-field=x', 'cubbyhole/a/b'), 'y');
    assert.deepEqual(await bao.json<string[]>('list', 'cubbyhole'), ['a/']);
    await bao.ok('delete', 'cubbyhole/a/b');
    assert.match(await bao.fails('read', 'cubbyhole/a/b'), /No value found/);
    assert.match(await bao.fails('list', 'cubbyhole'), /No value found/);
    assert.match(await bao.ok('login', 'root'), /You are now authenticated/);
    assert.match(await bao.ok('path-help', 'secret'), /## PATHS/);
    assert.match(await bao.ok('path-help', 'secret/data/x'), /Versions of a secret/);
    assert.match(await bao.ok('path-help', 'auth/token/create'), /explicit_max_ttl/);
  });
});
