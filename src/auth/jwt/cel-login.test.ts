import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ask } from '../../../test/support/node.ts';
import { REFUSED } from '../../lib/jwt/refusal.ts';
import { signed, signingKey } from '../../lib/jwt/issuer.testing.ts';
import { celMethod } from './cel.testing.ts';

const OK = 'pb.Auth{policies: ["a"]}';
const FAILED = 'could not be evaluated; ask "policy test" with claims of your own';
const LEASE = 'lease_options: pb.LeaseOptions{TTL: 600000000000, MaxTTL: 900000000000, renewable: true}';

test('what a program makes is what its login gives', async () => {
  await using jwt = await celMethod();
  const { token, node } = jwt;
  const { auth, errors } = await jwt.answer(
    `pb.Auth{
      policies: ["team-" + claims.team],
      display_name: claims.sub,
      alias: logical.Alias{name: claims.sub, metadata: {"team": claims.team}},
      metadata: {"job": claims.job.name},
      num_uses: 5, explicit_max_ttl: 1200000000000, bound_cidrs: ["127.0.0.0/8"], no_default_policy: true,
      ${LEASE}
    }`,
    { team: 'web', job: { name: 'deploy' } },
  );
  assert.ok(auth !== undefined && auth !== null, String(errors));
  assert.deepEqual(auth['token_policies'], ['team-web']);
  assert.deepEqual(auth['metadata'], { job: 'deploy' });
  assert.deepEqual([auth['lease_duration'], auth['renewable'], auth['num_uses']], [600, true, 5]);
  const own = await ask(node, 'POST', 'auth/token/lookup', { token, body: { token: auth['client_token'] } });
  const { display_name, explicit_max_ttl, bound_cidrs, path, type } = own.reply?.data ?? {};
  assert.deepEqual(
    { display_name, explicit_max_ttl, bound_cidrs, path, type },
    {
      display_name: 'jwt-job',
      explicit_max_ttl: 1200,
      bound_cidrs: ['127.0.0.0/8'],
      path: 'auth/jwt/cel/login',
      type: 'service',
    },
  );
  const entity = await ask(node, 'GET', `identity/entity/id/${String(auth['entity_id'])}`, { token });
  const [alias] = entity.reply?.data?.['aliases'] as readonly Readonly<Record<string, unknown>>[];
  assert.deepEqual(
    [alias?.['name'], alias?.['metadata'], alias?.['mount_path']],
    ['job', { team: 'web' }, 'auth/jwt/'],
  );
  const bare = await jwt.answer('pb.Auth{}');
  assert.deepEqual(bare.auth?.['token_policies'], ['default']);
  assert.deepEqual([bare.auth['entity_id'], bare.auth['renewable'], bare.auth['metadata']], ['', false, null]);
});

test('a plain login with the same user is the same entity, and their roles are two', async () => {
  await using jwt = await celMethod();
  await jwt.role('ci', { token_policies: 'plain' });
  await jwt.celRole('ci', 'pb.Auth{policies: ["program"], alias: logical.Alias{name: claims.sub}}');
  const [plain, program] = [await jwt.by('ci'), await jwt.celBy('CI')];
  assert.deepEqual(
    [plain.auth?.['token_policies'], program.auth?.['token_policies']],
    [
      ['default', 'plain'],
      ['default', 'program'],
    ],
  );
  assert.equal(plain.auth?.['entity_id'], program.auth?.['entity_id']);
  await jwt.at('DELETE', 'role/ci');
  assert.deepEqual([(await jwt.by('ci')).status, (await jwt.celBy('ci')).status], [400, 200]);
});

test('the token is judged as for a plain role, before the program is asked', async () => {
  await using jwt = await celMethod({ bound_issuer: 'https://issuer' });
  await jwt.celRole('r', OK);
  assert.equal((await jwt.celBy('r')).status, 200);
  const now = jwt.now();
  const stranger = await signed(await signingKey('RS256', 'one'), jwt.claims());
  const tokens = [
    ...(await Promise.all(
      [{ iss: 'x' }, { aud: 'them' }, { aud: undefined }, { exp: now - 61 }, { nbf: now + 61 }, { iat: now + 61 }].map(
        (change) => jwt.tokenOf(change),
      ),
    )),
    ...[stranger, 'a.b.c', 'x'],
  ];
  // A program that would answer anybody.
  await jwt.celRole('r', '"asked"');
  for (const [index, token] of tokens.entries()) {
    const { status, errors } = await jwt.celLogin({ role: 'r', jwt: token });
    assert.deepEqual([status, errors], [400, [REFUSED]], `token ${String(index)}`);
  }
  await jwt.celRole('open', OK, { bound_audiences: [] });
  assert.deepEqual((await jwt.celBy('open')).errors, [REFUSED], 'it is for somebody else');
  assert.equal((await jwt.celBy('open', { aud: undefined })).status, 200);
  await jwt.celRole('late', OK, { clock_skew_leeway: -1 });
  assert.equal((await jwt.celBy('late', { exp: now - 1 })).status, 400);
});

test('what is no request for a login is told what is wrong', async () => {
  await using jwt = await celMethod();
  await jwt.celRole('r', OK);
  const told = async (body: object) => {
    const { status, errors } = await jwt.celLogin({ ...body });
    assert.equal(status, 400, JSON.stringify(body));
    return errors?.[0] ?? '';
  };
  assert.equal(await told({ jwt: 'a' }), 'missing role');
  assert.equal(await told({ role: 'none', jwt: 'a' }), 'role "none" could not be found');
  assert.equal(await told({ role: 'r' }), 'missing token');
  for (const role of [{}, [1], 'x'.repeat(10_000), '../r', 'cel/r', '__proto__']) await told({ role, jwt: 'a' });
  await jwt.role('plain', {});
  assert.equal(await told({ role: 'plain', jwt: await jwt.tokenOf() }), 'role "plain" could not be found');
  assert.match((await jwt.by('r')).errors?.[0] ?? '', /could not be found/, 'nor is it a plain role');
  await jwt.at('POST', 'config', { jwt_validation_pubkeys: [jwt.key.pem], default_role: 'R' });
  assert.equal((await jwt.celLogin({ jwt: await jwt.tokenOf() })).status, 200);
});

test('tokens are taken from the addresses of the program alone', async () => {
  await using jwt = await celMethod();
  await jwt.celRole('r', 'pb.Auth{bound_cidrs: ["10.0.0.0/8"]}');
  const token = await jwt.tokenOf();
  assert.equal((await jwt.celLogin({ role: 'r', jwt: token }, '192.168.0.1')).status, 403);
  assert.equal((await jwt.celLogin({ role: 'r', jwt: token }, '10.1.2.3')).status, 200);
});

test('a renewal goes by what the login gave, as long as there is the role', async () => {
  await using jwt = await celMethod();
  const { node } = jwt;
  const renew = (token: unknown, body: object = {}) =>
    ask(node, 'POST', 'auth/token/renew-self', { token: String(token), body: { ...body } });
  await jwt.role('r', { token_ttl: '1h', token_max_ttl: '2h' });
  await jwt.celRole('r', `pb.Auth{policies: ["a"], ${LEASE}}`);
  const { client_token: token } = (await jwt.celBy('r')).auth ?? {};
  jwt.later(60);
  await jwt.celRole('r', 'pb.Auth{policies: ["b"], period: 5000000000}');
  const renewed = await renew(token);
  assert.deepEqual([renewed.auth?.['lease_duration'], renewed.auth?.['token_policies']], [600, ['a', 'default']]);
  assert.equal((await renew(token, { increment: '1h' })).auth?.['lease_duration'], 840, 'to its MaxTTL');
  await jwt.at('DELETE', 'cel/role/r');
  const gone = await renew(token);
  assert.deepEqual(
    [gone.status, gone.errors],
    [400, ['the role of this token is gone: log in again']],
    'a plain role of the name does not count',
  );
  await jwt.celRole('p', 'pb.Auth{period: 30000000000, lease_options: pb.LeaseOptions{renewable: true}}');
  const periodic = (await jwt.celBy('p')).auth;
  assert.equal(periodic?.['lease_duration'], 30);
  jwt.later(20);
  assert.equal((await renew(periodic['client_token'])).auth?.['lease_duration'], 30);
  const plain = (await jwt.by('r')).auth?.['client_token'];
  await jwt.celRole('r', OK);
  await jwt.at('DELETE', 'role/r');
  assert.equal((await renew(plain)).status, 400, 'nor a CEL role for a plain one');
  const fixed = (await jwt.celBy('r')).auth?.['client_token'];
  assert.deepEqual((await renew(fixed)).errors, ['lease is not renewable']);
});

test('a role that goes while its token is judged logs nobody in', async () => {
  await using jwt = await celMethod();
  await jwt.celRole('r', OK);
  const token = await jwt.tokenOf();
  const logins = Promise.all([jwt.celLogin({ role: 'r', jwt: token }), jwt.celLogin({ role: 'r', jwt: token })]);
  await jwt.at('DELETE', 'cel/role/r');
  for (const { status } of await logins) assert.ok(status === 200 || status === 400);
  assert.equal((await jwt.celLogin({ role: 'r', jwt: token })).status, 400);
  await jwt.celRole('r', '"changed"');
  assert.match((await jwt.celLogin({ role: 'r', jwt: token })).errors?.[0] ?? '', /changed/);
});

test('a program has claims, now, and operation, and its variables in their order', async () => {
  await using jwt = await celMethod();
  const told = async (expression: string, variables: object[] = [], change: object = {}): Promise<string> => {
    await jwt.celRole('t', expression, { cel_program: { expression, variables } });
    return (await jwt.celBy('t', change)).errors?.[0]?.split('message: ')[1] ?? '';
  };
  assert.equal(await told('operation'), 'update');
  assert.equal(await told('now == timestamp("2027-01-01T00:00:00Z") ? "now" : string(now)'), 'now');
  assert.equal(await told('type(claims.exp) == double ? "double" : "other"'), 'double');
  assert.equal(await told('timestamp(int(claims.exp)) > now ? "later" : "past"'), 'later');
  assert.equal(
    await told(
      'b',
      [
        { name: 'a', expression: 'claims.x' },
        { name: 'b', expression: 'a + "y"' },
      ],
      { x: 'x' },
    ),
    'xy',
  );
  assert.equal(await told('a.policies[0]', [{ name: 'a', expression: OK }]), 'a');
  assert.equal(await told('has(claims.constructor) || has(claims.__proto__) ? "odd" : "none"'), 'none');
  // As upstream: each is evaluated, whether it is used or not.
  await jwt.celRole('t', OK, {
    cel_program: { expression: OK, variables: [{ name: 'a', expression: 'claims.nope' }] },
  });
  assert.match((await jwt.celBy('t')).errors?.[0] ?? '', /could not be evaluated/);
});

test('a policy test judges CEL roles by the same code, without a login', async () => {
  await using jwt = await celMethod();
  const { node, token } = jwt;
  await ask(node, 'POST', 'sys/policies/acl/web', {
    token,
    body: { policy: 'path "secret/web" { capabilities = ["read"] }' },
  });
  await jwt.role('ci', {});
  await jwt.celRole(
    'ci',
    'claims.team == "web" ? pb.Auth{policies: [claims.team], alias: logical.Alias{name: claims.sub}} : "not " + claims.team',
  );
  const asked = async (role: string, claims: object): Promise<Readonly<Record<string, unknown>>> => {
    const body = { path: 'secret/web', auth: 'jwt', role, claims };
    const { status, reply, errors } = await ask(node, 'POST', 'sys/policies/test', { token, body });
    assert.equal(status, 200, String(errors));
    return reply?.data ?? {};
  };
  const allowed = await asked('cel/CI', { team: 'web', sub: 'job' });
  const login = allowed['login'] as Readonly<Record<string, unknown>>;
  assert.deepEqual([allowed['allowed'], login['alias'], login['token_policies']], [true, 'job', ['default', 'web']]);
  assert.deepEqual(login['assumed_claims'], ['aud', 'iat', 'exp']);
  assert.equal((await asked('ci', { team: 'web', sub: 'job' }))['allowed'], false, 'the plain role is another');
  const refused = await asked('cel/ci', { team: 'db', sub: 'job' });
  assert.deepEqual([refused['allowed'], refused['login']], [false, undefined]);
  assert.match(String(refused['reason']), /the login is refused: .*blocked authorization with message: not db/);
  assert.match(
    String((await asked('cel/ci', { sub: 'job' }))['reason']),
    /could not be evaluated: field not found: team$/,
  );
  assert.match(String((await asked('cel/ci', { team: 'web', aud: 'them' }))['reason']), /audience/);
  const none = await ask(node, 'POST', 'sys/policies/test', {
    token,
    body: { path: 'x', auth: 'jwt', role: 'cel/none', claims: {} },
  });
  assert.equal(none.status, 400);
  assert.deepEqual((await ask(node, 'LIST', 'identity/entity/id', { token })).status, 404, 'nobody became known');
});

test('a quota of a role counts the logins of that kind alone', async () => {
  await using jwt = await celMethod();
  const { node, token } = jwt;
  await jwt.role('ci', {});
  await jwt.celRole('ci', OK);
  const quota = { path: 'auth/jwt', role: 'cel/ci', rate: 1, interval: '1h' };
  const written = await ask(node, 'POST', 'sys/quotas/rate-limit/q', { token, body: quota });
  assert.equal(written.status, 204, String(written.errors));
  const cel = [(await jwt.celBy('ci')).status, (await jwt.celBy('CI')).status];
  assert.deepEqual([cel, (await jwt.by('ci')).status, (await jwt.by('ci')).status], [[200, 429], 200, 200]);
});

test('the audit has the login as any other, and of claims and token nothing', async (t) => {
  await using jwt = await celMethod();
  const { node, token } = jwt;
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-cel-'));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  const file = join(folder, 'audit.log');
  await ask(node, 'POST', 'sys/audit/f', { token, body: { type: 'file', options: { file_path: file } } });
  await jwt.celRole('r', 'claims.sub == "ok" ? pb.Auth{policies: ["a"]} : "not you"');
  const secret = 'CLAIM-CANARY';
  const jwts = await Promise.all(['ok', 'no'].map((sub) => jwt.tokenOf({ sub, secret })));
  for (const each of jwts) await jwt.celLogin({ role: 'r', jwt: each });
  await jwt.answer('int(claims.secret) == 1', { secret });
  const text = readFileSync(file, 'utf8');
  for (const each of [secret, ...jwts]) assert.ok(!text.includes(each), each);
  type Entry = { readonly type: string; readonly error?: string; readonly request: Readonly<Record<string, unknown>> };
  const entries = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Entry);
  const logins = entries.filter(({ request, type }) => request['path'] === 'auth/jwt/cel/login' && type === 'response');
  const told = (why: string): string => `error executing cel program: CEL role ${why}`;
  assert.deepEqual(
    logins.map(({ error }) => error),
    [undefined, told("'r' blocked authorization with message: not you"), told(`'tried' ${FAILED}`)],
  );
});

test('roles of another namespace, or of another mount, are none', async () => {
  await using jwt = await celMethod();
  const { node, token } = jwt;
  const own = { token, namespace: 'team' };
  await ask(node, 'POST', 'sys/namespaces/team', { token, body: {} });
  for (const asking of [own, { token }]) {
    await ask(node, 'POST', 'sys/auth/other', { ...asking, body: { type: 'jwt' } });
    await ask(node, 'POST', 'auth/other/config', { ...asking, body: { jwt_validation_pubkeys: [jwt.key.pem] } });
  }
  await jwt.celRole('r', OK);
  const body = { role: 'r', jwt: await jwt.tokenOf() };
  const login = async (path: string, namespace = '') => ask(node, 'POST', path, { body, namespace });
  assert.equal((await login('auth/jwt/cel/login')).status, 200);
  for (const [path, namespace] of [
    ['auth/other/cel/login'],
    ['auth/other/cel/login', 'team'],
    ['team/auth/other/cel/login'],
  ] as const) {
    assert.match((await login(path, namespace)).errors?.[0] ?? '', /role "r" could not be found/, path);
  }
  assert.equal((await login('auth/jwt/cel/login', 'team')).status, 403);
  await ask(node, 'POST', 'auth/other/cel/role/r', {
    ...own,
    body: { cel_program: { expression: OK }, bound_audiences: 'us' },
  });
  const there = await login('auth/other/cel/login', 'team');
  const path = { token: String(there.auth?.['client_token']) };
  assert.equal((await ask(node, 'GET', 'auth/token/lookup-self', { ...path, namespace: 'team' })).status, 200);
});
