/** node-vault, the client of Node.js programs: sends LIST as a method, and checks replies by schemas of its own. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import nodeVault from 'node-vault';
import { devServer, newServer, type TestServer } from './support/server.ts';

type Client = ReturnType<typeof nodeVault>;

/** Its methods promise `any`: what a test needs of a reply is named where it is used. */
async function as<T>(reply: Promise<unknown>): Promise<T> {
  return (await reply) as T;
}

interface Envelope {
  readonly data: Readonly<Record<string, unknown>>;
  readonly auth: { readonly client_token: string; readonly accessor: string; readonly lease_duration: number };
  readonly wrap_info: { readonly token: string; readonly ttl: number };
}

const refused = (statusCode: number, body?: unknown) => (error: unknown) => {
  const { response } = error as { response: { statusCode: number; body: unknown } };
  assert.equal(response.statusCode, statusCode);
  if (body !== undefined) assert.deepEqual(response.body, body);
  return true;
};

let server: TestServer;
let vault: Client;
before(async () => {
  server = await devServer();
  vault = nodeVault({ endpoint: server.address, token: 'root' });
});
after(() => server[Symbol.asyncDispose]());

test('initialises, unseals and seals a new server', async () => {
  await using fresh = await newServer();
  const nobody = nodeVault({ endpoint: fresh.address, token: 'none' });
  assert.deepEqual(await as(nobody.initialized()), { initialized: false });
  const made = await as<{ keys: string[]; root_token: string }>(nobody.init({ secret_shares: 2, secret_threshold: 2 }));
  for (const key of made.keys) await nobody.unseal({ secret_shares: 2, key });
  assert.equal((await as<{ sealed: boolean }>(nobody.status())).sealed, false);
  const root = nodeVault({ endpoint: fresh.address, token: made.root_token });
  await root.rotate();
  await root.seal();
  assert.equal((await as<{ sealed: boolean }>(nobody.status())).sealed, true);
  await assert.rejects(root.mounts(), refused(503, { errors: ['Vault is sealed'] }));
});

test('kv version 2: write, patch, read, list, delete', async () => {
  await vault.write('secret/data/js/app', { data: { user: 'ada', password: 'one' } });
  await vault.update('secret/data/js/app', { data: { password: 'two' } });
  const { data } = await as<Envelope>(vault.read('secret/data/js/app'));
  assert.deepEqual(data['data'], { user: 'ada', password: 'two' });
  assert.deepEqual((await as<Envelope>(vault.list('secret/metadata/js'))).data['keys'], ['app']);
  await vault.delete('secret/metadata/js/app');
  await assert.rejects(vault.read('secret/data/js/app'), refused(404, { errors: [] }));
  await assert.rejects(vault.list('secret/metadata/js'), refused(404, { errors: [] }));
});

test('kv version 1 and mounts', async () => {
  await vault.mount({ mount_point: 'js', type: 'kv', options: { version: '1' } });
  await vault.write('js/a/b', { x: 'y' });
  assert.deepEqual((await as<Envelope>(vault.read('js/a/b'))).data, { x: 'y' });
  assert.deepEqual((await as<Envelope>(vault.list('js'))).data['keys'], ['a/']);
  await vault.remount({ from: 'js', to: 'moved' });
  assert.deepEqual((await as<Envelope>(vault.read('moved/a/b'))).data, { x: 'y' });
  assert.ok('moved/' in (await as<Envelope>(vault.mounts())).data);
  await vault.unmount({ mount_point: 'moved' });
  await assert.rejects(vault.read('moved/a/b'), refused(404));
});

test('policies and tokens', async () => {
  await vault.addPolicy({ name: 'js', rules: 'path "secret/data/js/*" { capabilities = ["read"] }' });
  assert.ok((await as<{ policies: string[] }>(vault.policies())).policies.includes('js'));
  assert.match((await as<{ rules: string }>(vault.getPolicy({ name: 'js' }))).rules, /secret\/data\/js/);
  // A client takes the token that it makes for its own.
  const maker = nodeVault({ endpoint: server.address, token: 'root' });
  const { auth } = await as<Envelope>(maker.tokenCreate({ policies: ['js'], ttl: '1h', display_name: 'js' }));
  const limited = nodeVault({ endpoint: server.address, token: auth.client_token });
  await assert.rejects(limited.write('secret/data/js/x', { data: {} }), refused(403));
  assert.equal((await as<Envelope>(limited.tokenRenewSelf({ increment: 60 }))).auth.lease_duration, 60);
  const self = await as<Envelope>(limited.tokenLookupSelf());
  assert.deepEqual([self.data['display_name'], self.data['policies']], ['token-js', ['default', 'js']]);
  assert.equal((await as<Envelope>(vault.tokenLookup({ token: auth.client_token }))).data['id'], auth.client_token);
  assert.equal((await as<Envelope>(vault.tokenLookupAccessor({ accessor: auth.accessor }))).data['id'], '');
  const { data } = await as<Envelope>(vault.tokenAccessors());
  assert.ok((data['keys'] as string[]).includes(auth.accessor));
  await vault.tokenRevokeAccessor({ accessor: auth.accessor });
  await assert.rejects(limited.tokenLookupSelf(), refused(403, { errors: ['permission denied'] }));
  await vault.removePolicy({ name: 'js' });
});

test('AppRole: role, role-id, secret-id, login, and a wrapped token', async () => {
  await vault.enableAuth({ mount_point: 'approle', type: 'approle' });
  assert.ok('approle/' in (await as<Envelope>(vault.auths())).data);
  await vault.addApproleRole({ role_name: 'web', token_policies: 'default', token_ttl: 600 });
  assert.deepEqual((await as<Envelope>(vault.approleRoles())).data['keys'], ['web']);
  const { role_id } = (await as<Envelope>(vault.getApproleRoleId({ role_name: 'web' }))).data;
  const { secret_id } = (await as<Envelope>(vault.getApproleRoleSecret({ role_name: 'web' }))).data;
  const nobody = nodeVault({ endpoint: server.address, token: '' });
  const login = await as<Envelope>(nobody.approleLogin({ role_id, secret_id }));
  assert.equal(login.auth.lease_duration, 600);
  const wrong = nodeVault({ endpoint: server.address, token: '' }).approleLogin({ role_id, secret_id: 'wrong' });
  await assert.rejects(wrong, refused(400));
  await vault.disableAuth({ mount_point: 'approle' });

  const headers = { 'X-Vault-Wrap-TTL': '60' };
  const wrapped = await as<Envelope>(vault.write('auth/token/create', { ttl: '1h' }, { headers }));
  assert.equal(wrapped.wrap_info.ttl, 60);
  const { auth } = await as<Envelope>(vault.unwrap({ token: wrapped.wrap_info.token }));
  assert.equal(auth.lease_duration, 3600);
  await assert.rejects(vault.unwrap({ token: wrapped.wrap_info.token }), refused(400));
});

test('help', async () => {
  assert.match((await as<{ help: string }>(vault.help('sys/policy'))).help, /Names of all policies/);
});
