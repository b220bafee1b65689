/** `sys/leases`: lists, prefixes, tokens as leases, rights, and callers who mean no good. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LeaseWorld } from '../../test/support/lease-world.ts';

const keysOf = async (world: LeaseWorld, prefix: string, query: Record<string, string> = {}) => {
  const { status, reply } = await world.ask('LIST', `sys/leases/lookup/${prefix}`, { query });
  return status === 404 ? [] : ((reply?.data?.['keys'] ?? []) as readonly string[]);
};
const lastOf = (id: string): string => id.slice(id.lastIndexOf('/') + 1);

test('leases are listed by prefix, one level at a time, and in pages', async (t) => {
  const world = await LeaseWorld.open(t);
  assert.deepEqual(await world.refused('LIST', 'sys/leases/lookup/db'), [404]);
  const web: string[] = [];
  for (let at = 0; at < 7; at += 1) web.push((await world.must('GET', 'db/creds/web')).leaseId);
  const deep = await world.must('GET', 'db/creds/web/deep');
  assert.deepEqual(await keysOf(world, ''), ['db/']);
  assert.deepEqual(await keysOf(world, 'db'), ['creds/']);
  assert.deepEqual(await keysOf(world, 'db/creds/'), ['web/']);
  const all = await keysOf(world, 'db/creds/web');
  assert.deepEqual([...all].sort(), [...web.map(lastOf), 'deep/'].sort());
  assert.deepEqual(await keysOf(world, 'db/creds/web/deep'), [lastOf(deep.leaseId)]);
  const paged: string[] = [];
  for (let after = ''; ;) {
    const page = await keysOf(world, 'db/creds/web', { limit: '3', after });
    paged.push(...page);
    if (page.length < 3) break;
    after = page.at(-1) ?? '';
  }
  assert.deepEqual(paged, all);
  assert.deepEqual(await keysOf(world, 'db/cre'), []);
});

test('a prefix takes what lies below it and nothing that only begins alike, whole ids too', async (t) => {
  const world = await LeaseWorld.open(t);
  const made = async (name: string) => (await world.must('GET', `db/creds/${name}`)).leaseId;
  const [a, ab, single] = [await made('a'), await made('ab'), await made('single')];
  await made('a/deep');
  await world.must('POST', 'sys/leases/revoke-prefix/db/creds/a', { body: { sync: true } });
  assert.equal((await world.look(a)).status, 400);
  assert.equal((await world.look(ab)).status, 200);
  assert.equal(world.users().length, 2);
  await world.must('PUT', `sys/leases/revoke-prefix/${single}`);
  await world.settle();
  assert.equal(world.users().length, 1);
  await world.must('POST', 'sys/leases/revoke-prefix/db/');
  await world.settle();
  assert.deepEqual([world.users(), world.leases()], [[], []]);
  for (const prefix of ['', '/']) {
    assert.deepEqual(await world.refused('POST', `sys/leases/revoke-prefix${prefix}`), [
      400,
      'prefix must be specified',
    ]);
  }
});

test('who says that a revocation is not to wait hears 202, of what is there and of what is not', async (t) => {
  const world = await LeaseWorld.open(t);
  const { leaseId } = await world.must('GET', 'db/creds/a');
  const asked = [
    ['sys/leases/revoke', { lease_id: leaseId, sync: false }],
    ['sys/leases/revoke', { lease_id: 'db/creds/a/none', sync: false }],
    ['sys/leases/revoke-prefix/db', { sync: 'false' }],
  ] as const;
  for (const [path, body] of asked) assert.equal((await world.must('POST', path, { body })).status, 202, path);
  assert.equal((await world.must('POST', 'sys/leases/revoke-prefix/db', { body: {} })).status, 204);
  await world.settle();
  assert.deepEqual(world.leases(), []);
});

test('a prefix that cannot be revoked is told once all of it was tried', async (t) => {
  const world = await LeaseWorld.open(t);
  for (let at = 0; at < 5; at += 1) await world.must('GET', 'db/creds/a');
  await world.must('GET', 'db/notes/n');
  world.behave('.refuse', true);
  const [status, error] = await world.refused('POST', 'sys/leases/revoke-prefix/db', { body: { sync: true } });
  assert.equal(status, 500);
  assert.match(String(error), /^failed to revoke 5 of the leases below "db": the engine failed: Error\./);
  assert.deepEqual(world.count(), { all: 5, irrevocable: 0 });
});

test('tokens are leases too: listed by the path that made them, looked up, and logged out by prefix', async (t) => {
  const world = await LeaseWorld.open(t);
  await world.must('POST', 'sys/auth/approle', { body: { type: 'approle' } });
  await world.must('POST', 'auth/approle/role/web', { body: { token_ttl: '1h' } });
  const roleId = (await world.must('GET', 'auth/approle/role/web/role-id')).reply?.data?.['role_id'];
  const login = async (): Promise<string> => {
    const made = await world.must('POST', 'auth/approle/role/web/secret-id');
    const body = { role_id: roleId, secret_id: made.reply?.data?.['secret_id'] };
    return String((await world.must('POST', 'auth/approle/login', { body })).auth?.['client_token']);
  };
  const logins = [await login(), await login()];
  const token = await world.token({ ttl: '2h', policies: ['default'] });
  assert.deepEqual(await keysOf(world, ''), ['auth/']);
  assert.deepEqual(await keysOf(world, 'auth'), ['approle/', 'token/']);
  const [first = '', second = ''] = await keysOf(world, 'auth/approle/login');
  for (const name of [first, second]) assert.match(name, /^h[0-9a-f]{64}$/);
  // The token of the initialisation was never given by a path.
  const [own = ''] = await keysOf(world, 'auth/token/create');
  const found = (await world.look(`auth/token/create/${own}`)).reply?.data;
  assert.deepEqual(found, {
    id: `auth/token/create/${own}`,
    path: 'auth/token/create',
    issue_time: '2026-01-01T00:00:00.000Z',
    expire_time: '2026-01-01T02:00:00.000Z',
    last_renewal: null,
    renewable: true,
    ttl: 7_200,
  });
  const renewal = await world.refused('POST', 'sys/leases/renew', { body: { lease_id: `auth/token/create/${own}` } });
  assert.deepEqual(renewal, [400, 'tokens cannot be renewed through this endpoint: use auth/token/renew']);
  assert.equal((await world.look(`auth/approle/login/${own}`)).status, 400);
  await world.must('POST', 'sys/leases/revoke', { body: { lease_id: `auth/approle/login/${first}` } });
  assert.deepEqual(await keysOf(world, 'auth/approle/login'), [second]);
  await world.must('POST', 'sys/leases/revoke-prefix/auth/approle/login');
  const self = (asker: string) => world.ask('GET', 'auth/token/lookup-self', { token: asker });
  for (const gone of logins) assert.equal((await self(gone)).status, 403);
  assert.equal((await self(token)).status, 200);
  await world.must('POST', 'sys/leases/revoke-force/auth/token');
  assert.equal((await self(token)).status, 403);
  assert.equal((await self(world.root)).status, 200);
});

test('a token lease of another namespace is none', async (t) => {
  const world = await LeaseWorld.open(t);
  await world.must('POST', 'sys/namespaces/team', { body: {} });
  await world.token({ ttl: '1h' }, world.root, 'team');
  const listed = await world.must('LIST', 'sys/leases/lookup/auth/token/create', { namespace: 'team' });
  const [name = ''] = listed.reply?.data?.['keys'] as readonly string[];
  assert.match(name, /^h[0-9a-f]{64}\.\w{6}$/);
  const id = `auth/token/create/${name}`;
  assert.equal((await world.look(id)).status, 400);
  assert.equal((await world.look(id.replace(/\.\w+$/, ''))).status, 400);
  assert.equal((await world.look(id, { namespace: 'team' })).reply?.data?.['namespace_path'], 'team/');
  await world.must('POST', 'sys/leases/revoke', { body: { lease_id: id } });
  assert.equal((await world.look(id, { namespace: 'team' })).status, 200);
  assert.deepEqual(await keysOf(world, 'auth'), []);
});

test('lists, prefixes and force need sudo; one lease and the count do not', async (t) => {
  const world = await LeaseWorld.open(t);
  const rules =
    'path "sys/leases*" { capabilities = ["create", "read", "update", "list"] } path "db/*" { capabilities = ["read"] }';
  await world.must('PUT', 'sys/policies/acl/p', { body: { policy: rules } });
  const token = await world.token({ policies: ['p'] });
  const { leaseId } = await world.must('GET', 'db/creds/a', { token });
  const query = { type: 'irrevocable' };
  for (const [method, path, asking] of [
    ['LIST', 'sys/leases/lookup', {}],
    ['LIST', 'sys/leases/lookup/db', {}],
    ['POST', 'sys/leases/revoke-prefix/db', {}],
    ['POST', 'sys/leases/revoke-force/db', {}],
    ['GET', 'sys/leases', { query }],
  ] as const) {
    assert.deepEqual(await world.refused(method, path, { ...asking, token }), [403, 'permission denied'], path);
  }
  const body = { lease_id: leaseId };
  await world.must('POST', 'sys/leases/lookup', { token, body });
  await world.must('PUT', `sys/leases/renew/${leaseId}`, { token });
  await world.must('GET', 'sys/leases/count', { token, query });
  assert.equal((await world.must('POST', 'sys/leases/tidy', { token })).status, 202);
  await world.must('PUT', `sys/leases/revoke/${leaseId}`, { token });
  await world.settle();
  assert.deepEqual(world.users(), []);
  const stranger = await world.token({ policies: ['default'] });
  assert.deepEqual(await world.refused('POST', 'sys/leases/revoke', { token: stranger, body }), [
    403,
    'permission denied',
  ]);
});

test('what is revoked twice, or never was, is no error, as in Vault', async (t) => {
  const world = await LeaseWorld.open(t);
  const { leaseId } = await world.must('GET', 'db/creds/a');
  for (const lease_id of [leaseId, leaseId, 'x', 'db/creds/a/', '../../sys']) {
    for (const sync of [true, false]) await world.must('POST', 'sys/leases/revoke', { body: { lease_id, sync } });
  }
  assert.deepEqual(await world.refused('POST', 'sys/leases/revoke', { body: {} }), [400, 'lease_id must be specified']);
  assert.deepEqual(await world.refused('POST', 'sys/leases/lookup', { body: {} }), [400, 'lease_id must be specified']);
});

test('hostile ids, prefixes and numbers are refused or find nothing', async (t) => {
  const world = await LeaseWorld.open(t);
  await world.must('GET', 'db/creds/a');
  const long = 'x'.repeat(50_000);
  for (const id of [
    long,
    'constructor',
    '__proto__',
    'h',
    `auth/token/create/h${'0'.repeat(64)}`,
    'a\u0000b',
    '\ud800',
  ]) {
    assert.deepEqual(await world.refused('POST', 'sys/leases/lookup', { body: { lease_id: id } }), [
      400,
      'invalid lease',
    ]);
    assert.deepEqual(await world.refused('POST', 'sys/leases/renew', { body: { lease_id: id } }), [
      400,
      'lease not found',
    ]);
    assert.equal((await world.ask('POST', 'sys/leases/revoke', { body: { lease_id: id, sync: true } })).status, 204);
  }
  for (const wrong of [
    { lease_id: { a: 1 } },
    { lease_id: ['x'] },
    { lease_id: 'x', increment: 'soon' },
    { lease_id: 'x', increment: -5 },
  ]) {
    assert.equal((await world.ask('POST', 'sys/leases/renew', { body: wrong })).status, 400, JSON.stringify(wrong));
  }
  assert.equal(
    (await world.ask('POST', 'sys/leases/revoke', { body: { lease_id: 'x', sync: 'perhaps' } })).status,
    400,
  );
  for (const limit of ['0', '-1', '1e9', 'x', '99999999999']) {
    const query = { type: 'irrevocable', limit };
    assert.equal((await world.ask('GET', 'sys/leases', { query })).status, 400, limit);
  }
  assert.equal((await world.ask('GET', 'sys/leases', { query: { type: 'irrevocable', limit: 'none' } })).status, 200);
  assert.equal((await world.ask('GET', 'sys/leases', { query: { type: 'all' } })).status, 404);
  assert.equal((await world.ask('GET', 'sys/leases/count')).status, 404);
  const paged = { limit: '2', after: long };
  assert.equal((await world.ask('LIST', 'sys/leases/lookup/db', { query: paged })).status, 400);
  // A path too long to be kept is refused before anything is made.
  assert.equal((await world.ask('GET', `db/creds/${'y'.repeat(3_000)}`)).status, 400);
  assert.equal(world.users().length, 1);
  world.assertWhole();
});

test('a sealed node answers none of it', async (t) => {
  const world = await LeaseWorld.open(t);
  const { leaseId } = await world.must('GET', 'db/creds/a');
  await world.node.seal();
  for (const path of ['lookup', 'renew', 'revoke', 'revoke-prefix/db', 'revoke-force/db', 'tidy']) {
    assert.equal((await world.ask('POST', `sys/leases/${path}`, { body: { lease_id: leaseId } })).status, 503, path);
  }
  assert.equal(world.users().length, 1);
});

test('metrics tell how many leases there are, and how many could not be revoked', async (t) => {
  const world = await LeaseWorld.open(t);
  const shown = async (name: string): Promise<number> => {
    const { reply } = await world.must('GET', 'sys/metrics', { query: { format: 'prometheus' } });
    return Number(new RegExp(`^${name} (.*)$`, 'm').exec(String(reply?.raw?.body))?.[1]);
  };
  await world.must('GET', 'db/creds/a', { query: { ttl: '1m' } });
  await world.must('GET', 'db/creds/a', { query: { ttl: '1000h' } });
  assert.equal(await shown('vault_expire_num_leases'), 2);
  world.behave('.refuse', true);
  for (let day = 0; day < 7; day += 1) {
    world.now += 24 * 3_600_000;
    await world.settle();
  }
  assert.deepEqual(
    [await shown('vault_expire_num_leases'), await shown('vault_expire_num_irrevocable_leases')],
    [2, 1],
  );
  assert.equal(await shown('vault_secret_lease_creation'), 2);
  assert.ok((await shown('vault_expire_lease_expiration_error')) >= 6);
  await world.must('POST', 'sys/leases/revoke-force/db');
  assert.deepEqual(
    [await shown('vault_expire_num_leases'), await shown('vault_expire_num_irrevocable_leases')],
    [0, 0],
  );
});
