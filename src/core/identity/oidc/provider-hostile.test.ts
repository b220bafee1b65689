/** Who tries to get codes, tokens and claims of the OIDC provider without a right to. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask } from '../../../../test/support/node.ts';
import type { JsonObject } from '../../../framework/field.ts';
import type { Outcome } from '../../../framework/request.ts';
import { challenge, PROVIDER, REDIRECT, refusedBy, VERIFIER, withProvider } from './provider.testing.ts';
import { bodyOf } from './world.testing.ts';

test('a code is used once, also by many at the same time, and whatever came of it', async () => {
  await using world = await withProvider();
  const code = await world.codeOf();
  const all = await Promise.all(Array.from({ length: 16 }, () => world.exchange(code)));
  assert.equal(all.filter(({ status }) => status === 200).length, 1);
  for (const each of all.filter(({ status }) => status !== 200))
    refusedBy(each, 400, 'invalid_grant', /invalid or expired/);
  const second = await world.codeOf();
  refusedBy(
    await world.exchange(second, { redirect_uri: 'https://evil.example/' }),
    400,
    'invalid_grant',
    /redirect_uri/,
  );
  refusedBy(await world.exchange(second), 400, 'invalid_grant', /invalid or expired/);
});

test('a code belongs to its client, its provider and its namespace', async () => {
  await using world = await withProvider();
  refusedBy(await world.exchange(await world.codeOf(), world.other), 400, 'invalid_grant', /not issued to the client/);
  await world.write('identity/oidc/provider/q', { allowed_client_ids: ['*'], scopes_supported: ['profile'] });
  const body = { grant_type: 'authorization_code', redirect_uri: REDIRECT, ...world.app };
  const elsewhere = async (path: string, namespace = ''): Promise<Outcome> =>
    world.asked('POST', path, { token: '', namespace, body: { ...body, code: await world.codeOf() } });
  refusedBy(await elsewhere('identity/oidc/provider/q/token'), 400, 'invalid_grant', /not issued by the provider/);
  await world.write('sys/namespaces/team');
  await world.write('identity/oidc/client/app', { assignments: ['allow_all'], redirect_uris: [REDIRECT] }, 'team');
  const there = await world.read('identity/oidc/client/app', { namespace: 'team' });
  const code = await world.codeOf();
  const crossing = await world.asked('POST', 'identity/oidc/provider/default/token', {
    ...{ token: '', namespace: 'team' },
    body: { ...body, client_id: there['client_id'], client_secret: there['client_secret'], code },
  });
  refusedBy(crossing, 400, 'invalid_grant', /invalid or expired/);
  assert.equal((await world.exchange(code)).status, 200, 'and a try elsewhere does not use it up');
  refusedBy(await elsewhere('identity/oidc/provider/default/token', 'team'), 401, 'invalid_client');
});

test('a wrong secret, none, or an unknown client: one answer', async () => {
  await using world = await withProvider();
  for (const wrong of [{ client_secret: 'x' }, { client_secret: '' }, { client_id: 'nobody' }]) {
    const outcome = await world.exchange(await world.codeOf(), wrong);
    refusedBy(outcome, 401, 'invalid_client', /^client failed to authenticate$/);
    assert.equal(outcome.headers['WWW-Authenticate'], 'Basic');
  }
  refusedBy(await world.exchange('x', { client_id: '' }), 400, 'invalid_request', /client_id/);
  const code = await world.codeOf();
  await world.exchange(code, { client_secret: 'x' });
  assert.equal((await world.exchange(code)).status, 200, 'who proves nothing uses no code up');
});

test('PKCE: the verifier must be the one, and is needed where there was a challenge and only there', async () => {
  await using world = await withProvider();
  const S256 = { code_challenge: challenge, code_challenge_method: 'S256' };
  assert.equal((await world.exchange(await world.codeOf(S256), { code_verifier: VERIFIER })).status, 200);
  refusedBy(await world.exchange(await world.codeOf(S256)), 400, 'invalid_request', /expected code_verifier/);
  refusedBy(await world.exchange(await world.codeOf(S256), { code_verifier: 'w'.repeat(64) }), 400, 'invalid_grant');
  refusedBy(await world.exchange(await world.codeOf(S256), { code_verifier: challenge }), 400, 'invalid_grant');
  refusedBy(
    await world.exchange(await world.codeOf(), { code_verifier: VERIFIER }),
    400,
    'invalid_request',
    /unexpected/,
  );
  const plain = { code_challenge: VERIFIER };
  assert.equal((await world.exchange(await world.codeOf(plain), { code_verifier: VERIFIER })).status, 200);
  refusedBy(await world.authorize({ code_challenge: 'short' }), 400, 'invalid_request', /code_challenge/);
  refusedBy(await world.authorize({ ...S256, code_challenge_method: 's256' }), 400, 'invalid_request', /method/);
});

test('who left the assignment, was disabled or deleted since the code was given gets no token', async () => {
  await using world = await withProvider();
  const { entity } = world.ann;
  const code = await world.codeOf();
  const access = String(bodyOf(await world.exchange(await world.codeOf()))['access_token']);
  await world.write('identity/oidc/assignment/staff', { entity_ids: [] });
  refusedBy(await world.exchange(code), 400, 'invalid_request', /not authorized by client assignment/);
  refusedBy(await world.authorize(), 400, 'access_denied', /assignment/);
  refusedBy(await world.userinfo(access), 403, 'access_denied', /assignment/);
  await world.write('identity/group', { name: 'staff', member_entity_ids: [entity] });
  const { id: group } = await world.read('identity/group/name/staff');
  await world.write('identity/oidc/assignment/staff', { group_ids: [group] });
  const [second, third] = [await world.codeOf(), await world.codeOf()];
  assert.equal((await world.userinfo(access)).status, 200);
  await world.write(`identity/entity/id/${entity}`, { disabled: true });
  refusedBy(await world.exchange(second), 400, 'invalid_request');
  refusedBy(await world.userinfo(access), 401, 'invalid_token', /permission denied/);
  assert.equal((await world.authorize()).status, 403);
  await world.asked('DELETE', `identity/entity/id/${entity}`);
  refusedBy(await world.exchange(third), 400, 'invalid_request', /not found/);
  refusedBy(await world.userinfo(access), 401, 'invalid_token', /permission denied/);
});

test('an access token opens userinfo of its provider, for its time, and nothing else', async () => {
  await using world = await withProvider();
  await world.write(`identity/entity/id/${world.ann.entity}`, { policies: ['tokens'] });
  const access = String(bodyOf(await world.exchange(await world.codeOf()))['access_token']);
  for (const [method, path] of [
    ['GET', 'identity/oidc/key/k'],
    ['GET', 'auth/token/lookup-self'],
    ['GET', 'sys/mounts'],
    ['POST', `${PROVIDER}/authorize`],
  ] as const) {
    assert.equal((await world.asked(method, path, { token: access })).status, 403, path);
  }
  refusedBy(await world.asked('GET', `${PROVIDER}/userinfo`, { token: access }), 401, 'invalid_token', /Bearer/);
  await world.write('identity/oidc/provider/q', { allowed_client_ids: ['*'] });
  refusedBy(await world.userinfo(access, 'identity/oidc/provider/q'), 401, 'invalid_token', /permission denied/);
  await world.write('sys/namespaces/team');
  refusedBy(
    await world.userinfo(access, 'identity/oidc/provider/default', 'team'),
    401,
    'invalid_token',
    /permission denied/,
  );
  refusedBy(await world.userinfo(world.ann.token), 401, 'invalid_token', /malformed/);
  refusedBy(await world.userinfo(`${access}x`), 401, 'invalid_token', /permission denied/);
  world.clock.now += 86_400_000;
  refusedBy(await world.userinfo(access), 401, 'invalid_token', /permission denied/);
});

test('authorize refuses in OAuth’s words, and says nobody’s state back but the one that came', async () => {
  await using world = await withProvider();
  const cases: readonly (readonly [JsonObject, string])[] = [
    [{ client_id: '' }, 'invalid_client_id'],
    [{ client_id: 'nobody' }, 'invalid_client_id'],
    [{ redirect_uri: '' }, 'invalid_request'],
    [{ redirect_uri: `${REDIRECT}/` }, 'invalid_redirect_uri'],
    [{ redirect_uri: `${REDIRECT}?x=1` }, 'invalid_redirect_uri'],
    [{ redirect_uri: 'HTTPS://app.example/callback' }, 'invalid_redirect_uri'],
    [{ scope: 'profile' }, 'invalid_request'],
    [{ response_type: 'token' }, 'unsupported_response_type'],
    [{ response_type: '' }, 'invalid_request'],
    [{ request: 'x' }, 'request_not_supported'],
    [{ request_uri: 'x' }, 'request_uri_not_supported'],
    [{ max_age: 0 }, 'invalid_request'],
  ];
  for (const [more, error] of cases) refusedBy(await world.authorize(more), 400, error);
  const huge = await world.authorize({ state: 's'.repeat(100_000) });
  refusedBy(huge, 400, 'invalid_request', /state/);
  assert.equal(bodyOf(huge)['state'], '');
  refusedBy(await world.authorize({ nonce: 'n'.repeat(100_000) }), 400, 'invalid_request', /nonce/);
  world.clock.now += 10_000;
  refusedBy(await world.authorize({ max_age: 5 }), 400, 'max_age_violation');
  refusedBy(await world.authorize({}, { token: world.root, entity: '' }), 400, 'access_denied');
  const none = await world.asked('POST', `${PROVIDER}/authorize`, { token: '' });
  assert.equal(none.status, 403);
});

test('what is no text, or comes twice, is refused in OAuth’s words too', async () => {
  await using world = await withProvider();
  refusedBy(await world.authorize({ state: {} }), 400, 'invalid_request', /state/);
  refusedBy(await world.authorize({ max_age: 'soon' }), 400, 'invalid_request', /max_age/);
  refusedBy(await world.exchange('x', { code: ['a', 'b'] }), 400, 'invalid_request', /code/);
});

test('a program chooses its port on its own machine, and nothing else', async () => {
  await using world = await withProvider();
  const status = async (uri: string): Promise<number> => (await world.authorize({ redirect_uri: uri })).status;
  assert.equal(await status('http://127.0.0.1:5000/cb'), 200);
  assert.equal(await status('http://127.0.0.1/cb'), 200);
  for (const uri of [
    'http://127.0.0.1:5000/other',
    'http://localhost:5000/cb',
    'https://127.0.0.1:5000/cb',
    'http://127.0.0.1:5000@evil.example/cb',
    'http://127.0.0.1:5000/a/../cb',
    'http://127.0.0.2/cb',
    'http://app.example:5000/callback',
  ]) {
    assert.equal(await status(uri), 400, uri);
  }
});

test('a key that does not list the client gives it nothing', async () => {
  await using world = await withProvider();
  const code = await world.codeOf();
  await world.write('identity/oidc/key/k', { allowed_client_ids: [world.other.client_id] });
  refusedBy(await world.exchange(code), 401, 'invalid_client', /not authorized to use the key/);
  await world.write(PROVIDER, { allowed_client_ids: [world.other.client_id] });
  refusedBy(await world.authorize(), 400, 'unauthorized_client');
  refusedBy(await world.exchange(code), 401, 'invalid_client', /provider/);
});

test('who asks for ever more codes loses their own oldest, and nobody else theirs', async () => {
  await using world = await withProvider();
  const ben = await world.login('ben');
  await world.write('identity/oidc/assignment/staff', { entity_ids: [world.ann.entity, ben.entity] });
  const others = String(bodyOf(await world.authorize({}, ben))['code']);
  const first = await world.codeOf();
  const second = await world.codeOf();
  for (let at = 0; at < 99; at += 1) await world.codeOf();
  refusedBy(await world.exchange(first), 400, 'invalid_grant');
  assert.equal((await world.exchange(second)).status, 200);
  assert.equal((await world.exchange(others)).status, 200);
});

test('after a seal no code is left', async () => {
  await using world = await withProvider();
  const code = await world.codeOf();
  await world.node.seal();
  assert.equal((await ask(world.node, 'POST', `${PROVIDER}/token`, { body: { code, ...world.app } })).status, 503);
});
