import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask } from '../../../test/support/node.ts';
import {
  documentOfKeys,
  issuerServer,
  publishing,
  signed,
  signingKey,
  unsigned,
} from '../../lib/jwt/issuer.testing.ts';
import { REFUSED } from '../../lib/jwt/refusal.ts';
import { enabledMethod, methodWithKey } from './mount.testing.ts';

test('a token logs in, with the claims that the role maps', async () => {
  await using jwt = await methodWithKey();
  await jwt.role('App', {
    token_policies: 'web',
    claim_mappings: { '/job/name': 'job', ref: 'branch', missing: 'none' },
    token_ttl: '10m',
  });
  const { status, auth } = await jwt.by('app', { job: { name: 'deploy' }, ref: 'main' });
  assert.equal(status, 200);
  assert.deepEqual(auth?.['policies'], ['default', 'web']);
  assert.deepEqual(auth['metadata'], { role: 'app', job: 'deploy', branch: 'main' });
  assert.equal(auth['lease_duration'], 600);
  const again = await jwt.by('app', { ref: 'other' });
  assert.equal(again.auth?.['entity_id'], auth['entity_id'], 'the same user is the same entity');
  const token = String(auth['client_token']);
  jwt.later(300);
  assert.equal((await ask(jwt.node, 'POST', 'auth/token/renew-self', { token })).status, 200);
  await jwt.at('DELETE', 'role/app');
  const gone = await ask(jwt.node, 'POST', 'auth/token/renew-self', { token });
  assert.equal(gone.status, 400);
  assert.match(gone.errors?.[0] ?? '', /role of this token is gone/);
});

test('whatever is wrong with a token, the outside hears one answer', async () => {
  await using jwt = await methodWithKey({ bound_issuer: 'https://issuer' });
  await jwt.role('r', { bound_claims: { ref: 'main' }, bound_subject: 'job' });
  const good = { ref: 'main' };
  assert.equal((await jwt.by('r', good)).status, 200);
  const stranger = await signingKey('RS256', 'one');
  const now = jwt.now();
  const tokens = [
    ...(await Promise.all(
      [
        { iss: 'https://evil' },
        { aud: 'them' },
        { aud: undefined },
        { sub: 'other' },
        { sub: undefined },
        { sub: 5 },
        { sub: ['job'] },
        { exp: now - 61 },
        { nbf: now + 61 },
        { iat: now + 61 },
        { ref: 'dev' },
        { ref: undefined },
        { ref: null },
        { ref: { main: 'main' } },
        { ref: [['main']] },
      ].map((change) => jwt.tokenOf({ ...good, ...change })),
    )),
    await signed(stranger, jwt.claims(good)),
    await signed(jwt.key, jwt.claims(good), { kid: 'x', jku: 'https://evil' }).then((token) => `${token}A`),
    unsigned({ alg: 'none' }, jwt.claims(good)),
    unsigned({ alg: 'HS256', kid: 'one' }, jwt.claims(good), 'AAAA'),
    'a.b.c',
    'x',
  ];
  const answers = await Promise.all(tokens.map((token) => jwt.login({ role: 'r', jwt: token })));
  for (const [index, { status, errors }] of answers.entries()) {
    assert.deepEqual([status, errors], [400, [REFUSED]], `token ${String(index)}`);
  }
  assert.ok(
    answers.every(({ refusal }) => refusal !== undefined),
    'the audit hears which check failed',
  );
  assert.ok(answers.some(({ refusal }) => refusal?.startsWith('issuer') === true));
});

test('what is no request for a login is told what is wrong', async () => {
  await using jwt = await enabledMethod();
  const told = async (body: object) => (await jwt.login({ ...body })).errors?.[0];
  assert.equal(await told({ role: 'r', jwt: 'a' }), 'could not load configuration: write config first');
  const key = await signingKey();
  await jwt.at('POST', 'config', { jwt_validation_pubkeys: [key.pem] });
  assert.equal(await told({ jwt: 'a' }), 'missing role');
  assert.equal(await told({ role: 'r', jwt: 'a' }), 'role "r" could not be found');
  await jwt.at('POST', 'role/r', { role_type: 'jwt', user_claim: 'sub', bound_audiences: 'us' });
  await jwt.at('POST', 'role/o', { user_claim: 'sub', allowed_redirect_uris: 'http://localhost' });
  assert.equal(await told({ role: 'r' }), 'missing token');
  assert.equal(await told({ role: 'o', jwt: 'a' }), 'role with oidc role_type is not allowed');
  await jwt.at('POST', 'config', { jwt_validation_pubkeys: [key.pem], default_role: 'R' });
  assert.equal(await told({}), 'missing token');
});

test('bound claims are compared by value and type; lists and globs match by one of theirs', async () => {
  await using jwt = await methodWithKey();
  await jwt.role('s', { bound_claims: { a: ['1', 'x'], '/deep/flag': true, n: 5 } });
  const good = { a: 'x', deep: { flag: true }, n: 5 };
  assert.equal((await jwt.by('s', good)).status, 200);
  assert.equal((await jwt.by('s', { ...good, a: ['q', '1'] })).status, 200);
  for (const wrong of [
    { a: 1 },
    { a: [] },
    { a: 'X' },
    { deep: { flag: 'true' } },
    { deep: [true] },
    { n: '5' },
    { n: 5.5 },
  ]) {
    assert.equal((await jwt.by('s', { ...good, ...wrong })).status, 400, JSON.stringify(wrong));
  }
  await jwt.role('g', {
    bound_claims: { ref: ['refs/heads/release-*', 'main'], p: 'a*b*c' },
    bound_claims_type: 'glob',
  });
  const release = { ref: 'refs/heads/release-1', p: 'a/b/c' };
  assert.equal((await jwt.by('g', release)).status, 200);
  assert.equal((await jwt.by('g', { ...release, p: 'abc' })).status, 200);
  for (const wrong of [
    { ref: 'refs/heads/release' },
    { ref: 'mainly' },
    { ref: 5 },
    { p: 'acb' },
    { p: 'ab' },
    { p: 'xabc' },
  ]) {
    assert.equal((await jwt.by('g', { ...release, ...wrong })).status, 400, JSON.stringify(wrong));
  }
});

test('members that every object has are nobody’s claims', async () => {
  await using jwt = await methodWithKey();
  await jwt.role('r', { user_claim: 'constructor' });
  assert.equal((await jwt.by('r')).status, 400);
  await jwt.role('p', { user_claim: '/__proto__/name', user_claim_json_pointer: true });
  assert.equal((await jwt.by('p')).status, 400);
  await jwt.role('d', { user_claim: '/a/0/b~1c', user_claim_json_pointer: true });
  assert.equal((await jwt.by('d', { a: [{ 'b/c': 'deep' }] })).status, 200);
});

test('a user with slashes, globs or control characters widens nothing', async () => {
  await using jwt = await methodWithKey();
  const { token, node } = jwt;
  await jwt.role('r', { token_policies: 'own' });
  const { reply } = await ask(node, 'GET', 'sys/auth', { token });
  const mount = reply?.data?.['jwt/'] as { accessor: string };
  const policy = `path "secret/data/{{identity.entity.aliases.${mount.accessor}.name}}" { capabilities = ["read"] }`;
  await ask(node, 'POST', 'sys/policies/acl/own', { token, body: { policy } });
  await ask(node, 'POST', 'sys/mounts/secret', { token, body: { type: 'kv-v2' } });
  const capabilities = async (user: string, path: string): Promise<unknown> => {
    const { auth, status } = await jwt.by('r', { sub: user });
    assert.equal(status, 200, user);
    const asked = { token: String(auth?.['client_token']), body: { path } };
    return (await ask(node, 'POST', 'sys/capabilities-self', asked)).reply?.data?.['capabilities'];
  };
  assert.deepEqual(await capabilities('ann', 'secret/data/ann'), ['read']);
  for (const user of ['*', '+', 'a/*', '../x', 'a/b', '..', 'ann*', '+/ann']) {
    assert.deepEqual(await capabilities(user, 'secret/data/ann'), ['deny'], user);
  }
  for (const user of ['a\u0000b', 'a\nb', '\u001b[2J', 'x'.repeat(3_000), '\ud800']) {
    const { status } = await jwt.by('r', { sub: user });
    assert.equal(status, 400, JSON.stringify(user));
  }
});

test('policies are filled with claims, and no claim makes another name of one', async () => {
  await using jwt = await methodWithKey();
  await jwt.role('r', {
    token_policies: ['team-{{ .team }}', 'p-{{.p.id}}', '{{.empty}}'],
    token_policies_template_claims: true,
  });
  const good = { team: 'Red', p: { id: 7 }, empty: '' };
  const { auth, status } = await jwt.by('r', good);
  assert.equal(status, 200);
  assert.deepEqual(auth?.['policies'], ['default', 'p-7', 'team-red']);
  for (const wrong of [{ team: undefined }, { team: ['red'] }, { team: 'a,root' }, { team: 'a b' }, { team: 'a\n' }]) {
    assert.equal((await jwt.by('r', { ...good, ...wrong })).status, 400, JSON.stringify(wrong));
  }
  await jwt.role('any', { token_policies: ['{{.team}}'], token_policies_template_claims: true });
  assert.equal((await jwt.by('any', { team: 'root' })).status, 400);
  const refused = await jwt.at('POST', 'role/bad', {
    ...{ role_type: 'jwt', user_claim: 'sub', bound_audiences: 'us' },
    ...{ token_policies: ['{{ range .x }}'], token_policies_template_claims: true },
  });
  assert.equal(refused.status, 400);
});

test('leeways and ages are the role’s', async () => {
  await using jwt = await methodWithKey();
  const now = jwt.now();
  await jwt.role('usual', {});
  assert.equal((await jwt.by('usual', { exp: now - 59 })).status, 200);
  await jwt.role('strict', { clock_skew_leeway: -1, expiration_leeway: '-1s', not_before_leeway: -1, max_age: '1m' });
  assert.equal((await jwt.by('strict', { exp: now - 1 })).status, 400);
  assert.equal((await jwt.by('strict', { iat: now - 60 })).status, 200);
  assert.equal((await jwt.by('strict', { iat: now - 61 })).status, 400);
  assert.equal((await jwt.by('strict', { iat: undefined })).status, 400);
  await jwt.role('loose', { clock_skew_leeway: '1h' });
  assert.equal((await jwt.by('loose', { exp: now - 3_599 })).status, 200);
});

test('a role without anything bound, or with what cannot be, is refused by name', async () => {
  await using jwt = await enabledMethod();
  const usual = { role_type: 'jwt', user_claim: 'sub', bound_audiences: 'us' };
  const cases: readonly (readonly [object, RegExp])[] = [
    [{ bound_audiences: undefined }, /at least one bound constraint/],
    [{ user_claim: undefined }, /a user claim must be defined/],
    [{ role_type: undefined }, /'allowed_redirect_uris' must be set/],
    [{ role_type: 'x' }, /role_type/],
    [{ bound_claims_type: 'regex' }, /bound_claims_type/],
    [{ bound_claims: 'x' }, /bound_claims/],
    [{ bound_claims: { a: {} } }, /bound claim "a"/],
    [{ bound_claims: { a: [] } }, /bound claim "a"/],
    [{ bound_claims: { a: null } }, /bound claim "a"/],
    [{ bound_claims: { a: 1 }, bound_claims_type: 'glob' }, /claim is not a string/],
    [{ claim_mappings: { a: 'role' } }, /metadata key "role" is reserved/],
    [{ claim_mappings: { a: 'x', b: 'x' } }, /multiple keys are mapped to metadata key "x"/],
    [{ callback_mode: 'x' }, /callback_mode/],
    [{ max_age: -5 }, /max_age/],
    [{ oauth2_metadata: 'id_token' }, /oauth2_metadata/],
    [{ verbose_oidc_logging: true }, /verbose_oidc_logging/],
    [{ token_ttl: '2h', token_max_ttl: '1h' }, /token_ttl/],
  ];
  for (const [change, pattern] of cases) {
    const { status, errors } = await jwt.at('POST', 'role/r', { ...usual, ...change });
    assert.equal(status, 400, JSON.stringify(change));
    assert.match(errors?.[0] ?? '', pattern);
  }
  assert.equal((await jwt.at('GET', 'role/r')).status, 404);
  assert.equal((await jwt.at('POST', 'role/-r', usual)).status, 400);
  assert.equal((await jwt.at('LIST', 'role')).status, 404);
});

test('a role is read as it was written, and a second write changes what it names', async () => {
  await using jwt = await enabledMethod();
  const body = {
    role_type: 'jwt',
    user_claim: 'sub',
    bound_audiences: 'us,them',
    ttl: '1h',
    policies: 'a',
    bound_claims: { x: [1, true, 'y'] },
  };
  assert.equal((await jwt.at('POST', 'role/One', body)).status, 204);
  await jwt.at('POST', 'role/one', { role_type: 'jwt', groups_claim: 'g', clock_skew_leeway: -1 });
  const { reply } = await jwt.at('GET', 'role/one');
  assert.deepEqual(reply?.data, {
    allowed_redirect_uris: null,
    bound_audiences: ['us', 'them'],
    bound_claims: { x: [1, true, 'y'] },
    bound_claims_type: 'string',
    bound_subject: '',
    callback_mode: 'client',
    claim_mappings: null,
    clock_skew_leeway: -1,
    expiration_leeway: 0,
    groups_claim: 'g',
    max_age: 0,
    not_before_leeway: 0,
    oauth2_metadata: null,
    oidc_disable_confirmation: false,
    oidc_scopes: null,
    role_type: 'jwt',
    token_bound_cidrs: [],
    token_explicit_max_ttl: 0,
    token_max_ttl: 0,
    token_no_default_policy: false,
    token_num_uses: 0,
    token_period: 0,
    token_policies: ['a'],
    token_policies_template_claims: false,
    token_strictly_bind_ip: false,
    token_ttl: 3600,
    token_type: 'default',
    user_claim: 'sub',
    user_claim_json_pointer: false,
    verbose_oidc_logging: false,
  });
  assert.deepEqual((await jwt.at('LIST', 'role')).reply?.data, { keys: ['one'] });
});

test('tokens are taken from the addresses of the role alone', async () => {
  await using jwt = await methodWithKey();
  await jwt.role('r', { token_bound_cidrs: '10.0.0.0/8' });
  const token = await jwt.tokenOf();
  assert.equal((await jwt.login({ role: 'r', jwt: token }, '192.168.0.1')).status, 403);
  assert.equal((await jwt.login({ role: 'r', jwt: token }, '10.1.2.3')).status, 200);
});

test('a configuration that leaves open whose tokens are taken is refused', async () => {
  await using jwt = await enabledMethod();
  const key = await signingKey();
  const fixed = { jwt_validation_pubkeys: [key.pem] };
  const cases: readonly (readonly [object, RegExp])[] = [
    [{}, /exactly one of/],
    [{ ...fixed, jwks_url: 'https://127.0.0.1:1' }, /exactly one of/],
    [{ jwt_validation_pubkeys: ['x'] }, /public key 1/],
    [{ ...fixed, jwt_supported_algs: ['RS256', 'HS256'] }, /unsupported signing algorithm "HS256"/],
    [{ ...fixed, jwt_supported_algs: 'none' }, /unsupported signing algorithm "none"/],
    [{ ...fixed, oidc_client_id: 'x' }, /both 'oidc_client_id' and 'oidc_client_secret'/],
    [{ ...fixed, oidc_client_id: 'x', oidc_client_secret: 'y' }, /'oidc_discovery_url' must be set/],
    [{ ...fixed, oidc_response_mode: 'x' }, /oidc_response_mode/],
    [{ ...fixed, oidc_response_types: 'x' }, /response_types/],
    [{ ...fixed, oidc_response_types: 'id_token' }, /query response_mode/],
    [{ ...fixed, provider_config: { provider: 'azure' } }, /provider_config/],
    [{ jwks_url: 'https://127.0.0.1:1/keys' }, /error checking jwks URL: https:\/\/127.0.0.1:1: ECONNREFUSED/],
    [{ jwks_pairs: [{}] }, /jwks_pairs\[0\]/],
    [{ oidc_discovery_url: 'https://127.0.0.1:1' }, /error checking oidc discovery URL/],
    [{ oidc_discovery_url: 'https://a/.well-known/openid-configuration' }, /\.well-known/],
    [{ oidc_discovery_url: 'ftp://a' }, /no https/],
  ];
  for (const [body, pattern] of cases) {
    const { status, errors } = await jwt.at('POST', 'config', { ...body });
    assert.equal(status, 400, JSON.stringify(body));
    assert.match(errors?.[0] ?? '', pattern);
  }
  assert.equal((await jwt.at('GET', 'config')).status, 404);
});

test('discovery binds the issuer, its keys are followed, and the client’s secret is never shown', async () => {
  await using server = await issuerServer();
  const [old, next] = await Promise.all([signingKey('RS256', 'old'), signingKey('RS256', 'next')]);
  let published = documentOfKeys(old);
  server.answer(
    publishing(
      () => server,
      () => published,
    ),
  );
  await using jwt = await enabledMethod();
  const config = {
    oidc_discovery_url: server.url,
    oidc_discovery_ca_pem: server.ca,
    oidc_client_id: 'me',
    oidc_client_secret: 'do-not-show',
  };
  assert.equal((await jwt.at('POST', 'config', config)).status, 204);
  const { reply } = await jwt.at('GET', 'config');
  assert.equal(reply?.data?.['status'], 'valid');
  assert.ok(!JSON.stringify(reply).includes('do-not-show'));
  await jwt.at('POST', 'role/r', { role_type: 'jwt', user_claim: 'sub', bound_audiences: 'us' });
  const claims = { iss: server.url, aud: 'us', sub: 'job', exp: jwt.now() + 60 };
  const login = async (key: typeof old, change: object = {}) =>
    jwt.login({ role: 'r', jwt: await signed(key, { ...claims, ...change }) });
  assert.equal((await login(old)).status, 200);
  assert.equal((await login(old, { iss: 'https://another' })).status, 400);
  assert.equal((await login(old, { iss: undefined })).status, 400);
  published = documentOfKeys(old, next);
  const asked = server.asked.length;
  // The issuer was asked a moment ago, so it is not asked again by each token with an unknown name.
  const tries = await Promise.all(Array.from({ length: 20 }, () => login(next)));
  assert.deepEqual(new Set(tries.map(({ status }) => status)), new Set([400]));
  assert.equal(server.asked.length, asked);
});

test('an issuer that is down is kept by who insists, and logins say that they may work later', async () => {
  await using jwt = await enabledMethod();
  const body = { jwks_url: 'http://127.0.0.1:1/keys', skip_jwks_validation: true };
  const { status, warnings } = await jwt.at('POST', 'config', body);
  assert.equal(status, 200);
  assert.match(warnings?.join() ?? '', /error checking jwks URL.*without TLS/s);
  const read = await jwt.at('GET', 'config');
  assert.equal(read.reply?.data?.['status'], 'invalid');
  await jwt.at('POST', 'role/r', { role_type: 'jwt', user_claim: 'sub', bound_audiences: 'us' });
  const key = await signingKey('RS256', 'one');
  const login = await jwt.login({ role: 'r', jwt: await signed(key, { aud: 'us', sub: 'a', exp: jwt.now() + 60 }) });
  assert.equal(login.status, 503);
  assert.match(login.errors?.[0] ?? '', /try again later/);
  assert.match(login.refusal ?? '', /ECONNREFUSED/);
});

test('of several issuers one may be down', async () => {
  await using server = await issuerServer();
  const key = await signingKey('ES256', 'one');
  server.answer((_path, response) => response.end(documentOfKeys(key)));
  await using jwt = await enabledMethod();
  const pairs = [{ jwks_url: 'https://127.0.0.1:1/keys' }, { jwks_url: `${server.url}/keys`, jwks_ca_pem: server.ca }];
  assert.equal((await jwt.at('POST', 'config', { jwks_pairs: pairs })).status, 204);
  await jwt.at('POST', 'role/r', { role_type: 'jwt', user_claim: 'sub', bound_audiences: 'us' });
  const claims = { aud: 'us', sub: 'a', exp: jwt.now() + 60 };
  assert.equal((await jwt.login({ role: 'r', jwt: await signed(key, claims) })).status, 200);
  const stranger = await signingKey('ES256', 'one');
  assert.equal((await jwt.login({ role: 'r', jwt: await signed(stranger, claims) })).status, 503);
});
