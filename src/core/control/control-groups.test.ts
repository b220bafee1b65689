/** What waits for approval, over whole nodes: the usual way, and what each part of it answers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { controlled, controlWorld, unwrapped } from '../../../test/support/control-world.ts';
import { ask } from '../../../test/support/node.ts';
import { USUAL_TTL } from './control-groups.ts';

const ONE = 'group_names = ["managers"] approvals = 1';

test('a read waits for its approval, and is done once it is unwrapped', async () => {
  await using world = await controlWorld();
  await world.policy('asks', controlled('secret/a', ONE, 'ttl = "2h"'));
  const alice = await world.person('alice', ['asks']);
  const bob = await world.person('bob');
  await world.group('Managers', [bob]);
  await world.must('POST', 'secret/a', { body: { k: 'old' } });
  const ticket = await world.ticket(alice, 'GET', 'secret/a');
  assert.equal(ticket.ttl, 7_200);
  const before = await world.standing(ticket);
  assert.deepEqual(
    [before['approved'], before['request_operation'], before['request_path'], before['authorizations']],
    [false, 'read', 'secret/a', []],
  );
  assert.equal((before['request_entity'] as { id: string }).id, alice.entity);
  for (const asking of [{}, { token: ticket.token, body: {} }, { token: alice.token }]) {
    const early = await world.unwrap(ticket, asking);
    assert.equal(early.status, 400);
    assert.match(early.errors?.join() ?? '', /request needs further approval/);
  }
  const lookup = await ask(world.node, 'POST', 'sys/wrapping/lookup', { body: { token: ticket.token } });
  assert.equal(lookup.reply?.data?.['creation_path'], 'secret/a');
  assert.equal((await world.approve(bob, ticket)).reply?.data?.['approved'], true);
  // Twice is once.
  assert.equal((await world.approve(bob, ticket)).reply?.data?.['approved'], true);
  const standing = await world.standing(ticket, { token: alice.token });
  assert.equal(standing['approved'], true);
  assert.deepEqual(
    (standing['authorizations'] as { entity_id: string }[]).map(({ entity_id }) => entity_id),
    [bob.entity],
  );
  // What is given is what is there then.
  await world.must('POST', 'secret/a', { body: { k: 'new' } });
  assert.deepEqual(unwrapped(await world.unwrap(ticket, { token: alice.token })).data, { k: 'new' });
  assert.equal((await world.unwrap(ticket)).status, 400);
  const late = await ask(world.node, 'POST', 'sys/control-group/request', {
    token: world.root,
    body: { accessor: ticket.accessor },
  });
  assert.equal(late.status, 400);
});

test('a write is not done before, and is what was sent', async () => {
  await using world = await controlWorld();
  await world.policy('asks', controlled('secret/+', ONE, '', '["create", "update", "delete"]'));
  const alice = await world.person('alice', ['asks']);
  const bob = await world.person('bob');
  await world.group('managers', [bob]);
  const ticket = await world.ticket(alice, 'POST', 'secret/a', { body: { k: 'v' } });
  assert.equal(ticket.ttl, USUAL_TTL);
  assert.equal((await ask(world.node, 'GET', 'secret/a', { token: world.root })).status, 404);
  assert.equal((await world.standing(ticket))['request_operation'], 'create');
  await world.approve(bob, ticket);
  assert.equal((await ask(world.node, 'GET', 'secret/a', { token: world.root })).status, 404);
  // By the wrapping token itself too.
  assert.equal((await world.unwrap(ticket, { token: ticket.token, body: {} })).status, 204);
  assert.deepEqual((await world.must('GET', 'secret/a'))['k'], 'v');
  assert.equal((await world.unwrap(ticket, { token: ticket.token, body: {} })).status, 400);
  const removal = await world.ticket(alice, 'DELETE', 'secret/a');
  await world.approve(bob, removal);
  assert.equal((await world.unwrap(removal)).status, 204);
  assert.equal((await ask(world.node, 'GET', 'secret/a', { token: world.root })).status, 404);
});

test('all factors of all policies are asked for, each by as many people as it says', async () => {
  await using world = await controlWorld();
  const factor = (name: string, groups: string, approvals: number): string =>
    `factor "${name}" { identity { group_names = ${groups} approvals = ${String(approvals)} } }`;
  await world.policy(
    'one',
    `path "secret/a" { capabilities = ["read"] control_group = { ttl = "3h" ${factor('leads', '["leads", "managers"]', 2)} } }`,
  );
  await world.policy(
    'two',
    `path "secret/a" { capabilities = ["list"] control_group = { ttl = "1h" ${factor('security', '["security"]', 1)} } }`,
  );
  const alice = await world.person('alice', ['one', 'two']);
  const bob = await world.person('bob');
  const carol = await world.person('carol');
  await world.group('leads', [bob]);
  await world.group('managers', [bob, carol]);
  await world.group('security', [carol]);
  await world.must('POST', 'secret/a', { body: { k: 'v' } });
  const ticket = await world.ticket(alice, 'GET', 'secret/a');
  assert.equal(ticket.ttl, 3_600);
  // In two of the groups of one factor, and one person all the same.
  assert.equal((await world.approve(bob, ticket)).reply?.data?.['approved'], false);
  assert.equal((await world.unwrap(ticket)).status, 400);
  // One approval serves every factor that it counts for.
  assert.equal((await world.approve(carol, ticket)).reply?.data?.['approved'], true);
  assert.deepEqual(unwrapped(await world.unwrap(ticket)).data, { k: 'v' });
});

test('groups by id, and groups that lie in groups', async () => {
  await using world = await controlWorld();
  const bob = await world.person('bob');
  const inner = await world.group('inner', [bob]);
  const { id } = await world.must('POST', 'identity/group', { body: { name: 'outer', member_group_ids: [inner] } });
  await world.policy('asks', controlled('secret/a', `group_ids = ["${String(id)}"] approvals = 1`));
  await world.policy('names', controlled('secret/b', 'group_names = ["OUTER"] approvals = 1'));
  const alice = await world.person('alice', ['asks', 'names']);
  for (const path of ['secret/a', 'secret/b']) {
    const ticket = await world.ticket(alice, 'GET', path);
    assert.equal((await world.approve(bob, ticket)).reply?.data?.['approved'], true, path);
    assert.equal((await world.unwrap(ticket)).status, 404, path);
  }
});

test('only what is controlled waits, and a root token waits for nobody', async () => {
  await using world = await controlWorld();
  await world.policy(
    'asks',
    `path "secret/*" { capabilities = ["create", "update", "read", "list"]
       control_group { factor "ops" { controlled_capabilities = ["read"] identity { ${ONE} } } } }`,
  );
  const alice = await world.person('alice', ['asks']);
  const { token } = alice;
  assert.equal((await ask(world.node, 'POST', 'secret/d/a', { token, body: { k: 'v' } })).status, 204);
  assert.equal((await ask(world.node, 'LIST', 'secret/d', { token })).reply?.data?.['keys']?.toString(), 'a');
  await world.ticket(alice, 'GET', 'secret/d/a');
  assert.equal((await ask(world.node, 'GET', 'secret/d/a', { token: world.root })).reply?.data?.['k'], 'v');
  // Help tells nothing of what is there.
  assert.equal((await ask(world.node, 'GET', 'secret/d/a', { token, help: true })).status, 200);
  const { reply } = await ask(world.node, 'POST', 'sys/capabilities-self', { token, body: { paths: ['secret/d/a'] } });
  assert.deepEqual(reply?.data?.['secret/d/a'], ['create', 'list', 'read', 'update']);
});

test('self_auth_allowed lets who asks approve too', async () => {
  await using world = await controlWorld();
  await world.policy('asks', controlled('secret/a', ONE, 'self_auth_allowed = true'));
  const alice = await world.person('alice', ['asks']);
  await world.group('managers', [alice]);
  const ticket = await world.ticket(alice, 'GET', 'secret/a');
  assert.equal((await world.approve(alice, ticket)).reply?.data?.['approved'], true);
  assert.equal((await world.unwrap(ticket)).status, 404);
});

test('a reply that was to be wrapped comes wrapped once it is approved', async () => {
  await using world = await controlWorld();
  await world.policy('asks', controlled('secret/a', ONE));
  const alice = await world.person('alice', ['asks']);
  const bob = await world.person('bob');
  await world.group('managers', [bob]);
  await world.must('POST', 'secret/a', { body: { k: 'v' } });
  const ticket = await world.ticket(alice, 'GET', 'secret/a', { wrapTtl: 60 });
  assert.equal(ticket.ttl, USUAL_TTL);
  await world.approve(bob, ticket);
  const { wrap_info } = unwrapped(await world.unwrap(ticket));
  assert.equal(wrap_info?.['ttl'], 60);
  const inner = await ask(world.node, 'POST', 'sys/wrapping/unwrap', { token: String(wrap_info['token']) });
  assert.deepEqual(unwrapped(inner).data, { k: 'v' });
});

test('the longest time is set, shown and taken away', async () => {
  await using world = await controlWorld();
  await world.policy('asks', controlled('secret/a', ONE, 'ttl = "9h"'));
  const alice = await world.person('alice', ['asks']);
  const config = 'sys/config/control-group';
  assert.equal((await ask(world.node, 'GET', config, { token: world.root })).status, 404);
  assert.equal((await ask(world.node, 'GET', config, { token: alice.token })).status, 403);
  await world.must('POST', config, { body: { max_ttl: '4h' } });
  assert.equal((await world.must('GET', config))['max_ttl'], '4h');
  assert.equal((await world.ticket(alice, 'GET', 'secret/a')).ttl, 14_400);
  for (const max_ttl of ['soon', -1, undefined]) {
    const body = max_ttl === undefined ? {} : { max_ttl };
    assert.equal((await ask(world.node, 'POST', config, { token: world.root, body })).status, 400);
  }
  await world.must('DELETE', config);
  assert.equal((await world.ticket(alice, 'GET', 'secret/a')).ttl, 32_400);
});

test('a request ends with its time, and what it said with it', async () => {
  let now = 1_000_000;
  await using world = await controlWorld({ now: () => now });
  await world.policy('asks', controlled('secret/a', ONE, 'ttl = "1h"', '["create"]'));
  const alice = await world.person('alice', ['asks']);
  const bob = await world.person('bob');
  await world.group('managers', [bob]);
  const ticket = await world.ticket(alice, 'POST', 'secret/a', { body: { k: 'v' } });
  const kept = (): number => {
    using snapshot = world.node.services.store.snapshot();
    return snapshot.list('l/root/data/cubbyhole/', { limit: 10 }).length;
  };
  assert.equal(kept(), 1);
  await world.approve(bob, ticket);
  now += 3_600_001;
  assert.equal((await world.unwrap(ticket)).status, 400);
  assert.equal((await world.approve(bob, ticket)).status, 400);
  await world.node.tick();
  assert.equal(kept(), 0);
  const second = await world.ticket(alice, 'POST', 'secret/a', { body: { k: 'v' } });
  assert.equal(kept(), 1);
  // Refused by who revokes it.
  await world.must('POST', 'auth/token/revoke-accessor', { body: { accessor: second.accessor } });
  assert.equal(kept(), 0);
  await world.ticket(alice, 'POST', 'secret/a', { body: { k: 'v' } });
  await world.must('POST', 'auth/token/revoke', { body: { token: alice.token } });
  assert.equal(kept(), 0);
});

test('a token is made by who asked, as its child, and what is leased to nobody else', async () => {
  await using world = await controlWorld();
  await world.policy('asks', controlled('auth/token/create', ONE, '', '["update"]'));
  const alice = await world.person('alice', ['asks']);
  const bob = await world.person('bob');
  await world.group('managers', [bob]);
  const ticket = await world.ticket(alice, 'POST', 'auth/token/create', { body: { policies: ['default'] } });
  await world.approve(bob, ticket);
  const { auth } = JSON.parse(String((await world.unwrap(ticket)).reply?.raw?.body)) as {
    auth: { client_token: string; entity_id: string };
  };
  assert.equal(auth.entity_id, alice.entity);
  await world.must('POST', 'auth/token/revoke', { body: { token: alice.token } });
  assert.equal((await ask(world.node, 'GET', 'auth/token/lookup-self', { token: auth.client_token })).status, 403);
});
