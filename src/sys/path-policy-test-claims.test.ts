/** `sys/policies/test` of claims: what it answers is what the token of a login with them would be told. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'node:test';
import type { JsonObject } from '../framework/field.ts';
import type { Outcome } from '../framework/request.ts';
import { signed, signingKey, type SigningKey } from '../lib/jwt/issuer.testing.ts';
import { ask, runningNode } from '../../test/support/node.ts';

const NOW = Date.UTC(2027, 0, 1);
const SECONDS = NOW / 1_000;
const CLUSTER = 'https://cluster.test';

const POLICIES: Readonly<Record<string, string>> = {
  web: 'path "kv/data/web/*" { capabilities = ["read", "update"] }',
  'team-a': 'path "kv/data/team/a/*" { capabilities = ["read"] }\npath "kv/data/web/x" { capabilities = ["deny"] }',
  'team-b': 'path "kv/data/team/b/*" { capabilities = ["read"] }',
  own: `path "kv/data/own/{{identity.entity.name}}/*" { capabilities = ["read"] }
path "kv/data/id/{{identity.entity.id}}" { capabilities = ["read"] }`,
  staff: 'path "kv/data/staff/*" { capabilities = ["list", "read"] }',
  tenant:
    'path "kv/data/${kubernetes_cluster}/${kubernetes_namespace}/${kubernetes_service_account}/*" { capabilities = ["read"] }',
};

const PATHS = [
  ...['kv/data/web/x', 'kv/data/web/y', 'kv/data/team/a/1', 'kv/data/team/b/1', 'kv/data/staff/1', 'kv/data/own/ada/1'],
  ...[
    'kv/data/kubernetes/shop/app/1',
    'kv/data/kubernetes/shop/other/1',
    'kv/data/kubernetes/bank/app/1',
    'sys/mounts',
  ],
];

let key: SigningKey | undefined;

async function world() {
  key ??= await signingKey('ES256', 'one');
  const mine = key;
  const { node, root } = await runningNode({ now: () => NOW });
  const write = async (path: string, body: JsonObject, method = 'POST'): Promise<JsonObject> => {
    const outcome = await ask(node, method, path, { token: root, body });
    assert.ok(outcome.status < 300, `${path}: ${String(outcome.status)} ${(outcome.errors ?? []).join()}`);
    return { ...outcome.reply?.data };
  };
  for (const [name, policy] of Object.entries(POLICIES)) await write(`sys/policies/acl/${name}`, { policy });
  await write('sys/auth/jwt', { type: 'jwt' });
  await write('auth/jwt/config', { jwt_validation_pubkeys: [mine.pem], bound_issuer: 'https://issuer' });
  await write('sys/auth/kubernetes', { type: 'kubernetes' });
  await write('auth/kubernetes/config', { pem_keys: [mine.pem], issuer: CLUSTER });
  const mounts = await ask(node, 'GET', 'sys/auth', { token: root });
  const accessors = mounts.reply?.data as Readonly<Record<string, { readonly accessor: string }>>;
  const staff = await write('identity/group', { name: 'staff', type: 'external', policies: ['staff'] });
  await write('identity/group-alias', {
    ...{ name: 'employees', mount_accessor: accessors['jwt/']?.accessor ?? '', canonical_id: staff['id'] ?? '' },
  });
  const ada = await write('identity/entity', { name: 'ada', policies: ['own'] });
  await write('identity/entity-alias', {
    ...{ name: 'ada', mount_accessor: accessors['jwt/']?.accessor ?? '', canonical_id: ada['id'] ?? '' },
  });
  const asked = (body: JsonObject, token = root): Promise<Outcome> =>
    ask(node, 'POST', 'sys/policies/test', { token, body });
  const login = async (mount: string, role: string, claims: object): Promise<Outcome> =>
    ask(node, 'POST', `auth/${mount}/login`, { body: { role, jwt: await signed(mine, claims) } });
  const written = (): string => JSON.stringify(node.services.store.position);
  return { node, root, write, asked, login, written };
}

type World = Awaited<ReturnType<typeof world>>;

const TOLD = ['allowed', 'operation', 'path', 'reason', 'controlled', 'rules', 'sudo_needed'] as const;
const told = ({ reply, status, errors }: Outcome): unknown => [
  status,
  errors,
  TOLD.map((name) => reply?.data?.[name] ?? null),
];

interface Login {
  readonly mount: string;
  readonly role: string;
  readonly claims: JsonObject;
}

const dataOf = ({ reply }: Outcome): JsonObject => reply?.data ?? {};

/** Each is refused, by the check that the audit of the login names. */
function assertRefused(supposedly: readonly Outcome[], { refusal, errors = [] }: Outcome): void {
  for (const each of supposedly) {
    const { allowed, reason } = dataOf(each);
    assert.deepEqual([allowed, reason], [false, `the login is refused: ${refusal ?? errors.join()}`]);
  }
}

/** Asks about the claims first, then logs in with them, and asks about the token. */
async function agree({ asked, login, written }: World, { mount, role, claims }: Login): Promise<boolean> {
  const before = written();
  const supposedly: Outcome[] = [];
  for (const path of PATHS) supposedly.push(await asked({ auth: mount, role, claims, path }));
  assert.equal(written(), before, 'asking wrote something');
  const outcome = await login(mount, role, claims);
  const { status, auth } = outcome;
  if (status !== 200 || auth === null) {
    assertRefused(supposedly, outcome);
    return false;
  }
  const token = String(auth['client_token']);
  for (const [at, supposed] of supposedly.entries()) {
    const found = dataOf(supposed)['login'] as JsonObject;
    const { entity_id: entity, token_policies: policies, assumed_claims: assumed } = found;
    assert.deepEqual([entity, policies, assumed], [auth['entity_id'], auth['token_policies'], []]);
    const path = PATHS[at] ?? '';
    assert.deepEqual(told(await asked({ token, path })), told(supposed), path);
  }
  return true;
}

/** Mostly what logs in: of what is refused one thing is enough. */
const mostly = <T>(usual: T, ...others: readonly T[]) =>
  fc.oneof({ weight: 12, arbitrary: fc.constant(usual) }, fc.constantFrom(usual, ...others));

const jwtRole = fc.record({
  token_policies: fc.subarray(['web', 'own', 'team-{{.team}}', 'default']),
  token_policies_template_claims: fc.boolean(),
  bound_claims: mostly<JsonObject>({}, { team: ['a', 'b'] }, { '/deep/er': 'x' }, { team: 'a*' }),
  bound_claims_type: fc.constantFrom('string', 'glob'),
  groups_claim: fc.constantFrom('', 'groups'),
  user_claim: mostly('sub', 'mail'),
  claim_mappings: mostly<JsonObject>({}, { team: 'team' }),
  bound_audiences: mostly(['us'], ['them', 'us'], ['them']),
  token_type: fc.constantFrom('service', 'batch'),
  token_no_default_policy: fc.boolean(),
});
const jwtClaims = fc.record(
  {
    iss: mostly('https://issuer', 'https://other'),
    aud: mostly<string | string[]>('us', ['us', 'x'], 'x'),
    sub: fc.constantFrom('ada', 'ADA', 'bob', 'new', ''),
    mail: fc.constantFrom('ada', 'new@corp', '\u0000'),
    team: mostly<unknown>('a', 'b', '../a', '', 7),
    deep: fc.constantFrom({ er: 'x' }, {}, null),
    groups: mostly<unknown>(['employees'], ['employees', 'x'], [], 'employees', [1]),
    iat: mostly(SECONDS, SECONDS - 30, SECONDS + 900),
    exp: mostly<unknown>(SECONDS + 300, SECONDS - 900, 'soon'),
  },
  { requiredKeys: ['exp', 'iat', 'iss', 'sub', 'aud', 'groups', 'team'] },
);

test('of any role and any claims, the answer for the claims is the one for the token that they log in for', async () => {
  const here = await world();
  let logins = 0;
  await fc.assert(
    fc.asyncProperty(jwtRole, jwtClaims, async (role, claims) => {
      // A policy's template is one only where the role says so.
      const policies = role.token_policies.filter((each) => role.token_policies_template_claims || !each.includes('{'));
      await here.write('auth/jwt/role/r', { role_type: 'jwt', ...role, token_policies: policies });
      if (await agree(here, { mount: 'jwt', role: 'r', claims })) logins += 1;
    }),
    { numRuns: 150 },
  );
  assert.ok(logins > 10, `only ${String(logins)} logged in: the property says little`);
});

test('the same of service accounts, their clusters and their namespaces', async () => {
  const here = await world();
  let logins = 0;
  const role = fc.record({
    bound_service_account_names: fc.constantFrom(['app'], ['*'], ['a*', 'b']),
    bound_service_account_namespaces: fc.constantFrom(['shop'], ['*'], ['s*']),
    token_policies: fc.subarray(['web', 'tenant', 'own']),
  });
  const account = fc.record({
    namespace: mostly('shop', 'bank', '..', 's'),
    name: mostly('app', 'other', '*', 'a/b'),
    uid: mostly('uid-1', 'uid-2', ''),
  });
  const about = fc.record({
    aud: mostly(['lockstep'], ['lockstep', CLUSTER]),
    iat: mostly(SECONDS, SECONDS - 4_000),
    exp: fc.constant(SECONDS + 31_536_000),
  });
  await fc.assert(
    fc.asyncProperty(role, account, about, async (given, { namespace, name, uid }, times) => {
      await here.write('auth/kubernetes/role/r', { ...given, audience: 'lockstep' });
      const claims = {
        ...{ iss: CLUSTER, ...times, sub: `system:serviceaccount:${namespace}:${name}` },
        'kubernetes.io': { namespace, serviceaccount: { name, uid } },
      };
      if (await agree(here, { mount: 'kubernetes', role: 'r', claims })) logins += 1;
    }),
    { numRuns: 100 },
  );
  assert.ok(logins > 10, `only ${String(logins)} logged in: the property says little`);
});

test('a refusal names the claim that refuses, and the remedy needs no log', async () => {
  const { write, asked } = await world();
  await write('auth/jwt/role/ci', {
    ...{ role_type: 'jwt', user_claim: 'sub', bound_audiences: 'us', groups_claim: 'groups' },
    bound_claims: { repository: 'corp/app', ref: ['refs/heads/main'] },
  });
  const good = { sub: 'job', repository: 'corp/app', ref: 'refs/heads/main', groups: [] };
  const why = async (change: JsonObject): Promise<unknown> => {
    const claims = { ...good, ...change };
    return (await asked({ auth: 'jwt', role: 'ci', claims, path: 'kv/x' })).reply?.data?.['reason'];
  };
  assert.equal(await why({}), 'no rule matches the path');
  assert.equal(await why({ ref: 'refs/heads/x' }), 'the login is refused: claim: "ref" is none of its bound values');
  assert.match(String(await why({ repository: null })), /"repository" is missing/);
  assert.match(String(await why({ sub: 1 })), /"sub" is missing, or no text/);
  assert.match(String(await why({ groups: 'x'.split('').map(Number) })), /"groups"/);
  assert.match(String(await why({ aud: 'them' })), /audience: it is for somebody else/);
  assert.match(String(await why({ iss: 'https://them' })), /issuer: iss/);
  assert.match(String(await why({ exp: SECONDS - 500 })), /expired: exp/);
});

test('what is left out is taken to be right, and told', async () => {
  const { write, asked } = await world();
  await write('auth/jwt/role/ci', {
    role_type: 'jwt',
    user_claim: 'sub',
    bound_audiences: 'us',
    token_policies: 'web',
  });
  const jwt = await asked({ auth: 'auth/jwt/', role: 'CI', claims: { sub: 'job' }, path: 'kv/data/web/x' });
  assert.equal(jwt.reply?.data?.['allowed'], true);
  assert.deepEqual((jwt.reply.data['login'] as JsonObject)['assumed_claims'], ['iss', 'aud', 'iat', 'exp']);
  await write('auth/kubernetes/role/w', {
    ...{ bound_service_account_names: '*', bound_service_account_namespaces: '*', audience: 'lockstep' },
    token_policies: 'tenant',
  });
  const claims = {
    ...{
      sub: 'system:serviceaccount:shop:app',
      'kubernetes.io': { namespace: 'shop', serviceaccount: { name: 'app' } },
    },
  };
  const of = async (path: string) => (await asked({ auth: 'kubernetes', role: 'w', claims, path })).reply?.data;
  const pod = await of('kv/data/kubernetes/shop/app/db');
  assert.equal(pod?.['allowed'], true, String(pod?.['reason']));
  assert.deepEqual((pod['login'] as JsonObject)['assumed_claims'], ['iss', 'aud', 'iat', 'exp', 'uid']);
  assert.equal((pod['login'] as JsonObject)['first_login'], true);
  assert.equal((await of('kv/data/kubernetes/bank/app/db'))?.['allowed'], false);
});

test('nobody is asked about without the right to, nor from another namespace; hostile claims are refused and change nothing', async () => {
  const { node, root, write, asked, written } = await world();
  await write('auth/jwt/role/ci', {
    ...{ role_type: 'jwt', user_claim: 'sub', bound_audiences: 'us', token_policies: 'web' },
  });
  const question = { auth: 'jwt', role: 'ci', claims: { sub: 'job' }, path: 'kv/x' };
  const made = await ask(node, 'POST', 'auth/token/create', { token: root, body: { policies: ['web'] } });
  assert.equal((await asked(question, String(made.auth?.['client_token']))).status, 403);
  await write('sys/namespaces/team', {});
  const below = await ask(node, 'POST', 'sys/policies/test', { token: root, body: question, namespace: 'team' });
  assert.equal(below.status, 400);
  await write('sys/auth/approle', { type: 'approle' });
  const before = written();
  const deep = (levels: number): JsonObject => (levels === 0 ? {} : { a: deep(levels - 1) });
  for (const body of [
    { auth: 'nowhere' },
    { auth: '../jwt' },
    { auth: 'approle' },
    { role: 'none' },
    { auth: '' },
    { claims: 'x' },
    { claims: ['x'] },
    { claims: deep(40) },
    { claims: { sub: 'x'.repeat(70_000) } },
    { token: root },
    { entity_name: 'ada' },
    { policies: ['web'] },
  ]) {
    assert.equal((await asked({ ...question, ...body })).status, 400, JSON.stringify(body).slice(0, 80));
  }
  for (const claims of [
    JSON.parse('{"__proto__": {"sub": "ada"}}') as JsonObject,
    { sub: '\u202e\u0000' },
    { sub: 'x'.repeat(3_000) },
    { sub: { toString: 'x' } },
    { sub: 'job', exp: 1e300 },
    { constructor: 'x' },
  ]) {
    const { status, reply } = await asked({ ...question, claims });
    assert.deepEqual([status, reply?.data?.['allowed']], [200, false], JSON.stringify(claims).slice(0, 80));
    assert.match(String(reply?.data?.['reason']), /^the login is refused: /);
  }
  assert.equal(written(), before);
});

test('a disabled entity and a role with root are refused as their logins are', async () => {
  const here = await world();
  const role = { role_type: 'jwt', user_claim: 'sub', bound_audiences: 'us' };
  await here.write('auth/jwt/role/r', { ...role, token_policies: 'root' });
  const claims = { iss: 'https://issuer', aud: 'us', sub: 'ada', iat: SECONDS, exp: SECONDS + 60 };
  assert.equal(await agree(here, { mount: 'jwt', role: 'r', claims }), false);
  await here.write('auth/jwt/role/r', { ...role, token_policies: 'web' });
  assert.equal(await agree(here, { mount: 'jwt', role: 'r', claims }), true);
  await here.write('identity/entity/name/ada', { disabled: true });
  assert.equal(await agree(here, { mount: 'jwt', role: 'r', claims }), false);
});

/** Of a login from the address of the tests. */
async function withRole(role: JsonObject = {}) {
  const here = await world();
  await here.write('auth/jwt/role/ci', {
    ...{ role_type: 'jwt', user_claim: 'sub', bound_audiences: 'us', token_policies: 'web', ...role },
  });
  const of = async (more: JsonObject = {}) =>
    dataOf(await here.asked({ auth: 'jwt', role: 'ci', claims: { sub: 'ada' }, path: 'kv/data/web/x', ...more }));
  const loginOf = async (more: JsonObject = {}) => (await of(more))['login'] as JsonObject;
  return { ...here, of, loginOf };
}

test('the address is judged where it is given, by the check of the login, and else told not to be', async () => {
  const { write, of, loginOf, login, asked } = await withRole({ token_bound_cidrs: ['10.0.0.0/8', 'fd00::/8'] });
  const refused = await login('jwt', 'ci', { iss: 'https://issuer', aud: 'us', sub: 'ada', exp: SECONDS + 60 });
  assert.equal(refused.status, 403);
  assertRefused([await asked({ auth: 'jwt', role: 'ci', claims: { sub: 'ada' }, path: 'x', address: '127.0.0.1' })], {
    ...refused,
  });
  for (const address of ['10.1.2.3', '::ffff:10.1.2.3', 'fd00::1'])
    assert.equal((await of({ address }))['allowed'], true);
  assert.deepEqual((await of({ address: 'fe80::1' }))['allowed'], false);
  const unsaid = await loginOf();
  assert.deepEqual(
    [unsaid['bound_cidrs'], unsaid['not_judged']],
    [
      ['10.0.0.0/8', 'fd00::/8'],
      ['the signature', 'the address'],
    ],
  );
  assert.deepEqual((await loginOf({ address: '10.1.2.3' }))['not_judged'], ['the signature']);
  await write('auth/jwt/role/ci', { role_type: 'jwt', token_bound_cidrs: [], token_strictly_bind_ip: true });
  assert.deepEqual((await loginOf({ address: '10.1.2.3' }))['bound_cidrs'], ['10.1.2.3']);
  // A CEL role binds by its program.
  const expression = "pb.Auth{policies: ['web'], alias: logical.Alias{name: claims.sub}, bound_cidrs: ['10.0.0.0/8']}";
  await write('auth/jwt/cel/role/c', { cel_program: { expression }, bound_audiences: 'us' });
  assert.equal((await of({ role: 'cel/c', address: '10.0.0.1' }))['allowed'], true);
  assert.match(String((await of({ role: 'cel/c', address: '11.0.0.1' }))['reason']), /the address is in none of/);
  for (const body of [{ address: '10.0.0.0/8' }, { address: 'x' }, { address: '10.0.0.1', auth: '' }]) {
    const claims = 'auth' in body ? {} : { claims: { sub: 'ada' }, auth: 'jwt', role: 'ci' };
    assert.equal((await asked({ path: 'x', ...claims, ...body })).status, 400, JSON.stringify(body));
  }
});

test('second factors and quotas that such a login would meet are named', async () => {
  const { node, root, write, of, loginOf, written } = await withRole();
  const ada = String((await loginOf())['entity_id']);
  const { method_id: phone } = await write('identity/mfa/method/totp', { issuer: 'x', method_name: 'phone' });
  const { method_id: other } = await write('identity/mfa/method/totp', { issuer: 'y' });
  await write('identity/mfa/login-enforcement/people', {
    ...{ mfa_method_ids: [phone, other], identity_entity_ids: [ada] },
  });
  await write('sys/quotas/rate-limit/role', { rate: 1, path: 'auth/jwt', role: 'ci', interval: '1h' });
  await write('sys/quotas/lease-count/all', { max_leases: 1_000 });
  const before = written();
  const asked = async (more: JsonObject = {}) => {
    const { second_factors: factors, quotas, not_judged: unjudged } = await loginOf(more);
    return { factors, quotas, unjudged };
  };
  const people = { enforcement: 'people', namespace: '', methods: ['phone', other], enrolled: false };
  const unjudged = ['the signature', 'the second factor', 'whether a quota is used up'];
  const quotas = { rate_limit: 'role', lease_count: 'all' };
  for (let time = 0; time < 3; time += 1) {
    assert.deepEqual(await asked(), { factors: [people], quotas, unjudged }, 'asking uses up no quota');
  }
  assert.deepEqual((await asked({ claims: { sub: 'new' } })).factors, []);
  assert.equal(written(), before, 'asking wrote something');
  await write('identity/mfa/method/totp/admin-generate', { method_id: phone ?? '', entity_id: ada });
  assert.deepEqual((await asked()).factors, [{ ...people, enrolled: true }]);
  // What would be refused at the login for lack of anybody who could have a factor.
  await write('identity/mfa/login-enforcement/all', { mfa_method_ids: [phone], auth_method_types: ['jwt'] });
  await write('auth/jwt/cel/role/c', {
    cel_program: { expression: "pb.Auth{policies: ['web']}" },
    bound_audiences: 'us',
  });
  const nobody = await of({ role: 'cel/c' });
  const why = 'the login is refused: this login needs a second factor, and has no entity that could have one';
  assert.deepEqual([nobody['allowed'], nobody['reason']], [false, why]);
  await ask(node, 'DELETE', 'identity/mfa/login-enforcement/people', { token: root });
  assert.deepEqual(
    ((await asked({ claims: { sub: 'new' } })).factors as readonly JsonObject[]).map(({ enforcement }) => enforcement),
    ['all'],
  );
});
