/** A provider and who wants more of it than they were given. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { doWhatIsDue } from '../../due.ts';
import { keys } from '../../keys.ts';
import { REDIRECT, refusedBy, withProvider } from './provider.testing.ts';
import { bodyOf } from './world.testing.ts';

test('a token made by another one is no login: max_age counts from the person’s own', async () => {
  await using world = await withProvider();
  const policy = 'path "auth/token/create" { capabilities = ["update"] }';
  await world.write('sys/policies/acl/parent', { policy });
  await world.write(`identity/entity/id/${world.ann.entity}`, { policies: ['parent'] });
  world.clock.now += 600_000;
  const child = async (token: string): Promise<string> => {
    const { auth, errors } = await world.asked('POST', 'auth/token/create', { token });
    assert.ok(auth, String(errors));
    return String(auth['client_token']);
  };
  const made = await child(await child(world.ann.token));
  const fresh = { token: made, entity: world.ann.entity };
  assert.equal((await world.authorize({}, fresh)).status, 200);
  refusedBy(await world.authorize({ max_age: 60 }, fresh), 400, 'max_age_violation');
  assert.equal((await world.authorize({ max_age: 601 }, fresh)).status, 200);
  assert.equal((await world.authorize({ max_age: 60 }, await world.login('ann'))).status, 200);
});

test('what a client registers is an address to go to, and no script that runs in the page that sends there', async () => {
  await using world = await withProvider();
  const registered = async (uri: string): Promise<number> =>
    (await world.asked('POST', 'identity/oidc/client/odd', { body: { redirect_uris: [uri] } })).status;
  for (const uri of [
    ...[
      `${REDIRECT}#x`,
      `${REDIRECT}\r\nSet-Cookie: a=b`,
      `${REDIRECT} x`,
      '/callback',
      'app.example/callback',
      'https:',
    ],
    ...['javascript:alert(1)', 'JavaScript:alert(1)', 'data:text/html,x', 'https://app.exämple/'],
  ]) {
    assert.equal(await registered(uri), 400, uri);
  }
  for (const uri of [
    REDIRECT,
    'http://[::1]/cb',
    'com.example.app:/cb',
    'urn:ietf:wg:oauth:2.0:oob',
    `${REDIRECT}?a=b`,
  ]) {
    assert.equal(await registered(uri), 204, uri);
  }
});

test('a locked namespace answers nobody', async () => {
  await using world = await withProvider();
  await world.write('sys/namespaces/team');
  await world.write('sys/namespaces/api-lock/lock/team');
  for (const [method, path] of [
    ['GET', 'identity/oidc/.well-known/openid-configuration'],
    ['GET', 'identity/oidc/.well-known/keys'],
    ['GET', 'identity/oidc/provider/default/.well-known/openid-configuration'],
    ['POST', 'identity/oidc/provider/default/token'],
    ['POST', 'identity/oidc/introspect'],
    ['POST', 'sys/mfa/validate'],
    ['POST', 'identity/mfa/method/totp/self-enroll'],
  ] as const) {
    const { status } = await world.asked(method, path, { namespace: 'team', token: '' });
    assert.equal(status, 503, path);
  }
});

test('a code that its client brings again ends the access token of its first use', async () => {
  await using world = await withProvider();
  const code = await world.codeOf();
  const access = String(bodyOf(await world.exchange(code))['access_token']);
  const other = String(bodyOf(await world.exchange(await world.codeOf()))['access_token']);
  assert.equal((await world.userinfo(access)).status, 200);
  // To whoever is not its client it is no code, and nothing ends.
  refusedBy(await world.exchange(code, world.other), 400, 'invalid_grant');
  refusedBy(await world.exchange(code, { client_secret: 'wrong' }), 401, 'invalid_client');
  assert.equal((await world.userinfo(access)).status, 200);
  world.clock.now += 3_600_000;
  refusedBy(await world.exchange(code), 400, 'invalid_grant', /^authorization grant is invalid or expired$/);
  refusedBy(await world.userinfo(access), 401, 'invalid_token');
  assert.equal((await world.userinfo(other)).status, 200, 'another login of the same person goes on');
  // What is over is forgotten, and not before.
  const marks = (): number => {
    using snapshot = world.node.services.store.snapshot();
    return snapshot.list(keys.revokedGrants, { limit: 10 }).length;
  };
  await doWhatIsDue(world.node.services);
  assert.equal(marks(), 1);
  world.clock.now += 24 * 3_600_000;
  await doWhatIsDue(world.node.services);
  assert.equal(marks(), 0);
});

test('of two exchanges of one code at once none leaves a token', async () => {
  await using world = await withProvider();
  const code = await world.codeOf();
  const outcomes = await Promise.all([world.exchange(code), world.exchange(code), world.exchange(code)]);
  assert.deepEqual(outcomes.map(({ status }) => status).sort(), [200, 400, 400]);
  const made = outcomes.find(({ status }) => status === 200);
  assert.ok(made !== undefined);
  refusedBy(await world.userinfo(String(bodyOf(made)['access_token'])), 401, 'invalid_token');
});
