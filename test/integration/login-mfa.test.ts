/** Logins that need a second factor: asked for, shown in one step or in two, enrolled, and never left out. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../../src/framework/field.ts';
import { ask, requestOf } from '../support/node.ts';
import { assertLoggedIn, assertRefused, authenticator, mfaWorld } from '../support/mfa.ts';

const PERIOD = 30_000;

test('a login in two steps: what is asked for, and the token that its code gets', async () => {
  await using world = await mfaWorld();
  const { node, method, login, validate } = world;
  const code = await world.enrol('ann');
  const { auth, warnings } = await login('ann');
  const { mfa_requirement: requirement, ...rest } = auth ?? {};
  assert.deepEqual(rest, {
    ...{ client_token: '', accessor: '', policies: null, metadata: null, lease_duration: 0, renewable: false },
    ...{ entity_id: '', token_type: 'default', orphan: false, num_uses: 0 },
  });
  assert.match(String(warnings), /subject to MFA validation/);
  const { mfa_request_id: id, mfa_constraints } = requirement as JsonObject;
  assert.deepEqual(mfa_constraints, { all: { any: [{ type: 'totp', id: method, uses_passcode: true, name: 't1' }] } });
  assertRefused(await validate(String(id), { [method]: ['000000'] }), 403);
  assertRefused(await validate(String(id), {}), 403);
  const done = await validate(String(id), { [method]: [code()] });
  const self = await assertLoggedIn(node, done);
  assert.equal(self['entity_id'], world.entity('ann'));
  assert.deepEqual(done.auth?.['metadata'], { username: 'ann' });
  assert.equal(self['path'], 'auth/userpass/login/ann');
  assertRefused(await validate(String(id), { [method]: [code()] }), 400);
});

test('a login in one step, by the method’s id or name, and who gets it wrong is told nothing', async () => {
  await using world = await mfaWorld();
  const { node, clock, login, method } = world;
  const code = await world.enrol('ann');
  await assertLoggedIn(node, await login('ann', `${method}:${code()}`));
  clock.now += PERIOD;
  await assertLoggedIn(node, await login('ann', `t1:passcode=${code()}`));
  const wrong = await login('ann', `t1:${code()}`);
  assertRefused(wrong, 403);
  assert.deepEqual(wrong.errors, ['permission denied']);
  for (const header of ['t1', 't1:', 'ghost:123456', `t1:${code(1)},t1:${code(1)}`]) {
    assertRefused(await login('ann', header), 403);
  }
  assertRefused(await login('ann', ':'), 400);
});

test('five minutes, and not one more', async () => {
  await using world = await mfaWorld();
  const { node, clock, method, validate } = world;
  const code = await world.enrol('ann');
  const [early, late] = [await world.waiting('ann'), await world.waiting('ann')];
  clock.now += 299_000;
  await assertLoggedIn(node, await validate(early, { [method]: [code()] }));
  clock.now += 1_000;
  assertRefused(await validate(late, { [method]: [code(1)] }), 400);
});

test('every enforcement that names the login counts: by type, accessor, entity and group, each for those alone', async () => {
  await using world = await mfaWorld();
  const { node, write, login, status, method, entity } = world;
  const accessor = node.services.mounts.at('root', 'auth/userpass/')?.record.accessor;
  const { id: inner } = await write('identity/group', { name: 'inner', member_entity_ids: [entity('bob')] });
  const { id: outer } = await write('identity/group', { name: 'outer', member_group_ids: [inner] });
  const asks = async (user: string): Promise<boolean> => (await login(user)).auth?.['mfa_requirement'] !== null;
  const cases: readonly (readonly [JsonObject, ann: boolean, bob: boolean])[] = [
    [{ auth_method_types: ['userpass'] }, true, true],
    [{ auth_method_types: ['approle'] }, false, false],
    [{ auth_method_accessors: [accessor] }, true, true],
    [{ identity_entity_ids: [entity('ann')] }, true, false],
    [{ identity_group_ids: [outer] }, false, true],
  ];
  await write('sys/auth/approle', { type: 'approle' });
  assert.equal(await status('DELETE', 'identity/mfa/login-enforcement/all'), 204);
  for (const [whose, ann, bob] of cases) {
    await write('identity/mfa/login-enforcement/one', { mfa_method_ids: [method], ...whose });
    assert.deepEqual([await asks('ann'), await asks('bob')], [ann, bob], JSON.stringify(whose));
    assert.equal(await status('DELETE', 'identity/mfa/login-enforcement/one'), 204);
  }
  assert.equal(await asks('ann'), false);
});

test('an entity that was merged into another one is still meant, and brings its secret along', async () => {
  await using world = await mfaWorld();
  const { node, root, clock, write, status, login, method, entity } = world;
  const code = await world.enrol('ann');
  await write('identity/mfa/login-enforcement/all', { auth_method_types: [], identity_entity_ids: [entity('ann')] });
  const { id } = await write('identity/entity', { name: 'heir' });
  const merge = { from_entity_ids: [entity('ann')], to_entity_id: String(id) };
  await write('identity/entity/merge', merge);
  await assertLoggedIn(node, await login('ann', `t1:${code()}`));
  const { id: third } = await write('identity/entity', { name: 'third' });
  const asked = { method_id: method, entity_id: third };
  await write('identity/mfa/method/totp/admin-generate', asked);
  const both = { from_entity_ids: [third], to_entity_id: id };
  const refused = await ask(node, 'POST', 'identity/entity/merge', { token: root, body: both });
  assert.match(String(refused.errors), /conflicting MFA config ID/);
  assert.equal(await status('POST', 'identity/entity/merge', { ...both, force: true }), 204);
  clock.now += PERIOD;
  await assertLoggedIn(node, await login('ann', `t1:${code()}`));
});

test('of several enforcements each is satisfied, and one code does for all that ask for its method', async () => {
  await using world = await mfaWorld();
  const { node, clock, write, login, method } = world;
  const { method_id: second } = await write('identity/mfa/method/totp', {
    issuer: 'x',
    digits: 8,
    algorithm: 'SHA512',
  });
  const one = await world.enrol('ann');
  const other = await world.enrol('ann', String(second));
  const whose = { identity_entity_ids: [world.entity('ann')] };
  await write('identity/mfa/login-enforcement/same', { mfa_method_ids: [method], ...whose });
  await assertLoggedIn(node, await login('ann', `t1:${one()}`));
  await write('identity/mfa/login-enforcement/other', { mfa_method_ids: [second], ...whose });
  clock.now += PERIOD;
  assertRefused(await login('ann', `t1:${one()}`), 403);
  clock.now += PERIOD;
  assert.equal(other().length, 8);
  await assertLoggedIn(node, await login('ann', `t1:${one()},${String(second)}:${other()}`));
  clock.now += PERIOD;
  await write('identity/mfa/login-enforcement/other', { mfa_method_ids: [second, method], ...whose });
  await assertLoggedIn(node, await login('ann', `t1:${one()}`));
});

test('a secret is shown once, is its entity’s own, and one that was destroyed counts no more', async () => {
  await using world = await mfaWorld();
  const { node, root, clock, write, status, login, method, entity } = world;
  await write('identity/mfa/login-enforcement/all', { auth_method_types: [], identity_entity_ids: [entity('ann')] });
  await write('sys/policies/acl/enrol', {
    policy: 'path "identity/mfa/method/totp/generate" { capabilities = ["update"] }',
  });
  await write('auth/userpass/users/bob', { token_policies: 'enrol' });
  const token = String((await login('bob')).auth?.['client_token']);
  const generate = (by: string) =>
    ask(node, 'POST', 'identity/mfa/method/totp/generate', { token: by, body: { method_id: method } });
  assertRefused(await generate(root), 400);
  const { reply: made } = await generate(token);
  const own = authenticator(String(made?.data?.['url']), () => clock.now);
  assert.match(String(made?.data?.['barcode']), /^iVBORw0KGgo/);
  assert.match(String(made?.data?.['url']), new RegExp(`^otpauth://totp/here:${entity('bob')}\\?`));
  const again = await generate(token);
  assert.deepEqual([again.status, again.reply?.data], [200, undefined]);
  assert.deepEqual(again.warnings, ['Entity already has a secret for MFA method "t1"']);
  await write('identity/mfa/login-enforcement/all', { identity_entity_ids: [entity('ann'), entity('bob')] });
  await assertLoggedIn(node, await login('bob', `t1:${own()}`));
  assertRefused(await login('ann', `t1:${own(1)}`), 403);
  const asked = { method_id: method, entity_id: entity('bob') };
  assert.equal(await status('POST', 'identity/mfa/method/totp/admin-destroy', asked), 204);
  assertRefused(await login('bob', `t1:${own(1)}`), 403);
});

test('who has no secret makes one in the middle of the login, where the method lets them, and keeps it by a right code', async () => {
  await using world = await mfaWorld({}, { enable_self_enrollment: true });
  const { node, clock, write, login, validate, waiting, method } = world;
  const enroll = (id: string, of = method) =>
    ask(node, 'POST', 'identity/mfa/method/totp/self-enroll', { body: { mfa_request_id: id, mfa_method_id: of } });
  const { auth } = await login('ann');
  const { mfa_request_id: id, mfa_constraints } = auth?.['mfa_requirement'] as JsonObject;
  const { any } = (mfa_constraints as Record<string, { any: readonly JsonObject[] }>)['all'] ?? { any: [] };
  assert.equal(any[0]?.['self_enrollment_enabled'], true);
  assertRefused(await enroll('nothing'), 400);
  assertRefused(await enroll(String(id), 'nothing'), 400);
  const offered = authenticator(String((await enroll(String(id))).reply?.data?.['url']), () => clock.now);
  const abandoned = await waiting('ann');
  const other = authenticator(String((await enroll(abandoned)).reply?.data?.['url']), () => clock.now);
  assertRefused(await validate(abandoned, { t1: [offered()] }), 403);
  assertRefused(await validate(String(id), { t1: [other()] }), 403);
  await assertLoggedIn(node, await validate(String(id), { t1: [offered()] }));
  // Somebody has one by now: what was offered to anybody else is nothing.
  assertRefused(await validate(abandoned, { t1: [other()] }), 403);
  assertRefused(await enroll(abandoned), 400);
  assertRefused(await login('ann', `t1:${offered()}`), 403);
  clock.now += PERIOD;
  await assertLoggedIn(node, await login('ann', `t1:${offered()}`));
  await write(`identity/mfa/method/totp/${method}`, { issuer: 'here' });
  assertRefused(await enroll(await waiting('bob')), 400);
});

test('batch tokens, wrapped replies, quotas and logins that come with a request all need the code', async () => {
  await using world = await mfaWorld();
  const { node, clock, write, login, validate, waiting, method } = world;
  const code = await world.enrol('ann');
  await write('auth/userpass/users/ann', { token_type: 'batch', token_policies: 'default' });
  const batch = await validate(await waiting('ann'), { t1: [code()] });
  assert.equal((await assertLoggedIn(node, batch))['type'], 'batch');
  await write('auth/userpass/users/ann', { token_type: 'service' });
  const asked = await login('ann', undefined, { wrapTtl: 60 });
  assert.equal(asked.wrapInfo, null);
  const { mfa_request_id: id } = asked.auth?.['mfa_requirement'] as JsonObject;
  clock.now += PERIOD;
  const { wrapInfo, auth } = await validate(String(id), { t1: [code()] }, { wrapTtl: 60 });
  assert.equal(auth, null);
  const opened = await ask(node, 'POST', 'sys/wrapping/unwrap', { token: String(wrapInfo?.['token']) });
  assert.match(String(opened.reply?.raw?.body ?? ''), /"client_token":"hvs\./);
  const inline = (mfa: Record<string, string>) =>
    node.handle({
      ...requestOf('GET', 'auth/token/lookup-self'),
      headers: {
        ...{ 'x-vault-inline-auth-path': 'auth/userpass/login/ann', ...mfa },
        'x-vault-inline-auth-parameter-p': Buffer.from('{"key":"password","value":"right-pass"}').toString('base64url'),
      },
    });
  await write('auth/userpass/users/ann', { token_type: 'batch' });
  assertRefused(await inline({}), 403);
  clock.now += PERIOD;
  assertRefused(await inline({ 'x-vault-mfa': 't1:000000' }), 403);
  const served = await inline({ 'x-vault-mfa': `t1:${code()}` });
  assert.deepEqual([served.status, served.reply?.data?.['entity_id']], [200, world.entity('ann')]);
  assert.equal(method.length, 36);
});

test('a token is renewed, and a child of it made, without another code', async () => {
  await using world = await mfaWorld();
  const { node, login } = world;
  const code = await world.enrol('ann');
  const token = String((await login('ann', `t1:${code()}`)).auth?.['client_token']);
  assert.equal((await ask(node, 'POST', 'auth/token/renew-self', { token })).status, 200);
});

test('lease count quotas hold where the token is made', async () => {
  await using world = await mfaWorld();
  const { node, clock, write, waiting, validate } = world;
  const code = await world.enrol('ann');
  const [one, other] = [await waiting('ann'), await waiting('ann')];
  const { reply } = await ask(node, 'GET', 'sys/quotas/lease-count', { token: world.root });
  assert.equal(reply?.data, undefined);
  await write('sys/quotas/lease-count/q', { path: 'auth/userpass/', max_leases: 3 });
  await assertLoggedIn(node, await validate(one, { t1: [code()] }));
  clock.now += PERIOD;
  const right = { t1: [code()] };
  assert.equal((await validate(other, right)).status, 429);
  await write('sys/quotas/lease-count/q', { path: 'auth/userpass/', max_leases: 4 });
  await assertLoggedIn(node, await validate(other, right));
});
