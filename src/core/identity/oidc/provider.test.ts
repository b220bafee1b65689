/** The OIDC provider: codes, tokens, claims, clients for themselves. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose';
import { requestOf } from '../../../../test/support/node.ts';
import type { JsonObject } from '../../../framework/field.ts';
import type { Outcome } from '../../../framework/request.ts';
import { challenge, ISSUER, PROVIDER, REDIRECT, refusedBy, VERIFIER, withProvider } from './provider.testing.ts';
import { bodyOf, saidBy } from './world.testing.ts';

test('a person logs in to a client: code, ID token, access token, claims', async () => {
  await using world = await withProvider();
  const given = await world.authorize({ state: 'st"ate', nonce: 'n-1', max_age: 100 });
  assert.equal(bodyOf(given)['state'], 'st"ate');
  const code = String(bodyOf(given)['code']);
  const outcome = await world.exchange(code);
  assert.equal(outcome.status, 200);
  assert.deepEqual(outcome.headers['Cache-Control'], 'no-store');
  const { access_token: access, id_token: id, token_type: type, expires_in: life } = bodyOf(outcome);
  assert.deepEqual([type, life], ['Bearer', 86_400]);
  const jwks = (await world.read(`${PROVIDER}/.well-known/keys`)) as unknown as JSONWebKeySet;
  const { payload } = await jwtVerify(String(id), createLocalJWKSet(jwks), {
    ...{ issuer: `${ISSUER}/v1/${PROVIDER}`, audience: world.app.client_id },
    currentDate: new Date(world.clock.now),
  });
  assert.equal(payload.sub, world.ann.entity);
  assert.equal(payload['nonce'], 'n-1');
  assert.equal(typeof payload['auth_time'], 'number');
  const half = (text: string): string =>
    createHash('sha256').update(text).digest().subarray(0, 16).toString('base64url');
  assert.equal(payload['at_hash'], half(String(access)));
  assert.equal(payload['c_hash'], half(code));
  const info = await world.userinfo(String(access));
  assert.deepEqual(bodyOf(info), { sub: world.ann.entity, name: payload['name'] });
  assert.match(String(payload['name']), /^entity_/);
});

test('a code ends after five minutes', async () => {
  await using world = await withProvider();
  const code = await world.codeOf();
  world.clock.now += 300_000;
  refusedBy(await world.exchange(code), 400, 'invalid_grant', /expired/);
});

test('a client proves itself by a header, form-encoded as RFC 6749 has it, or not', async () => {
  await using world = await withProvider();
  const { client_id: id, client_secret: secret = '' } = world.app;
  for (const encode of [(text: string) => text, (text: string) => text.replaceAll('_', '%5F')]) {
    const header = `Basic ${Buffer.from(`${encode(id)}:${encode(secret)}`).toString('base64')}`;
    const body = { grant_type: 'authorization_code', code: await world.codeOf(), redirect_uri: REDIRECT };
    const request = requestOf('POST', `${PROVIDER}/token`, { body });
    const outcome = await world.node.handle({ ...request, headers: { authorization: header } });
    assert.equal(outcome.status, 200);
  }
});

test('a public client has no secret, and cannot do without PKCE', async () => {
  await using world = await withProvider();
  const { client_id: id } = world.spa;
  assert.equal('client_secret' in world.spa, false);
  refusedBy(await world.authorize({ client_id: id }), 400, 'invalid_request', /PKCE is required/);
  const code = await world.codeOf({ client_id: id, code_challenge: challenge, code_challenge_method: 'S256' });
  const outcome = await world.exchange(code, { client_id: id, client_secret: '', code_verifier: VERIFIER });
  assert.equal(outcome.status, 200);
});

test('userinfo says what holds now: a scope that was taken away, a client that is gone', async () => {
  await using world = await withProvider();
  const access = String(bodyOf(await world.exchange(await world.codeOf()))['access_token']);
  await world.write(PROVIDER, { scopes_supported: [] });
  assert.deepEqual(bodyOf(await world.userinfo(access)), { sub: world.ann.entity });
  await world.write(PROVIDER, { allowed_client_ids: ['somebody'] });
  refusedBy(await world.userinfo(access), 403, 'access_denied', /not authorized to use the provider/);
  await world.asked('DELETE', 'identity/oidc/client/app');
  refusedBy(await world.userinfo(access), 403, 'access_denied', /client not found/);
});

test('a client gets tokens for itself where it may, and they say nothing of any person', async () => {
  await using world = await withProvider();
  const grant = { grant_type: 'client_credentials', scope: 'openid profile' };
  const tried = (more: JsonObject = {}): Promise<Outcome> =>
    world.asked('POST', `${PROVIDER}/token`, { token: '', body: { ...grant, ...world.app, ...more } });
  refusedBy(await tried(), 400, 'invalid_grant', /flow/);
  await world.write('identity/oidc/client/app', { client_credentials: true, authorization_code: false });
  await world.write('identity/oidc/scope/fixed', { template: '{"tier": "gold"}' });
  await world.write(PROVIDER, { scopes_supported: ['profile', 'fixed'] });
  const outcome = await tried({ scope: 'openid profile fixed' });
  assert.equal(outcome.status, 200);
  const said = saidBy(bodyOf(outcome)['access_token']);
  assert.equal(said['sub'], world.app.client_id);
  assert.equal(said['aud'], world.app.client_id);
  assert.equal(said['tier'], 'gold');
  assert.equal('name' in said, false);
  assert.match(String(said['jti']), /^[0-9a-f-]{36}$/);
  assert.equal('id_token' in bodyOf(outcome), false);
  refusedBy(await tried({ scope: 'fixed' }), 400, 'invalid_request', /openid/);
  refusedBy(await tried({ client_secret: 'x' }), 401, 'invalid_client');
  refusedBy(await tried({ grant_type: 'password' }), 400, 'unsupported_grant_type');
  refusedBy(await world.authorize(), 400, 'invalid_grant');
  const { status, errors } = await world.asked('POST', 'identity/oidc/client/spa', {
    body: { client_credentials: true },
  });
  assert.equal(status, 400);
  assert.match((errors ?? []).join(), /confidential/);
});

test('scopes that make one claim are warned of, and refused together', async () => {
  await using world = await withProvider();
  await world.write('identity/oidc/scope/again', { template: '{"name": "x"}' });
  const { warnings } = await world.asked('POST', PROVIDER, { body: { scopes_supported: ['profile', 'again'] } });
  assert.match((warnings ?? []).join(), /conflicting/);
  refusedBy(
    await world.exchange(await world.codeOf({ scope: 'openid profile again' })),
    400,
    'invalid_request',
    /conflicting/,
  );
  assert.equal((await world.exchange(await world.codeOf({ scope: 'openid again nothing' }))).status, 200);
});

test('what others refer to stays, and what is built in too', async () => {
  await using world = await withProvider();
  const refused = async (method: string, path: string, body: JsonObject, words: RegExp): Promise<void> => {
    const { status, errors } = await world.asked(method, `identity/oidc/${path}`, { body });
    assert.equal(status, 400, path);
    assert.match((errors ?? []).join(), words);
  };
  await refused('DELETE', 'assignment/staff', {}, /clients: app/);
  await refused('DELETE', 'assignment/allow_all', {}, /not allowed/);
  await refused('POST', 'assignment/allow_all', { entity_ids: [] }, /not allowed/);
  await refused('DELETE', 'scope/profile', {}, /providers: p/);
  await refused('POST', 'scope/openid', {}, /reserved/);
  await refused('DELETE', 'key/k', {}, /clients: app, other, spa/);
  await refused('DELETE', 'provider/default', {}, /not allowed/);
  await refused('POST', 'client/app', { key: 'default' }, /key modification/);
  await refused('POST', 'client/app', { client_type: 'public' }, /client_type modification/);
  await refused('POST', 'client/x', { client_type: 'secret' }, /invalid client_type/);
  await refused('POST', 'client/x', { assignments: ['none'] }, /does not exist/);
  await refused('POST', 'client/x', { key: 'none' }, /does not exist/);
  await refused('POST', 'client/x', { id_token_ttl: '48h' }, /verification_ttl/);
  await refused('POST', 'provider/p', { scopes_supported: ['none'] }, /does not exist/);
  await refused('POST', 'provider/p', { issuer: 'ftp://x' }, /invalid issuer/);
  await refused('POST', 'key/k', { verification_ttl: '1h' }, /id_token_ttl greater than 3600/);
});

test('lists show all but the secrets, with what is built in, page by page', async () => {
  await using world = await withProvider();
  const list = async (path: string, query = {}) =>
    bodyOf(await world.asked('LIST', `identity/oidc/${path}`, { query }));
  assert.deepEqual((await list('client'))['keys'], ['app', 'other', 'spa']);
  assert.ok(!JSON.stringify(await list('client')).includes('hvo_secret'));
  assert.deepEqual((await list('provider'))['keys'], ['default', 'p']);
  assert.deepEqual((await list('provider', { after: 'default', limit: '1' }))['keys'], ['p']);
  assert.deepEqual((await list('provider', { limit: '1' }))['keys'], ['default']);
  assert.deepEqual((await list('assignment'))['keys'], ['allow_all', 'staff']);
  assert.deepEqual((await list('key'))['keys'], ['default', 'k']);
  await world.write(PROVIDER, { allowed_client_ids: [world.app.client_id] });
  assert.deepEqual((await list('provider', { allowed_client_id: world.other.client_id }))['keys'], ['default']);
  assert.deepEqual((await list('provider', { allowed_client_id: world.app.client_id }))['keys'], ['default', 'p']);
});
