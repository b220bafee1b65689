/** Approvers whose membership comes from a login alone: external groups, by the names that the login says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { signed, signingKey } from '../../src/lib/jwt/issuer.testing.ts';
import { controlled, controlWorld, unwrapped, type Person } from '../support/control-world.ts';
import { ask } from '../support/node.ts';

const NOW = Date.UTC(2027, 0, 1);

/** Somebody asks for `secret/a`; who logs in by a JWT is in the groups that it says. */
async function office() {
  const world = await controlWorld({ now: () => NOW });
  const write = (path: string, body: object) => world.must('POST', path, { body: { ...body } });
  await write('sys/auth/jwt', { type: 'jwt' });
  const key = await signingKey('RS256', 'one');
  await write('auth/jwt/config', { jwt_validation_pubkeys: [key.pem] });
  const usual = { role_type: 'jwt', user_claim: 'sub', bound_audiences: 'us', groups_claim: 'groups' };
  await write('auth/jwt/role/r', { ...usual, token_policies: ['approver'] });
  const { accessor } = (await world.must('GET', 'sys/auth'))['jwt/'] as { accessor: string };
  const made = await write('identity/group', { name: 'managers', type: 'external' });
  const alias = { name: 'mgr', mount_accessor: accessor, canonical_id: made['id'] };
  const aliasId = String((await write('identity/group-alias', alias))['id']);
  await world.policy('asks', controlled('secret/a', 'group_names = ["managers"] approvals = 1'));
  const asker = await world.person('alice', ['asks']);
  await write('secret/a', { k: 'v' });
  const seconds = NOW / 1_000;
  const login = async (sub: string, groups: readonly string[]): Promise<Person> => {
    const jwt = await signed(key, { aud: 'us', sub, groups, iat: seconds, exp: seconds + 300 });
    const { auth, errors } = await ask(world.node, 'POST', 'auth/jwt/login', { body: { role: 'r', jwt } });
    assert.ok(auth, (errors ?? []).join());
    const text = (name: string): string => String(auth[name]);
    return { token: text('client_token'), accessor: text('accessor'), entity: text('entity_id') };
  };
  const ticket = () => world.ticket(asker, 'GET', 'secret/a');
  return { world, login, ticket, aliasId };
}

test('who the login says is in the group approves; others do not, nor who no longer is, with an older token either', async () => {
  const { world, login, ticket } = await office();
  await using _ = world;
  const first = await ticket();
  const outside = await login('eve', ['other']);
  assert.equal((await world.approve(outside, first)).status, 403);
  const bob = await login('bob', ['mgr']);
  assert.equal((await world.approve(bob, first)).reply?.data?.['approved'], true);
  assert.deepEqual(unwrapped(await world.unwrap(first)).data, { k: 'v' });

  const second = await ticket();
  const demoted = await login('bob', ['other']);
  assert.equal(demoted.entity, bob.entity);
  for (const token of [bob, demoted]) assert.equal((await world.approve(token, second)).status, 403);
  assert.equal((await world.unwrap(second)).status, 400);
});

test('an approval given before counts no more once the membership is lost, by a login or with the alias', async () => {
  const { world, login, ticket, aliasId } = await office();
  await using _ = world;
  const waiting = await ticket();
  const bob = await login('bob', ['mgr']);
  assert.equal((await world.approve(bob, waiting)).reply?.data?.['approved'], true);
  await login('bob', []);
  assert.equal((await world.standing(waiting))['approved'], false);
  assert.equal((await world.unwrap(waiting)).status, 400);

  await login('bob', ['mgr']);
  assert.equal((await world.standing(waiting))['approved'], true, 'who is in the group again has approved');
  await world.must('DELETE', `identity/group-alias/id/${aliasId}`);
  assert.equal((await world.unwrap(waiting)).status, 400);
  assert.equal((await world.approve(bob, waiting)).status, 403);
});
