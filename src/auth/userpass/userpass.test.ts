import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, runningNode } from '../../../test/support/node.ts';

/** `U*U` at cost 5, of crypt_blowfish. */
const HASH = '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW';
const WRONG = { status: 400, errors: ['invalid username or password'] };

async function enabled() {
  const { node, root: token } = await runningNode();
  await ask(node, 'POST', 'sys/auth/userpass', { token, body: { type: 'userpass' } });
  const at = (method: string, path: string, body?: Record<string, unknown>) =>
    ask(node, method, `auth/userpass/${path}`, { token, ...(body === undefined ? {} : { body }) });
  const login = (name: string, password?: unknown, address = '127.0.0.1') =>
    ask(node, 'POST', `auth/userpass/login/${name}`, { body: password === undefined ? {} : { password }, address });
  const answer = async (name: string, password?: unknown) => {
    const { status, errors } = await login(name, password);
    return { status, errors };
  };
  return { node, token, at, login, answer, [Symbol.asyncDispose]: () => node[Symbol.asyncDispose]() };
}

test('a user logs in by the password, however the name is written', async () => {
  await using userpass = await enabled();
  const terms = { token_policies: 'web', token_ttl: '1h', token_max_ttl: '2h' };
  assert.equal((await userpass.at('POST', 'users/Ada', { password: 'pw-1', ...terms })).status, 204);
  for (const name of ['ada', 'ADA', 'Ada']) {
    const { status, auth } = await userpass.login(name, 'pw-1');
    assert.equal(status, 200);
    assert.deepEqual(auth?.['policies'], ['default', 'web']);
    assert.deepEqual([auth?.['metadata'], auth?.['lease_duration']], [{ username: 'ada' }, 3600]);
  }
  const { auth } = await userpass.login('ada', 'pw-1');
  const self = await ask(userpass.node, 'GET', 'auth/token/lookup-self', { token: String(auth?.['client_token']) });
  assert.equal(self.reply?.data?.['display_name'], 'userpass-ada');
  const entities = await ask(userpass.node, 'LIST', 'identity/entity/id', { token: userpass.token });
  assert.equal((entities.reply?.data?.['keys'] as string[]).length, 1, 'one person, however the name is written');
});

test('a password that nobody could type is taken as it is, and warned of', async () => {
  await using userpass = await enabled();
  for (const path of ['users/ada', 'users/ada/password']) {
    const { status, reply } = await userpass.at('POST', path, { password: 'pw-1\n' });
    assert.deepEqual([status, reply?.warnings?.length], [200, 1], path);
    assert.match(String(reply?.warnings?.[0]), /line break.*printf/);
    assert.equal((await userpass.login('ada', 'pw-1\n')).status, 200);
    assert.deepEqual(await userpass.answer('ada', 'pw-1'), WRONG);
    assert.equal((await userpass.at('POST', path, { password: 'pw-1' })).status, 204);
  }
});

test('what is read of a user holds neither password nor hash', async () => {
  await using userpass = await enabled();
  await userpass.at('POST', 'users/ada', { password_hash: HASH, ttl: '30m', max_ttl: '1h', policies: 'A,b' });
  const { reply } = await userpass.at('GET', 'users/ADA');
  assert.deepEqual(reply?.data, {
    token_bound_cidrs: [],
    token_explicit_max_ttl: 0,
    token_max_ttl: 3600,
    token_no_default_policy: false,
    token_num_uses: 0,
    token_period: 0,
    token_policies: ['a', 'b'],
    token_strictly_bind_ip: false,
    token_ttl: 1800,
    token_type: 'default',
  });
  await userpass.at('POST', 'users/bob', { password: 'x' });
  assert.deepEqual((await userpass.at('LIST', 'users')).reply?.data, { keys: ['ada', 'bob'] });
  assert.equal((await userpass.at('DELETE', 'users/Ada')).status, 204);
  assert.equal((await userpass.at('GET', 'users/ada')).status, 404);
});

test('a wrong password, nobody, and a name that nobody can have get one answer', async () => {
  await using userpass = await enabled();
  await userpass.at('POST', 'users/kate', { password: 'right' });
  for (const [name, password] of [
    ['kate', 'wrong'],
    ['nobody', 'right'],
    // The Kelvin sign, which is a k in lower case.
    ['\u212Aate', 'right'],
    ['kate ', 'right'],
    ['kate.', 'right'],
    ['x'.repeat(2000), 'right'],
  ] as const) {
    assert.deepEqual(await userpass.answer(name, password), WRONG, name);
  }
  assert.deepEqual(await userpass.answer('kate'), { status: 400, errors: ['missing password'] });
  assert.equal((await userpass.answer('kate', { $ne: '' })).status, 400);
  assert.equal((await userpass.login('kate', 'right')).status, 200);
});

// CVE-2025-54999. No clock: of logins that come together, the hash of nobody waits for its turn like any other.
test('who does not exist waits for a hash as who does', async () => {
  await using userpass = await enabled();
  await userpass.at('POST', 'users/ada', { password: 'pw-1' });
  const answered: string[] = [];
  const guess = async (name: string) => {
    assert.deepEqual(await userpass.answer(name, 'wrong'), WRONG);
    answered.push(name);
  };
  await Promise.all(['ada', 'ada', 'ada', 'nobody', 'ada'].map(guess));
  assert.equal(answered[0], 'ada', answered.join());
});

test('hashes made elsewhere log in, also beside others of another cost; what is none is refused', async () => {
  await using userpass = await enabled();
  const dear = '$2b$11$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW';
  for (const [name, hash] of [
    ['cheap', HASH],
    ['php', HASH.replace('2a', '2y')],
    ['dear', dear],
  ] as const) {
    assert.equal((await userpass.at('POST', `users/${name}`, { password_hash: hash })).status, 204);
  }
  assert.equal((await userpass.login('cheap', 'U*U')).status, 200);
  assert.equal((await userpass.login('php', 'U*U')).status, 200);
  assert.deepEqual(await userpass.answer('cheap', 'U*U*'), WRONG);
  assert.deepEqual(await userpass.answer('nobody', 'U*U'), WRONG);
  for (const [hash, message] of [
    ['$2a$10$abc', /not a valid bcrypt hash/],
    [HASH.replace('2a', '2x'), /not a valid bcrypt hash/],
    [HASH.replace('$05', '$04'), /cost of 4 is too low/],
    [HASH.replace('$05', '$31'), /cost of 31 exceeds/],
  ] as const) {
    const { status, errors } = await userpass.at('POST', 'users/other', { password_hash: hash });
    assert.equal(status, 400);
    assert.match(errors?.[0] ?? '', message);
  }
  const both = await userpass.at('POST', 'users/other', { password: 'x', password_hash: HASH });
  assert.match(both.errors?.[0] ?? '', /only one of/);
  assert.equal((await userpass.at('GET', 'users/other')).status, 404);
});

test('a user needs a password, once, of at most 72 bytes', async () => {
  await using userpass = await enabled();
  for (const body of [{}, { password: '' }, { token_policies: 'x' }]) {
    const { status, errors } = await userpass.at('POST', 'users/ada', body);
    assert.deepEqual([status, errors], [400, ['must provide either password or password_hash']]);
  }
  const long = await userpass.at('POST', 'users/ada', { password: 'x'.repeat(73) });
  assert.match(long.errors?.[0] ?? '', /exceeds 72 bytes/);
  await userpass.at('POST', 'users/ada', { password: 'a\0b', token_policies: 'x' });
  assert.equal((await userpass.at('POST', 'users/ada', { token_ttl: 60 })).status, 204);
  assert.deepEqual(await userpass.answer('ada', 'a'), WRONG);
  const { auth } = await userpass.login('ada', 'a\0b');
  assert.deepEqual([auth?.['policies'], auth?.['lease_duration']], [['default', 'x'], 60]);
});

test('a name that could be read as another path or another name is refused', async () => {
  await using userpass = await enabled();
  for (const name of ['a b', 'a+', '-a', 'a-', '.a', 'a*', 'ü', '\u212Aate', 'x'.repeat(513)]) {
    const { status } = await userpass.at('POST', `users/${name}`, { password: 'x' });
    assert.equal(status, 400, name);
  }
  assert.equal((await userpass.at('LIST', 'users')).status, 404);
  for (const name of ['a', 'a.b-c_d', '_', '0']) {
    assert.equal((await userpass.at('POST', `users/${name}`, { password_hash: HASH })).status, 204, name);
  }
});

test('password and policies change alone, and only of who exists', async () => {
  await using userpass = await enabled();
  await userpass.at('POST', 'users/ada', { password: 'old', token_policies: 'a', token_ttl: 60 });
  assert.equal((await userpass.at('POST', 'users/Ada/password', { password: 'new' })).status, 204);
  assert.deepEqual(await userpass.answer('ada', 'old'), WRONG);
  assert.equal((await userpass.at('POST', 'users/Ada/policies', { policies: 'b,C' })).status, 204);
  const { auth } = await userpass.login('ada', 'new');
  assert.deepEqual([auth?.['policies'], auth?.['lease_duration']], [['b', 'c', 'default'], 60]);
  assert.equal((await userpass.at('POST', 'users/ada/password', {})).status, 400);
  for (const path of ['users/nobody/password', 'users/nobody/policies']) {
    const { status, errors } = await userpass.at('POST', path, { password: 'x', policies: 'x' });
    assert.deepEqual([status, errors], [400, ['username "nobody" does not exist']]);
  }
  assert.deepEqual((await userpass.at('LIST', 'users')).reply?.data, { keys: ['ada'] });
});

test('a policy can let people change their own password and nothing else', async () => {
  await using userpass = await enabled();
  const own = 'path "auth/userpass/users/ada/password" { capabilities = ["update"] }';
  const { node, token } = userpass;
  await ask(node, 'POST', 'sys/policies/acl/own', { token, body: { policy: own } });
  await userpass.at('POST', 'users/ada', { password: 'old', token_policies: 'own' });
  const { auth } = await userpass.login('ada', 'old');
  const asAda = (path: string) =>
    ask(node, 'POST', `auth/userpass/users/${path}`, {
      token: String(auth?.['client_token']),
      body: { password: 'new', policies: 'root' },
    });
  assert.equal((await asAda('ada/password')).status, 200);
  assert.deepEqual([(await asAda('ada')).status, (await asAda('ada/policies')).status], [403, 403]);
  assert.deepEqual((await userpass.login('ada', 'new')).auth?.['policies'], ['default', 'own']);
});

test('a token is renewed while its user is there, with the same policies', async () => {
  await using userpass = await enabled();
  await userpass.at('POST', 'users/ada', { password: 'pw', token_policies: 'b,a' });
  const { auth } = await userpass.login('ada', 'pw');
  const renew = () =>
    ask(userpass.node, 'POST', 'auth/token/renew-self', { token: String(auth?.['client_token']), body: {} });
  assert.equal((await renew()).status, 200);
  await userpass.at('POST', 'users/ada/policies', { token_policies: 'a,b' });
  assert.equal((await renew()).status, 200, 'in another order');
  await userpass.at('POST', 'users/ada/policies', { token_policies: 'a' });
  assert.match((await renew()).errors?.[0] ?? '', /policies have changed/);
  await userpass.at('DELETE', 'users/ada');
  assert.match((await renew()).errors?.[0] ?? '', /the user of this token is gone/);
});

test('who guesses is locked out, however the name is written; who does not exist looks the same', async () => {
  await using userpass = await enabled();
  await userpass.at('POST', 'users/ada', { password_hash: HASH });
  for (const [known, unknown] of [
    ['ada', 'bob'],
    ['Ada', 'Bob'],
    ['ADA', 'BOB'],
    ['aDa', 'bOb'],
    ['adA', 'boB'],
  ] as const) {
    assert.deepEqual(await userpass.answer(known, 'wrong'), WRONG);
    assert.deepEqual(await userpass.answer(unknown, 'wrong'), WRONG);
  }
  const refused = { status: 403, errors: ['permission denied'] };
  assert.deepEqual(await userpass.answer('ada', 'U*U'), refused);
  assert.deepEqual(await userpass.answer('bob', 'U*U'), refused);
  const { reply } = await ask(userpass.node, 'GET', 'sys/locked-users', { token: userpass.token });
  assert.equal(reply?.data?.['total'], 1);
});

test('addresses bind logins and tokens', async () => {
  await using userpass = await enabled();
  await userpass.at('POST', 'users/ada', { password: 'pw', token_bound_cidrs: '10.0.0.0/8' });
  assert.equal((await userpass.login('ada', 'pw', '192.0.2.1')).status, 403);
  assert.deepEqual((await userpass.login('ada', 'wrong', '192.0.2.1')).errors, WRONG.errors);
  const { auth } = await userpass.login('ada', 'pw', '10.1.2.3');
  const from = (address: string) =>
    ask(userpass.node, 'GET', 'auth/token/lookup-self', { token: String(auth?.['client_token']), address });
  assert.deepEqual([(await from('10.9.9.9')).status, (await from('192.0.2.1')).status], [200, 403]);
});

test('a login that waited is refused when its user was changed or removed meanwhile', async () => {
  await using userpass = await enabled();
  await userpass.at('POST', 'users/ada', { password: 'pw' });
  const waiting = Array.from({ length: 4 }, () => userpass.login('ada', 'pw'));
  await userpass.at('DELETE', 'users/ada');
  const answers = await Promise.all(waiting);
  assert.equal(answers.at(-1)?.status, 400);
});
