/** Identity tokens: keys over their life, what tokens say, and whether they hold. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose';
import { keys } from '../../keys.ts';
import { bodyOf, oidcWorld, saidBy, type World } from './world.testing.ts';

const ISSUER = 'https://issuer.example:8200';
const DAY = 86_400;

async function withRole(options: { readonly algorithm?: string; readonly template?: string } = {}) {
  const world = await oidcWorld();
  await world.write('identity/oidc/config', { issuer: ISSUER });
  const { algorithm = 'ES256', template } = options;
  await world.write('identity/oidc/key/k', { algorithm, allowed_client_ids: '*' });
  await world.write('identity/oidc/role/r', {
    key: 'k',
    client_id: 'app',
    ...(template === undefined ? {} : { template }),
  });
  const ann = await world.login('ann');
  return Object.assign(world, {
    ann,
    tokenOf: async (token: string = ann.token) =>
      String((await world.read('identity/oidc/token/r', { token }))['token']),
    jwks: async () => (await world.read('identity/oidc/.well-known/keys')) as unknown as JSONWebKeySet,
    introspect: async (token: string, namespace = '', client = '') =>
      bodyOf(await world.asked('POST', 'identity/oidc/introspect', { namespace, body: { token, client_id: client } })),
  });
}

const tick = (world: World): Promise<void> => world.node.tick();

for (const algorithm of ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512', 'EdDSA']) {
  test(`a token signed by ${algorithm} is checked by the published keys`, async () => {
    await using world = await withRole({ algorithm });
    const token = await world.tokenOf();
    const checked = await jwtVerify(token, createLocalJWKSet(await world.jwks()), {
      ...{ issuer: `${ISSUER}/v1/identity/oidc`, audience: 'app', algorithms: [algorithm] },
      currentDate: new Date(world.clock.now),
    });
    assert.equal(checked.payload.sub, world.ann.entity);
    assert.equal(checked.payload['namespace'], 'root');
    assert.equal((checked.payload.exp ?? 0) - (checked.payload.iat ?? 0), DAY);
    assert.deepEqual(await world.introspect(token), { active: true });
  });
}

test('discovery names the issuer and where the keys are, to anybody, and may be kept', async () => {
  await using world = await withRole();
  const issuer = `${ISSUER}/v1/identity/oidc`;
  const { status, reply } = await world.asked('GET', 'identity/oidc/.well-known/openid-configuration', { token: '' });
  assert.equal(status, 200);
  assert.equal(reply?.bare?.['issuer'], issuer);
  assert.equal(reply?.bare?.['jwks_uri'], `${issuer}/.well-known/keys`);
  assert.equal(reply?.headers?.['Cache-Control'], 'max-age=3600');
  const keysReply = await world.asked('GET', 'identity/oidc/.well-known/keys', { token: '' });
  assert.match(keysReply.reply?.headers?.['Cache-Control'] ?? '', /^max-age=\d{1,5}$/);
  assert.ok(!JSON.stringify(keysReply.reply?.bare).includes('"d"'), 'a private key is published');
});

test('a key of no role is not published', async () => {
  await using world = await withRole();
  await world.write('identity/oidc/key/other', { algorithm: 'ES256' });
  assert.equal((await world.jwks()).keys.length, 2);
});

test('a pair that was rotated out checks tokens until its time is over, and signs none', async () => {
  await using world = await withRole();
  const token = await world.tokenOf();
  const before = (await world.jwks()).keys.map(({ kid }) => kid);
  await world.write('identity/oidc/key/k/rotate', { verification_ttl: '10m' });
  assert.equal((await world.jwks()).keys.length, 3);
  assert.deepEqual(await world.introspect(token), { active: true });
  const { kid } = JSON.parse(Buffer.from((await world.tokenOf()).split('.')[0] ?? '', 'base64url').toString()) as {
    kid: string;
  };
  assert.equal(kid, before[1], 'the one that was published before signs next');
  world.clock.now += 601_000;
  assert.equal((await world.introspect(token))['active'], false, 'though no work was done yet');
  await tick(world);
  assert.deepEqual((await world.jwks()).keys.length, 2);
  assert.ok(!(await world.jwks()).keys.some((each) => each.kid === before[0]));
});

test('keys rotate by time, once for all the time that nobody was there', async () => {
  await using world = await withRole();
  const first = (await world.jwks()).keys.map(({ kid }) => kid);
  world.clock.now += DAY * 1_000 - 1_000;
  await tick(world);
  assert.deepEqual(
    (await world.jwks()).keys.map(({ kid }) => kid),
    first,
  );
  world.clock.now += 5 * DAY * 1_000;
  await tick(world);
  const second = (await world.jwks()).keys.map(({ kid }) => kid);
  assert.equal(second.length, 3);
  assert.equal(second[1], first[1]);
  await tick(world);
  assert.deepEqual(
    (await world.jwks()).keys.map(({ kid }) => kid),
    second,
  );
});

test('private halves lie at the hub alone, and go when they sign no more', async () => {
  await using world = await withRole();
  const privates = (): readonly string[] => {
    using snapshot = world.node.services.store.snapshot();
    return snapshot.list('h/root/data/identity/oidc/private-key/', { limit: 100 });
  };
  assert.equal(privates().length, 2);
  const before = privates();
  await world.write('identity/oidc/key/k/rotate');
  assert.equal(privates().length, 2);
  assert.equal(privates().filter((key) => before.includes(key)).length, 1);
  using snapshot = world.node.services.store.snapshot();
  for (const key of snapshot.list('s/root/data/identity/oidc/', { limit: 100 })) {
    assert.ok(!/"d":|client-secret/.test(Buffer.from(snapshot.get(key) ?? []).toString()), key);
  }
  await world.asked('DELETE', 'identity/oidc/role/r');
  await world.asked('DELETE', 'identity/oidc/key/k');
  assert.deepEqual(privates(), []);
});

test('another algorithm makes new pairs at once, and what the old ones signed holds for its time', async () => {
  await using world = await withRole();
  const token = await world.tokenOf();
  await world.write('identity/oidc/key/k', { algorithm: 'EdDSA' });
  const second = await world.tokenOf();
  assert.match(Buffer.from(second.split('.')[0] ?? '', 'base64url').toString(), /EdDSA/);
  assert.deepEqual(await world.introspect(token), { active: true });
  world.clock.now += (DAY - 100) * 1_000;
  assert.deepEqual(await world.introspect(token), { active: true });
  world.clock.now += 200_000;
  assert.equal((await world.introspect(token))['active'], false);
});

test('the key of a namespace that was deleted is not due for ever', async () => {
  await using world = await oidcWorld();
  await world.write('sys/namespaces/team');
  await world.write('identity/oidc/key/k', { algorithm: 'ES256' }, 'team');
  await world.asked('DELETE', 'sys/namespaces/team');
  world.clock.now += 2 * DAY * 1_000;
  await tick(world);
  using snapshot = world.node.services.store.snapshot();
  assert.deepEqual(snapshot.list(keys.oidcDues, { limit: 10 }), []);
});

test('what is referred to cannot be deleted, and a token never outlives its key', async () => {
  await using world = await withRole();
  const refused = async (method: string, path: string, body: object, words: RegExp): Promise<void> => {
    const { status, errors } = await world.asked(method, path, { body: { ...body } });
    assert.equal(status, 400);
    assert.match((errors ?? []).join(), words);
  };
  await refused('DELETE', 'identity/oidc/key/k', {}, /referenced by these roles: r/);
  await refused('DELETE', 'identity/oidc/key/default', {}, /not allowed/);
  await refused('POST', 'identity/oidc/key/k', { verification_ttl: '1h' }, /token ttl greater than 3600/);
  await refused('POST', 'identity/oidc/key/k', { rotation_period: '30s' }, /one minute/);
  await refused('POST', 'identity/oidc/key/k', { verification_ttl: '300h' }, /10x/);
  await refused('POST', 'identity/oidc/key/x', { algorithm: 'HS256' }, /unknown signing algorithm/);
  await refused('POST', 'identity/oidc/key/x', { algorithm: 'none' }, /unknown signing algorithm/);
  await refused('POST', 'identity/oidc/role/x', { key: 'none' }, /cannot find key/);
  await refused('POST', 'identity/oidc/role/x', {}, /key parameter is required/);
  await refused('POST', 'identity/oidc/role/r', { ttl: '48h' }, /verification_ttl/);
  await refused('POST', 'identity/oidc/key/a%2Fb', {}, /name of a key/);
  await refused('POST', 'identity/oidc/config', { issuer: 'https://a/b' }, /invalid issuer/);
});

test('a key that no longer lists the client signs nothing for it', async () => {
  await using world = await withRole();
  await world.write('identity/oidc/key/k', { allowed_client_ids: ['other'] });
  const { status, errors } = await world.asked('GET', 'identity/oidc/token/r', { token: world.ann.token });
  assert.equal(status, 400);
  assert.match((errors ?? []).join(), /allowed client ID/);
});

test('introspection refuses what is not the namespace’s own token of a living entity', async () => {
  await using world = await withRole();
  const token = await world.tokenOf();
  const [head, body, signature = ''] = token.split('.');
  const none = Buffer.from('{"alg":"none"}').toString('base64url');
  const other = Buffer.from(JSON.stringify({ ...saidBy(token), sub: 'somebody' })).toString('base64url');
  const cases = [
    `${none}.${body ?? ''}.`,
    `${none}.${body ?? ''}.${signature}`,
    `${head ?? ''}.${other}.${signature}`,
    'x',
    '',
  ];
  for (const each of cases) assert.equal((await world.introspect(each))['active'], false, each.slice(0, 40));
  assert.deepEqual(await world.introspect(token, '', 'app'), { active: true });
  assert.match(String((await world.introspect(token, '', 'another'))['error']), /audience/);
  await world.write('sys/namespaces/team');
  await world.write('identity/oidc/key/k', { algorithm: 'ES256' }, 'team');
  await world.write('identity/oidc/role/r', { key: 'k' }, 'team');
  assert.match(String((await world.introspect(token, 'team'))['error']), /signature/);
  await world.write(`identity/entity/id/${world.ann.entity}`, { disabled: true });
  assert.deepEqual(await world.introspect(token), { active: false, error: 'entity is disabled' });
  await world.asked('DELETE', `identity/entity/id/${world.ann.entity}`);
  assert.deepEqual(await world.introspect(token), { active: false, error: 'entity was not found' });
});

test('a token ends when it says so', async () => {
  await using world = await withRole();
  const token = await world.tokenOf();
  world.clock.now += (DAY + 61) * 1_000;
  assert.match(String((await world.introspect(token))['error']), /expired/);
});

test('without an entity there is no token, and another namespace’s entity is none here', async () => {
  await using world = await withRole();
  const refused = async (token: string, namespace: string): Promise<void> => {
    const { status, errors } = await world.asked('GET', 'identity/oidc/token/r', { token, namespace });
    assert.equal(status, 400);
    assert.match((errors ?? []).join(), /no entity/);
  };
  await refused(world.root, '');
  await world.write('sys/namespaces/team');
  await world.write('identity/oidc/key/k', { algorithm: 'ES256', allowed_client_ids: '*' }, 'team');
  await world.write('identity/oidc/role/r', { key: 'k' }, 'team');
  await world.write('sys/policies/acl/tokens', { policy: 'path "team/identity/oidc/*" { capabilities = ["read"] }' });
  await refused(world.ann.token, 'team');
});

test('the default key signs when a role first uses it', async () => {
  await using world = await oidcWorld();
  assert.deepEqual(await world.read('identity/oidc/key/default'), {
    ...{ rotation_period: DAY, verification_ttl: DAY, algorithm: 'RS256', allowed_client_ids: ['*'] },
  });
  await world.write('identity/oidc/role/r', { key: 'default' });
  const { token } = await world.login('ann');
  const made = await world.read('identity/oidc/token/r', { token });
  assert.equal(saidBy(made['token'])['iss'], '/v1/identity/oidc');
  assert.match(String(made['client_id']), /^[0-9A-Za-z]{26}$/);
  const { warnings } = await world.asked('GET', 'identity/oidc/config');
  assert.match((warnings ?? []).join(), /api_addr/);
});

test('two that change one key at the same time leave one that signs', async () => {
  await using world = await withRole();
  const rotations = Array.from({ length: 8 }, () => world.asked('POST', 'identity/oidc/key/k/rotate', { body: {} }));
  const statuses = (await Promise.all(rotations)).map(({ status }) => status);
  assert.ok(statuses.includes(204));
  assert.ok(
    statuses.every((status) => status === 204 || status === 409),
    statuses.join(),
  );
  assert.deepEqual(await world.introspect(await world.tokenOf()), { active: true });
});

test('what an identity says stays a value, whatever is in it', async () => {
  const template = `{"who": {{identity.entity.name}}, "meta": {{identity.entity.metadata}}, "team": {{identity.entity.metadata.team}},
    "groups": {{identity.entity.groups.names}}, "nested": {"a": [{{identity.entity.metadata.team}}]}, "at": {{time.now}}, "fixed": true}`;
  await using world = await withRole({ template });
  const hostile = [
    ['","admin":true,"x":"', 'closing quotes'],
    ['{{identity.entity.id}}', 'a selector'],
    ['\\', 'a backslash'],
    ['}}{{', 'braces'],
    ['\u2003</script>', 'other signs'],
  ] as const;
  for (const [team, what] of hostile) {
    await world.write(`identity/entity/id/${world.ann.entity}`, { metadata: { team, sub: 'evil', __proto__x: 'y' } });
    const said = saidBy(await world.tokenOf());
    assert.equal(said['team'], team, what);
    assert.deepEqual(said['nested'], { a: [team] });
    assert.equal(said['sub'], world.ann.entity);
    assert.equal(said['fixed'], true);
    assert.ok(!('admin' in said), what);
  }
  await world.write('identity/group', { name: 'dev "one"', member_entity_ids: [world.ann.entity] });
  assert.deepEqual(saidBy(await world.tokenOf())['groups'], ['dev "one"']);
});

test('a template that could take another claim’s place is refused', async () => {
  await using world = await withRole();
  const templates = [
    ['{"sub": "x"}', /not allowed/],
    ['{"a": {{identity.entity.nothing}}}', /template/],
    ['{ {{identity.entity.name}}: 1 }', /JSON/],
    ['{"a": "x {{identity.entity.name}}"}', /JSON/],
    ['{"a": 1, "a": 2}', /JSON/],
    ['[1]', /JSON/],
    ['{"a": {{identity.entity.name}', /unbalanced/],
    ['not json', /JSON/],
    ['{"a": {{identity.groups.names.dev.id}}}', /template/],
  ] as const;
  for (const [template, words] of templates) {
    const { status, errors } = await world.asked('POST', 'identity/oidc/role/r', { body: { template } });
    assert.equal(status, 400, template);
    assert.match((errors ?? []).join(), words, template);
  }
  const encoded = Buffer.from('{"a": 1}').toString('base64');
  await world.write('identity/oidc/role/r', { template: encoded });
  assert.equal((await world.read('identity/oidc/role/r'))['template'], '{"a": 1}');
});

test('a sealed node tells no keys', async () => {
  await using world = await withRole();
  await world.node.seal();
  assert.equal((await world.asked('GET', 'identity/oidc/.well-known/keys', { token: '' })).status, 503);
});
