import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, runningNode } from '../../../test/support/node.ts';

async function enabled() {
  let now = Date.UTC(2026, 0, 1);
  const { node, root: token } = await runningNode({ now: () => now });
  await ask(node, 'POST', 'sys/auth/approle', { token, body: { type: 'approle' } });
  const at = (method: string, path: string, body?: Record<string, unknown>) =>
    ask(node, method, `auth/approle/${path}`, { token, ...(body === undefined ? {} : { body }) });
  const login = (body: Record<string, unknown>, address = '127.0.0.1') =>
    ask(node, 'POST', 'auth/approle/login', { body, address });
  const secret = async (body: Record<string, unknown> = {}) => {
    const { reply } = await at('POST', 'role/app/secret-id', body);
    return reply?.data as { secret_id: string; secret_id_accessor: string };
  };
  const role = async (body: Record<string, unknown>) => {
    assert.equal((await at('POST', 'role/app', body)).status, 204);
    const { reply } = await at('GET', 'role/app/role-id');
    return String(reply?.data?.['role_id']);
  };
  return {
    ...{ node, token, at, login, secret, role },
    later: (seconds: number) => {
      now += seconds * 1000;
    },
    [Symbol.asyncDispose]: () => node[Symbol.asyncDispose](),
  };
}

test('a role-id and a secret-id give a token with the role’s policies', async () => {
  await using approle = await enabled();
  const role_id = await approle.role({ token_policies: 'web', token_ttl: '1h', token_max_ttl: '2h' });
  const { secret_id } = await approle.secret({ metadata: '{"pod":"p1"}' });
  const { auth, status } = await approle.login({ role_id, secret_id });
  assert.equal(status, 200);
  assert.deepEqual(auth?.['policies'], ['default', 'web']);
  assert.deepEqual(auth?.['metadata'], { role_name: 'app', pod: 'p1' });
  assert.equal(auth?.['lease_duration'], 3600);
  const token = String(auth?.['client_token']);
  approle.later(3000);
  const renewed = await ask(approle.node, 'POST', 'auth/token/renew-self', { token });
  assert.equal(renewed.auth?.['lease_duration'], 3600);
  approle.later(3500);
  const last = await ask(approle.node, 'POST', 'auth/token/renew-self', { token });
  assert.equal(last.auth?.['lease_duration'], 700, 'the maximum counts from the login');
});

test('the metadata of a secret-id does not say that it is of another role', async () => {
  await using approle = await enabled();
  const role_id = await approle.role({});
  const { secret_id } = await approle.secret({ metadata: '{"role_name":"admin","pod":"p1"}' });
  const { auth } = await approle.login({ role_id, secret_id });
  assert.deepEqual(auth?.['metadata'], { role_name: 'app', pod: 'p1' });
});

test('a misspelt parameter is warned of, where nothing else is answered too', async () => {
  await using approle = await enabled();
  const { status, warnings } = await approle.at('POST', 'role/app', { token_polices: 'web' });
  assert.deepEqual([status, warnings], [200, ['Endpoint ignored these unrecognized parameters: [token_polices]']]);
});

test('wrong credentials all get the same answer', async () => {
  await using approle = await enabled();
  const role_id = await approle.role({});
  const { secret_id } = await approle.secret();
  for (const body of [
    { role_id, secret_id: 'x' },
    { role_id: 'x', secret_id },
    { role_id: 'x', secret_id: 'x' },
  ]) {
    const { status, errors } = await approle.login(body);
    assert.equal(status, 400);
    assert.deepEqual(errors, ['invalid role or secret ID']);
  }
});

test('a use-limited secret-id is used as often as allowed, also when logins race', async () => {
  await using approle = await enabled();
  const role_id = await approle.role({ secret_id_num_uses: 3 });
  const { secret_id } = await approle.secret();
  const tries = await Promise.all(Array.from({ length: 10 }, () => approle.login({ role_id, secret_id })));
  assert.equal(tries.filter(({ status }) => status === 200).length, 3);
});

test('a secret-id ends with its time, by its accessor, and with its role', async () => {
  await using approle = await enabled();
  const role_id = await approle.role({ secret_id_ttl: 60 });
  const first = await approle.secret();
  approle.later(61);
  assert.equal((await approle.login({ role_id, secret_id: first.secret_id })).status, 400);
  const second = await approle.secret();
  // Used before, so that it is at hand.
  assert.equal((await approle.login({ role_id, secret_id: second.secret_id })).status, 200);
  const destroy = { secret_id_accessor: second.secret_id_accessor };
  assert.equal((await approle.at('POST', 'role/app/secret-id-accessor/destroy', destroy)).status, 204);
  assert.equal((await approle.login({ role_id, secret_id: second.secret_id })).status, 400);
  const third = await approle.secret();
  assert.equal((await approle.login({ role_id, secret_id: third.secret_id })).status, 200);
  assert.equal((await approle.at('DELETE', 'role/app')).status, 204);
  assert.equal((await approle.login({ role_id, secret_id: third.secret_id })).status, 400);
});

test('addresses bind secret-ids and tokens', async () => {
  await using approle = await enabled();
  const role_id = await approle.role({ secret_id_bound_cidrs: '10.0.0.0/8', token_bound_cidrs: '10.1.0.0/16' });
  const { secret_id } = await approle.secret();
  assert.equal((await approle.login({ role_id, secret_id }, '192.0.2.1')).status, 400);
  const { auth } = await approle.login({ role_id, secret_id }, '10.1.2.3');
  const token = String(auth?.['client_token']);
  const from = (address: string) => ask(approle.node, 'GET', 'auth/token/lookup-self', { token, address });
  assert.equal((await from('10.1.2.3')).status, 200);
  assert.equal((await from('10.2.2.3')).status, 403);
});

test('a token is bound to the address of its login where the role says so', async () => {
  await using approle = await enabled();
  const conflict = { token_strictly_bind_ip: true, token_bound_cidrs: '10.0.0.0/8' };
  assert.match(
    (await approle.at('POST', 'role/app', conflict)).errors?.[0] ?? '',
    /conflicts with 'token_bound_cidrs'/,
  );
  const role_id = await approle.role({ token_strictly_bind_ip: true });
  const { secret_id } = await approle.secret();
  const token = String((await approle.login({ role_id, secret_id }, '10.1.2.3')).auth?.['client_token']);
  const from = (address: string) => ask(approle.node, 'GET', 'auth/token/lookup-self', { token, address });
  const [own, other] = [await from('10.1.2.3'), await from('10.1.2.4')];
  assert.deepEqual([own.status, own.reply?.data?.['bound_cidrs'], other.status], [200, ['10.1.2.3'], 403]);
  const narrow = await approle.at('POST', 'role/app/secret-id', { token_bound_cidrs: '10.9.0.0/16' });
  const { secret_id: narrowed } = (narrow.reply?.data ?? {}) as { secret_id: string };
  assert.equal((await approle.login({ role_id, secret_id: narrowed }, '10.1.2.3')).status, 400);
  const socket = await approle.login({ role_id, secret_id }, '/run/lockstep.sock');
  assert.match(socket.errors?.[0] ?? '', /no IP address/);
});

test('settings are read, written and reset one by one', async () => {
  await using approle = await enabled();
  await approle.role({});
  for (const [name, value] of [
    ['token-ttl', 60],
    ['secret-id-num-uses', 5],
    ['policies', ['a', 'b']],
  ] as const) {
    const key = name.replaceAll('-', '_');
    assert.equal((await approle.at('POST', `role/app/${name}`, { [key]: value })).status, 204, name);
    assert.deepEqual((await approle.at('GET', `role/app/${name}`)).reply?.data?.[key], value);
    assert.equal((await approle.at('DELETE', `role/app/${name}`)).status, 204);
  }
  assert.equal((await approle.at('DELETE', 'role/app/bind-secret-id')).status, 204);
  assert.equal((await approle.at('POST', 'role/app', { bind_secret_id: false })).status, 400);
});

test('the accessors of a role come in pages, whichever compartment holds them, and never those of another role', async () => {
  await using approle = await enabled();
  await approle.role({});
  await approle.at('POST', 'role/other', {});
  await approle.at('POST', 'role/other/secret-id', {});
  const accessors: string[] = [];
  for (let at = 0; at < 7; at += 1) {
    const { secret_id_accessor: accessor } = await approle.secret(at % 2 === 0 ? {} : { num_uses: 3 });
    accessors.push(accessor);
  }
  const { token } = approle;
  const list = async (query: Record<string, string>): Promise<readonly string[]> => {
    const { reply } = await ask(approle.node, 'LIST', 'auth/approle/role/app/secret-id', { token, query });
    return (reply?.data?.['keys'] ?? []) as readonly string[];
  };
  const all = await list({});
  assert.deepEqual(all.toSorted(), accessors.toSorted());
  const paged: string[] = [];
  for (
    let page = await list({ limit: '2' });
    page.length > 0;
    page = await list({ limit: '2', after: paged.at(-1) ?? '' })
  ) {
    assert.ok(page.length <= 2);
    paged.push(...page);
  }
  assert.deepEqual(paged, all);
});

test('the addresses of its tokens bind a role that takes no secret-id', async () => {
  await using approle = await enabled();
  const unbound = await approle.at('POST', 'role/app', { bind_secret_id: false });
  assert.match(String(unbound.errors), /token_bound_cidrs/);
  const role_id = await approle.role({ bind_secret_id: false, token_bound_cidrs: '10.1.0.0/16' });
  assert.equal((await approle.login({ role_id }, '10.1.2.3')).status, 200);
  assert.equal((await approle.login({ role_id }, '10.2.2.3')).status, 400);
  for (const path of ['secret-id', 'custom-secret-id']) {
    const { status, errors } = await approle.at('POST', `role/app/${path}`, { secret_id: 'own' });
    assert.deepEqual([status, errors], [400, ['bind_secret_id is not set on the role: it takes no secret-id']]);
  }
});
