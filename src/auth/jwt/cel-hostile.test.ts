/** Claims that somebody has written who means harm, and what becomes of them at a node. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask } from '../../../test/support/node.ts';
import { REFUSED } from '../../lib/jwt/refusal.ts';
import { signed } from '../../lib/jwt/issuer.testing.ts';
import { celMethod } from './cel.testing.ts';

test('what a claim puts into a templated policy widens no path', async () => {
  await using jwt = await celMethod();
  const { node, token } = jwt;
  const mounts = (await ask(node, 'GET', 'sys/auth', { token })).reply?.data;
  const { accessor } = mounts?.['jwt/'] as { readonly accessor: string };
  const alias = `identity.entity.aliases.${accessor}`;
  const paths = [`secret/{{${alias}.name}}/x`, `secret/m/{{${alias}.metadata.h}}`];
  const policy = paths.map((path) => `path "${path}" { capabilities = ["create", "update"] }`).join('\n');
  await ask(node, 'POST', 'sys/mounts/secret', { token, body: { type: 'kv' } });
  await ask(node, 'POST', 'sys/policies/acl/t', { token, body: { policy } });
  await jwt.celRole('t', 'pb.Auth{policies: ["t"], alias: logical.Alias{name: claims.h, metadata: {"h": claims.h}}}');
  const written = async (h: string, path: string): Promise<number> => {
    const { auth } = await jwt.celBy('t', { h });
    assert.ok(auth !== undefined && auth !== null, h);
    return (await ask(node, 'POST', path, { token: String(auth['client_token']), body: { a: 'b' } })).status;
  };
  const hostile = [
    '*',
    '+',
    '..',
    '.',
    '../m',
    'a*',
    'a/b',
    '/',
    '//',
    'a/',
    '/a',
    '{{identity.entity.id}}',
    '%2e',
    'a,b',
  ];
  for (const h of [...hostile, '"', '\\', 'a" { capabilities = ["sudo"] } path "*', '__proto__', 'constructor'])
    for (const path of ['secret/victim/x', 'secret/m/victim', 'secret/victim', 'secret/a/b/x', 'sys/mounts/other'])
      assert.equal(await written(h, path), 403, `${h} at ${path}`);
  assert.equal(await written('ok', 'secret/ok/x'), 204);
  assert.equal(await written('ok', 'secret/m/ok'), 204);
});

test('a token that can be read in two ways, or is too large or deep, is not accepted', async () => {
  await using jwt = await celMethod();
  await jwt.celRole('r', '"seen"');
  const now = jwt.now();
  const times = `"aud":"us","iat":${String(now)},"exp":${String(now + 300)}`;
  const told = async (claims: string) =>
    (await jwt.celLogin({ role: 'r', jwt: await signed(jwt.key, claims) })).errors?.[0];
  const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);
  const refused = [
    `{"sub":"a","sub":"b",${times}}`,
    `{"sub":"a","s\\u0075b":"b",${times}}`,
    `{"x":{"a":1,"a":2},${times}}`,
    `{"x":${nested(100)},${times}}`,
    `{"x":"${'x'.repeat(70_000)}",${times}}`,
    `{"x":NaN,${times}}`,
    `{"x":01,${times}}`,
    ...['[1]', '"a"', 'null', '', `{${times}`, `{"aud":"us","iat":${String(now)},"exp":1e999}`],
  ];
  for (const claims of refused) assert.equal(await told(claims), REFUSED, claims.slice(0, 60));
  for (const taken of [`{"__proto__":{"aud":"them"},${times}}`, `{"x":${nested(15)},${times}}`, `{"x":1e400,${times}}`])
    assert.match((await told(taken)) ?? '', /seen$/, taken.slice(0, 60));
});

test('odd keys of metadata are kept or refused, never lost', async () => {
  await using jwt = await celMethod();
  const { token, node } = jwt;
  const metadata = { constructor: 'a', toString: 'b', '{{x}}': 'c', '../a': 'd' };
  const members = 'metadata: claims.m, alias: logical.Alias{name: claims.sub, metadata: claims.m}';
  const { auth } = await jwt.answer(`pb.Auth{${members}}`, { m: metadata });
  assert.deepEqual(auth?.['metadata'], metadata);
  const entity = await ask(node, 'GET', `identity/entity/id/${String(auth['entity_id'])}`, { token });
  const [alias] = entity.reply?.data?.['aliases'] as readonly Readonly<Record<string, unknown>>[];
  assert.deepEqual(alias?.['metadata'], metadata);
  for (const member of [
    'metadata: {"__proto__": "x"}',
    'alias: logical.Alias{name: "a", metadata: {"__proto__": "x"}}',
  ])
    assert.match((await jwt.answer(`pb.Auth{${member}}`)).errors?.[0] ?? '', /could not be evaluated/, member);
});

test('numbers that are none of their kind make no login', async () => {
  await using jwt = await celMethod();
  const cases: readonly (readonly [string, unknown])[] = [
    ...[1e300, 'NaN', -1e300, 2 ** 63].map((p) => ['pb.Auth{period: int(claims.p)}', p] as const),
    ...[1, 1.5, null, '1', [1]].map((p) => ['pb.Auth{num_uses: claims.p}', p] as const),
    ...[-1, 4_294_967_296, 1.5e300].map((p) => ['pb.Auth{token_type: uint(claims.p)}', p] as const),
    ...['x', 1, null].map((p) => ['pb.Auth{no_default_policy: claims.p}', p] as const),
    ...[{ name: 'a' }, 'a', 1].map((p) => ['pb.Auth{alias: claims.p}', p] as const),
    ...[['a'], [null], 'a', {}].map((p) => ['pb.Auth{group_aliases: claims.p}', p] as const),
    ...[{ TTL: 1 }, 1].map((p) => ['pb.Auth{lease_options: claims.p}', p] as const),
    ...[{ a: { b: 1 } }, { a: null }, { a: 1 }, [], 'a'].map((p) => ['pb.Auth{metadata: claims.p}', p] as const),
    ...[{ a: 1 }, [null], [1], null, 'a'].map((p) => ['pb.Auth{policies: claims.p}', p] as const),
  ];
  for (const [expression, p] of cases) {
    const { status, errors } = await jwt.answer(expression, { p });
    assert.equal(status, 400, `${expression} ${JSON.stringify(p)}`);
    assert.match(errors?.[0] ?? '', /could not be evaluated|without an alias/);
  }
  // The longest that there is, is bounded by the mount, as upstream.
  const longest = '9223372036854775807';
  const lease = `lease_options: pb.LeaseOptions{TTL: ${longest}, MaxTTL: ${longest}, renewable: true}`;
  const { auth } = await jwt.answer(`pb.Auth{explicit_max_ttl: ${longest}, ${lease}}`);
  assert.equal(auth?.['lease_duration'], 2_764_800);
});

test('no spelling of a role leads around its quota', async () => {
  await using jwt = await celMethod();
  const { node, token } = jwt;
  await jwt.role('5', {});
  await jwt.celRole('5', 'pb.Auth{}');
  for (const [name, role] of [
    ['plain', '5'],
    ['program', 'cel/5'],
  ]) {
    const body = { path: 'auth/jwt', role, rate: 1, interval: '1h' };
    assert.equal((await ask(node, 'POST', `sys/quotas/rate-limit/${String(name)}`, { token, body })).status, 204);
  }
  await ask(node, 'POST', 'auth/jwt/config', {
    token,
    body: { jwt_validation_pubkeys: [jwt.key.pem], default_role: '5' },
  });
  const own = await jwt.tokenOf();
  for (const login of [jwt.celLogin, jwt.login]) {
    assert.equal((await login({ role: 5, jwt: own })).status, 200);
    for (const role of ['5', 5, '', null]) assert.equal((await login({ role, jwt: own })).status, 429, String(role));
    assert.equal((await login({ jwt: own })).status, 429);
  }
});

test('tokens of a CEL role are counted as leases of it', async () => {
  await using jwt = await celMethod();
  const { node, token } = jwt;
  await jwt.celRole('r', 'pb.Auth{}');
  const body = { path: 'auth/jwt', role: 'cel/r', max_leases: 1 };
  assert.equal((await ask(node, 'POST', 'sys/quotas/lease-count/l', { token, body })).status, 204);
  assert.deepEqual([(await jwt.celBy('r')).status, (await jwt.celBy('R')).status], [200, 429]);
});

test('a token is renewed with its metadata though its program would refuse it now', async () => {
  await using jwt = await celMethod();
  const { node } = jwt;
  const lease = 'lease_options: pb.LeaseOptions{TTL: 600000000000, renewable: true}';
  await jwt.celRole('r', `pb.Auth{metadata: {"k": claims.sub}, ${lease}}`);
  const token = String((await jwt.celBy('r')).auth?.['client_token']);
  await jwt.celRole('r', 'false');
  const renewed = await ask(node, 'POST', 'auth/token/renew-self', { token, body: {} });
  assert.deepEqual([renewed.status, renewed.auth?.['metadata']], [200, { k: 'job' }]);
});

test('what a login with claims would give is told to those alone who may ask', async () => {
  await using jwt = await celMethod();
  const { node, token: root } = jwt;
  await jwt.celRole('r', '"told: " + claims.sub');
  const body = { path: 'x', auth: 'jwt', role: 'cel/r', claims: { sub: 'a' } };
  const status = async (token?: string) =>
    (await ask(node, 'POST', 'sys/policies/test', { body, ...(token === undefined ? {} : { token }) })).status;
  const policy = 'path "sys/policies/test" { capabilities = ["update"] }';
  await ask(node, 'POST', 'sys/policies/acl/asks', { token: root, body: { policy } });
  const made = async (policies: string[]) =>
    String((await ask(node, 'POST', 'auth/token/create', { token: root, body: { policies } })).auth?.['client_token']);
  assert.deepEqual(
    [await status(), await status(await made(['default'])), await status(await made(['asks']))],
    [403, 403, 200],
  );
});
