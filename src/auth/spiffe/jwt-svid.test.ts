import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { ask } from '../../../test/support/node.ts';
import { signed, signingKey, unsigned } from '../../lib/jwt/issuer.testing.ts';
import { REFUSED } from '../../lib/jwt/refusal.ts';
import { AUDIENCE, bundleText, claimsOf, DOMAIN, ID, staticMethod } from './mount.testing.ts';

test('a JWT-SVID logs in; its SPIFFE ID is the entity', async () => {
  await using domain = await staticMethod();
  await domain.role('app', { token_policies: 'web', token_ttl: '10m', display_name: 'Shop' });
  const { status, auth } = await domain.by();
  assert.equal(status, 200);
  assert.deepEqual(auth?.['policies'], ['default', 'web']);
  assert.deepEqual(auth['metadata'], { role: 'app', spiffe_id: ID, workload_id: 'ns/shop/sa/app' });
  const entity = await ask(domain.node, 'GET', `identity/entity/id/${String(auth['entity_id'])}`, {
    token: domain.token,
  });
  const aliases = entity.reply?.data?.['aliases'] as readonly { readonly name: string }[];
  assert.deepEqual(
    aliases.map(({ name }) => name),
    [ID],
  );
  assert.equal((await domain.by({ exp: Math.floor(domain.now()) + 60 })).auth?.['entity_id'], auth['entity_id']);
  const other = await domain.by({ sub: `spiffe://${DOMAIN}/ns/shop/sa/other` });
  assert.notEqual(other.auth?.['entity_id'], auth['entity_id']);
  const token = String(auth['client_token']);
  assert.equal((await ask(domain.node, 'POST', 'auth/token/renew-self', { token })).status, 200);
  await domain.at('DELETE', 'role/app');
  const gone = await ask(domain.node, 'POST', 'auth/token/renew-self', { token });
  assert.match(gone.errors?.[0] ?? '', /role of this token is gone/);
});

test('as upstream, a JWT-SVID may come as Authorization: Bearer', async () => {
  await using domain = await staticMethod();
  const token = await domain.svid();
  assert.equal((await domain.login({ type: 'jwt' }, { token })).status, 200);
  assert.equal((await domain.login({}, { token })).status, 200);
  const none = await domain.login({ type: 'jwt' });
  assert.equal(none.status, 400);
  assert.match(none.errors?.[0] ?? '', /missing JWT-SVID/);
  const nothing = await domain.login({});
  assert.match(nothing.errors?.[0] ?? '', /no client certificate/);
  const wrong = await domain.login({ type: 'cert', jwt: token });
  assert.match(wrong.errors?.[0] ?? '', /no client certificate/, 'what is asked for is not exchanged');
});

test('whatever is wrong with a JWT-SVID, the outside hears one answer and the audit which check failed', async () => {
  await using domain = await staticMethod();
  assert.equal((await domain.by()).status, 200);
  const now = Math.floor(domain.now());
  const changes: readonly (readonly [object, string])[] = [
    [{ aud: ['vault'] }, 'audience'],
    [{ aud: [] }, 'audience'],
    [{ aud: undefined }, 'audience'],
    [{ aud: { [AUDIENCE]: AUDIENCE } }, 'malformed'],
    [{ exp: now - 61 }, 'expired'],
    [{ exp: undefined }, 'no time'],
    [{ exp: String(now + 60) }, 'malformed'],
    [{ nbf: now + 120 }, 'not yet valid'],
    [{ iat: now + 120 }, 'not yet valid'],
    [{ sub: undefined }, 'subject'],
    [{ sub: [ID] }, 'subject'],
    [{ sub: 'app' }, 'subject'],
    [{ sub: `spiffe://${DOMAIN}` }, 'subject'],
    [{ sub: `spiffe://${DOMAIN}/other/sa/app` }, 'claim'],
    [{ sub: `spiffe://${DOMAIN}/ns/shop` }, 'claim'],
  ];
  for (const [change, check] of changes) {
    const { status, errors, refusal } = await domain.by(change);
    assert.equal(status, 400, JSON.stringify(change));
    assert.deepEqual(errors, [REFUSED], JSON.stringify(change));
    assert.match(refusal ?? '', new RegExp(`^${check}: `), JSON.stringify(change));
  }
});

test('an ID that looks like one of the trust domain is none', async () => {
  await using domain = await staticMethod();
  await domain.role('app', { workload_id_patterns: '*' });
  assert.equal((await domain.by()).status, 200);
  const looks = [
    ...['spiffe://example.com', 'spiffe://Example.org', 'spiffe://example.org.', 'spiffe://example.org:443'],
    ...['spiffe://example.org@evil.test', 'spiffe://evil.test@example.org', 'spiffe://xn--exmple-cua.org'],
    ...['spiffe://exаmple.org', 'spiffe://example.org%2f', 'spiffe://example.org?', 'SPIFFE://example.org'],
    ...[
      'spiffe://example.org.evil.test',
      'spiffe://evil.test/example.org',
      'https://example.org',
      'spiffe:/example.org',
    ],
  ].map((domainLike) => `${domainLike}/ns/shop/sa/app`);
  const paths = [
    '/ns/shop/../admin',
    '/ns/shop//app',
    '/ns/shop/app/',
    '/ns/shop/%2e%2e/app',
    '/ns/shop/app?x',
    '/./app',
  ];
  for (const sub of [...looks, ...paths.map((path) => `spiffe://${DOMAIN}${path}`)]) {
    const { errors, refusal } = await domain.by({ sub });
    assert.deepEqual(errors, [REFUSED], sub);
    assert.match(refusal ?? '', /^subject: /, sub);
  }
});

test('only the algorithms of JWT-SVIDs hold, and only a key for them', async () => {
  await using domain = await staticMethod();
  const claims = claimsOf(domain.now());
  const header = { alg: 'ES256', kid: 'one', typ: 'JWT' };
  const input = unsigned({ ...header, alg: 'HS256' }, claims).slice(0, -1);
  const hmac = createHmac('sha256', domain.key.pem).update(input).digest('base64url');
  const [head = '', , signature = ''] = (await domain.svid()).split('.');
  const forged = Buffer.from(JSON.stringify({ ...claims, sub: `${ID}-2` })).toString('base64url');
  const stranger = await signingKey('ES256', 'one');
  const eddsa = await signingKey('EdDSA', 'one');
  const tokens: readonly (readonly [string, string])[] = [
    [unsigned({ ...header, alg: 'none' }, claims), 'malformed'],
    [unsigned({ ...header, alg: 'none' }, claims, 'AA'), 'algorithm'],
    [`${input}.${hmac}`, 'algorithm'],
    [`${head}.${forged}.${signature}`, 'signature'],
    [await signed(stranger, claims), 'signature'],
    [await signed(eddsa, claims), 'algorithm'],
    [await signed({ ...domain.key, kid: 'two' }, claims), 'key'],
    [await signed({ ...domain.key, kid: undefined }, claims), 'malformed'],
    [await signed(await signingKey('RS256', 'one'), claims), 'key'],
    [await domain.svid({}, { typ: 'at+jwt' }), 'malformed'],
    [await domain.svid({}, { typ: 'jwt' }), 'malformed'],
    [await domain.svid({}, { typ: 1 }), 'malformed'],
    ['a.b.c', 'malformed'],
  ];
  for (const [jwt, check] of tokens) {
    const { errors, refusal } = await domain.login({ jwt });
    assert.deepEqual(errors, [REFUSED], jwt);
    assert.match(refusal ?? '', new RegExp(`^${check}: `), jwt);
  }
  assert.equal((await domain.by({}, { typ: 'JOSE' })).status, 200);
  assert.equal((await domain.by({}, { typ: undefined })).status, 200);
});

test('a key of another use verifies no JWT-SVID, and of two keys with one name either does', async () => {
  const [first, second, other] = [
    await signingKey('ES256', 'same'),
    await signingKey('ES256', 'same'),
    await signingKey('ES256', 'other'),
  ];
  const document = JSON.parse(bundleText({ keys: [first, second] })) as { keys: object[] };
  for (const use of ['x509', 'sig', 'wit-svid', undefined]) document.keys.push({ ...other.jwk, use });
  await using domain = await staticMethod({ bundle: JSON.stringify(document) });
  const by = async (key: typeof first) => domain.login({ jwt: await signed(key, claimsOf(domain.now())) });
  assert.equal((await by(first)).status, 200);
  assert.equal((await by(second)).status, 200);
  assert.match((await by(other)).refusal ?? '', /^key: /);
});

test('without an audience in the configuration no JWT-SVID logs in, not even one without an audience', async () => {
  await using domain = await staticMethod({ audience: [] });
  for (const change of [{}, { aud: undefined }, { aud: [] }]) {
    const { errors, refusal } = await domain.by(change);
    assert.deepEqual(errors, [REFUSED]);
    assert.match(refusal ?? '', /^audience: /);
  }
});

test('a role binds addresses, and one that is not there is told', async () => {
  await using domain = await staticMethod();
  await domain.role('far', { token_bound_cidrs: '10.0.0.0/8' });
  const jwt = await domain.svid();
  assert.equal((await domain.login({ role: 'far', jwt })).status, 403);
  assert.match((await domain.login({ role: 'none', jwt })).errors?.[0] ?? '', /could not be found/);
  assert.match((await domain.login({ role: '', jwt })).errors?.[0] ?? '', /missing role/);
});

test('a templated policy names a workload’s own place, and no ID leads out of it', async () => {
  await using domain = await staticMethod();
  const { node, token } = domain;
  await ask(node, 'POST', 'sys/mounts/kv1', { token, body: { type: 'kv' } });
  const mounts = await ask(node, 'GET', 'sys/auth', { token });
  const { accessor } = mounts.reply?.data?.['spiffe/'] as { readonly accessor: string };
  const policyOf = (selector: string): string =>
    `path "kv1/{{identity.entity.aliases.${accessor}.${selector}}}/*" { capabilities = ["read"] }`;
  const write = (name: string, selector: string, slashes: boolean) =>
    ask(node, 'PUT', `sys/policies/acl/${name}`, {
      token,
      body: { policy: policyOf(selector), allow_slashes_in_identity_templates: slashes },
    });
  await write('own', 'metadata.workload_id', true);
  await write('strict', 'metadata.workload_id', false);
  await write('whole', 'name', true);
  for (const path of ['ns/shop/sa/app/db', 'ns/shop/sa/other/db', 'ns/db', 'spiffe:/example.org/ns/shop/sa/app/db']) {
    await ask(node, 'POST', `kv1/${path}`, { token, body: { value: 'x' } });
  }
  await domain.role('app', { token_policies: 'own' });
  await domain.role('strict', { token_policies: 'strict,whole', workload_id_patterns: '*' });
  const reads = async (role: string, path: string): Promise<boolean> => {
    const { auth } = await domain.login({ role, jwt: await domain.svid() });
    return (await ask(node, 'GET', `kv1/${path}`, { token: String(auth?.['client_token']) })).status === 200;
  };
  assert.equal(await reads('app', 'ns/shop/sa/app/db'), true);
  assert.equal(await reads('app', 'ns/shop/sa/other/db'), false);
  assert.equal(await reads('app', 'ns/db'), false);
  assert.equal(await reads('strict', 'ns/shop/sa/app/db'), false, 'slashes are refused unless the policy wants them');
  assert.equal(await reads('strict', 'spiffe:/example.org/ns/shop/sa/app/db'), false, 'no path has an empty segment');
});

test('a role is shown as it was written, and changes in part', async () => {
  await using domain = await staticMethod();
  const written = await domain.role('Web', { workload_id_patterns: '/env/+/web,/env/+/db', token_ttl: '1h' });
  const { reply } = await domain.at('GET', 'role/web');
  assert.deepEqual(written.reply?.data, reply?.data);
  assert.equal(reply?.data?.['display_name'], 'web');
  assert.deepEqual(reply.data['workload_id_patterns'], ['/env/+/web', '/env/+/db']);
  await domain.must('role/web', { token_policies: 'a', display_name: 'Web' });
  const changed = (await domain.at('GET', 'role/web')).reply?.data;
  assert.deepEqual([changed?.['token_ttl'], changed?.['display_name']], [3_600, 'Web']);
  assert.equal((await domain.at('POST', 'role/web', { workload_id_patterns: '/a*b' })).status, 400);
  assert.equal((await domain.at('POST', 'role/a b', { workload_id_patterns: '*' })).status, 400);
  assert.deepEqual((await domain.at('LIST', 'role')).reply?.data?.['keys'], ['app', 'web']);
  assert.equal((await domain.at('DELETE', 'role/web')).status, 204);
  assert.equal((await domain.at('GET', 'role/web')).status, 404);
});
