/** Second factors and who has a stolen password, or much to log in with. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { methodWithKey } from '../../src/auth/jwt/mount.testing.ts';
import type { JsonObject } from '../../src/framework/field.ts';
import type { Outcome } from '../../src/framework/request.ts';
import { mfaKeys } from '../../src/core/mfa/mfa-keys.ts';
import type { TotpSecret } from '../../src/core/mfa/records.ts';
import { decodeFound } from '../../src/lib/record.ts';
import { nextTurn } from '../../src/lib/next-turn.ts';
import { everyKey } from '../../src/storage/every-key.ts';
import { assertLoggedIn, assertRefused, authenticator, mfaWorld } from '../support/mfa.ts';
import { ask } from '../support/node.ts';

test('who has a factor of a login enrols no other one in its middle, by which a stolen password would do', async () => {
  await using world = await mfaWorld();
  const { node, write, validate, waiting, login, method } = world;
  const selfEnrolled = { issuer: 'here', method_name: 't2', enable_self_enrollment: true };
  const { method_id: open } = await write('identity/mfa/method/totp', selfEnrolled);
  await write('identity/mfa/login-enforcement/all', { mfa_method_ids: [method, open] });
  const code = await world.enrol('ann');
  const { auth } = await login('ann');
  const requirement = auth?.['mfa_requirement'] as JsonObject;
  const { any } = (requirement['mfa_constraints'] as { all: { any: JsonObject[] } }).all;
  assert.ok(
    any.every((each) => each['self_enrollment_enabled'] === undefined),
    JSON.stringify(any),
  );
  const id = String(requirement['mfa_request_id']);
  const body = { mfa_request_id: id, mfa_method_id: String(open) };
  const offered = await ask(node, 'POST', 'identity/mfa/method/totp/self-enroll', { body });
  assert.equal(offered.status, 400, 'a second factor was offered');
  await assertLoggedIn(node, await validate(id, { t1: [code()] }));
  // Who has none still can.
  const mine = await waiting('bob');
  const shown = await ask(node, 'POST', 'identity/mfa/method/totp/self-enroll', {
    body: { mfa_request_id: mine, mfa_method_id: String(open) },
  });
  const app = authenticator(String(shown.reply?.data?.['url']), () => world.clock.now);
  await assertLoggedIn(node, await validate(mine, { t2: [app()] }));
});

test('a secret that was offered is none once its entity got another factor of the login', async () => {
  await using world = await mfaWorld();
  const { node, write, validate, waiting, method } = world;
  const selfEnrolled = { issuer: 'here', method_name: 't2', enable_self_enrollment: true };
  const { method_id: open } = await write('identity/mfa/method/totp', selfEnrolled);
  await write('identity/mfa/login-enforcement/all', { mfa_method_ids: [method, open] });
  const id = await waiting('ann');
  const shown = await ask(node, 'POST', 'identity/mfa/method/totp/self-enroll', {
    body: { mfa_request_id: id, mfa_method_id: String(open) },
  });
  const app = authenticator(String(shown.reply?.data?.['url']), () => world.clock.now);
  await world.enrol('ann');
  assertRefused(await validate(id, { t2: [app()] }), 403);
});

test('who has one factor of two stores no new secret without it, nor gets in by one the next time', async () => {
  await using world = await mfaWorld();
  const { node, clock, write, validate, waiting, method } = world;
  const selfEnrolled = { issuer: 'here', method_name: 't2', enable_self_enrollment: true };
  const { method_id: open } = await write('identity/mfa/method/totp', selfEnrolled);
  // The first of them comes first by its name, and is the one that lets a secret be made.
  const types = { auth_method_types: ['userpass'] };
  await write('identity/mfa/login-enforcement/a', { mfa_method_ids: [open], ...types });
  await write('identity/mfa/login-enforcement/all', { mfa_method_ids: [open, method], ...types });
  const code = await world.enrol('ann');
  const enrolling = async () => {
    const id = await waiting('ann');
    const body = { mfa_request_id: id, mfa_method_id: String(open) };
    const shown = await ask(node, 'POST', 'identity/mfa/method/totp/self-enroll', { body });
    return { id, app: authenticator(String(shown.reply?.data?.['url']), () => clock.now) };
  };
  const stolen = await enrolling();
  assertRefused(await validate(stolen.id, { t2: [stolen.app()] }), 403);
  assertRefused(await validate(stolen.id, { t2: [stolen.app()], t1: ['000000'] }), 403);
  assertRefused(await validate(await waiting('ann'), { t2: [stolen.app()] }), 403);
  const own = await enrolling();
  await assertLoggedIn(node, await validate(own.id, { t2: [own.app()], t1: [code()] }));
  clock.now += 30_000;
  assertRefused(await validate(stolen.id, { t2: [stolen.app()], t1: [code()] }), 403);
});

test('an enforcement of a group that the login itself says somebody is in holds for that login', async () => {
  await using method = await methodWithKey();
  const { node, token } = method;
  const write = async (path: string, body: JsonObject): Promise<JsonObject> => {
    const { status, errors, reply } = await ask(node, 'POST', path, { token, body });
    assert.ok(status < 300, `${path}: ${String(errors)}`);
    return reply?.data ?? {};
  };
  await method.role('r', { groups_claim: 'groups' });
  const accessor = node.services.mounts.at('root', 'auth/jwt/')?.record.accessor;
  const { id: group } = await write('identity/group', { name: 'admins', type: 'external' });
  const { id: above } = await write('identity/group', { name: 'all', member_group_ids: [group] });
  await write('identity/group-alias', { name: 'admins', mount_accessor: accessor, canonical_id: group });
  const { method_id: totp } = await write('identity/mfa/method/totp', { issuer: 'x', method_name: 't1' });
  await write('identity/mfa/login-enforcement/e', { mfa_method_ids: [totp], identity_group_ids: [above] });
  const loggedIn = ({ auth }: Outcome): boolean => auth !== null && auth['client_token'] !== '';
  assert.equal(loggedIn(await method.by('r', { sub: 'bob', groups: ['others'] })), true);
  assert.equal(loggedIn(await method.by('r', { sub: 'ann', groups: ['admins'] })), false);
  assert.equal(loggedIn(await method.by('r', { sub: 'bob', groups: ['admins'] })), false);
});

test('the secrets of a namespace go with it, and those of an entity of another are not reached', async () => {
  await using world = await mfaWorld();
  const { node, write, status, method } = world;
  await write('sys/namespaces/a', {});
  await write('sys/auth/userpass', { type: 'userpass' }, 'a');
  await write('auth/userpass/users/ann', { password: 'right-pass' }, 'a');
  await world.waiting('ann', 'a');
  const { reply } = await ask(node, 'LIST', 'identity/entity/id', { token: world.root, namespace: 'a' });
  const [inner = ''] = reply?.data?.['keys'] as readonly string[];
  const asked = { method_id: method, entity_id: inner };
  assert.equal(await status('POST', 'identity/mfa/method/totp/admin-generate', asked, 'a'), 200);
  assert.equal(await status('POST', 'identity/mfa/method/totp/admin-destroy', asked), 400);
  await world.enrol('ann');
  const outer = { method_id: method, entity_id: world.entity('ann') };
  assert.equal(await status('POST', 'identity/mfa/method/totp/admin-destroy', outer, 'a'), 400);
  assert.equal(await status('POST', 'identity/mfa/method/totp/admin-generate', outer, 'a'), 400);
  const secrets = (): readonly string[] => {
    using snapshot = node.services.store.snapshot();
    return [...everyKey(snapshot, 'h/')].filter((key) => key.includes('/mfa/'));
  };
  assert.equal(secrets().length, 2);
  assert.ok((await status('DELETE', 'sys/namespaces/a')) < 300);
  for (let tries = 0; secrets().length > 1; tries += 1) await node.services.namespaceChanges.resumeRemovals();
  assert.equal(secrets().length, 1);
  assert.equal(await status('POST', 'identity/mfa/method/totp/admin-destroy', outer), 204);
  assert.equal(secrets().length, 0);
});

test('a mount that moves while a login waits grants it nothing, in its namespace as beyond it', async () => {
  await using world = await mfaWorld();
  const { node, write, validate, waiting } = world;
  const code = await world.enrol('ann');
  await write('sys/namespaces/a', {});
  const before = await waiting('ann');
  await write('sys/remount', { from: 'auth/userpass', to: 'auth/people' });
  assertRefused(await validate(before, { t1: [code()] }), 403);
  await write('sys/remount', { from: 'auth/people', to: 'auth/userpass' });
  const id = await waiting('ann');
  await write('sys/remount', { from: 'auth/userpass', to: 'a/auth/userpass' });
  while (node.services.mounts.at('root', 'auth/userpass/') !== undefined) await nextTurn();
  assertRefused(await validate(id, { t1: [code()] }), 403);
  // The root one's enforcement of the type holds there.
  await waiting('ann', 'a');
});

test('no number of enforcements, names, mounts and ways to ask makes more guesses of them', async () => {
  await using world = await mfaWorld();
  const { node, clock, write, login, validate, waiting, method } = world;
  const code = await world.enrol('ann');
  // One method asked for by several enforcements, from above as well, and the same person by a second mount.
  for (const name of ['b', 'c', 'd']) {
    await write(`identity/mfa/login-enforcement/${name}`, {
      mfa_method_ids: [method],
      auth_method_types: ['userpass'],
    });
  }
  await write('sys/auth/other', { type: 'userpass' });
  await write('auth/other/users/ann', { password: 'right-pass' });
  const accessor = node.services.mounts.at('root', 'auth/other/')?.record.accessor;
  const alias = { name: 'ann', mount_accessor: accessor, canonical_id: world.entity('ann') };
  await write('identity/entity-alias', alias);
  const viaOther = async (): Promise<string> => {
    const { auth } = await ask(node, 'POST', 'auth/other/login/ann', { body: { password: 'right-pass' } });
    return String((auth?.['mfa_requirement'] as JsonObject)['mfa_request_id']);
  };
  const right = new Set([-1, 0, 1].map((off) => code(off)));
  const guesses = Array.from({ length: 60 }, (_, at) => String(100_000 + at)).filter((each) => !right.has(each));
  const guess = (): string => guesses.pop() ?? '';
  const ids = [await waiting('ann'), await waiting('ann'), await viaOther()];
  const answers = await Promise.all([
    ...ids.flatMap((id) => [
      validate(id, { [method]: [guess()], t1: [guess()], T1: [guess()] }),
      validate(id, { t1: [guess()] }),
      validate(id, { t1: [guess(), guess()] }),
    ]),
    login('ann', `t1:${guess()},${method}:${guess()}`),
    login('ann', `t1:passcode=${guess()}`),
  ]);
  for (const answer of answers) assertRefused(answer, 403);
  const key = mfaKeys('root').secret(world.entity('ann'), method);
  const kept = () => decodeFound<TotpSecret>(node.services.store.get(key));
  assert.equal(kept()?.wrong?.count, 5, 'others than the five were looked at');
  for (const id of [...ids, await viaOther(), await waiting('ann')]) {
    assertRefused(await validate(id, { t1: [code()] }), 403);
  }
  assert.equal(kept()?.wrong?.count, 5);
  // The second time is twice as long.
  clock.now += 90_000;
  const again = await waiting('ann');
  for (let time = 0; time < 5; time += 1) assertRefused(await validate(again, { t1: [guess()] }), 403);
  clock.now += 179_000;
  assertRefused(await validate(again, { t1: [code()] }), 403);
  clock.now += 1_000;
  await assertLoggedIn(node, await validate(again, { t1: [code()] }));
  assert.equal(kept()?.wrong, undefined);
});
