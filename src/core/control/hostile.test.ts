/** What would get around an approval, over whole nodes: each of these has been a hole somewhere, or could be one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { controlled, controlWorld, unwrapped, type ControlWorld } from '../../../test/support/control-world.ts';
import { ask } from '../../../test/support/node.ts';
import type { Outcome } from '../../framework/request.ts';

const ONE = 'group_names = ["managers"] approvals = 1';
const TWO = 'group_names = ["managers"] approvals = 2';

const refused = (outcome: Outcome, status: number, message: RegExp): void => {
  assert.match((outcome.errors ?? []).join(), message);
  assert.equal(outcome.status, status);
};

/** Alice asks for `secret/a`; Bob and Carol are managers. */
async function office(
  factor = ONE,
): Promise<
  ControlWorld & Record<'alice' | 'bob' | 'carol', Awaited<ReturnType<ControlWorld['person']>>> & { managers: string }
> {
  const world = await controlWorld();
  await world.policy('asks', controlled('secret/a', factor));
  const alice = await world.person('alice', ['asks']);
  const bob = await world.person('bob');
  const carol = await world.person('carol');
  const managers = await world.group('managers', [bob, carol]);
  await world.must('POST', 'secret/a', { body: { k: 'v' } });
  return { ...world, alice, bob, carol, managers };
}

test('who asks does not approve: not by another token, nor by an entity that becomes the same', async () => {
  await using world = await office(TWO);
  const { alice, bob, carol, node, must, managers } = world;
  await must('POST', `identity/group/id/${managers}`, {
    body: { member_entity_ids: [alice.entity, bob.entity, carol.entity] },
  });
  const ticket = await world.ticket(alice, 'GET', 'secret/a');
  refused(await world.approve(alice, ticket), 403, /who asks does not approve/);
  await world.policy('makes', 'path "auth/token/create" { capabilities = ["update"] }');
  const dave = await world.person('dave', ['asks', 'makes']);
  const body = { policies: ['approver'] };
  const { auth } = await ask(node, 'POST', 'auth/token/create', { token: dave.token, body: { ttl: '1h' } });
  const ofDave = await world.ticket(dave, 'GET', 'secret/a');
  await must('POST', `identity/group/id/${managers}`, {
    body: { member_entity_ids: [alice.entity, bob.entity, dave.entity] },
  });
  refused(
    await world.approve({ ...dave, token: String(auth?.['client_token']) }, ofDave),
    403,
    /who asks does not approve/,
  );
  // A token of nobody, whatever its policies are.
  const nobody = await must('POST', 'auth/token/create', { body });
  refused(await world.approve({ ...bob, token: String(nobody['client_token']) }, ticket), 403, /without an entity/);
  // Bob and Alice turn out to be one: what Bob approved was Alice's own.
  await world.approve(bob, ticket);
  await must('POST', `identity/group/id/${managers}`, {
    body: { member_entity_ids: [alice.entity, bob.entity, carol.entity] },
  });
  assert.equal((await world.approve(carol, ticket)).reply?.data?.['approved'], true);
  await must('POST', 'auth/approle/role/other', { body: {} });
  await must('DELETE', `identity/entity-alias/id/${await aliasOf(world, bob.entity)}`);
  await must('POST', 'identity/entity/merge', { body: { from_entity_ids: [bob.entity], to_entity_id: alice.entity } });
  assert.equal((await world.standing(ticket))['approved'], false);
  refused(await world.unwrap(ticket), 400, /needs further approval/);
  refused(await world.approve(bob, ticket), 403, /who asks does not approve/);
});

async function aliasOf({ must }: ControlWorld, entity: string): Promise<string> {
  const { aliases } = (await must('GET', `identity/entity/id/${entity}`)) as { aliases: { id: string }[] };
  return aliases[0]?.id ?? '';
}

test('two people who become one have approved once', async () => {
  await using world = await office(TWO);
  const { alice, bob, carol, must } = world;
  const ticket = await world.ticket(alice, 'GET', 'secret/a');
  await world.approve(bob, ticket);
  assert.equal((await world.approve(carol, ticket)).reply?.data?.['approved'], true);
  await must('DELETE', `identity/entity-alias/id/${await aliasOf(world, carol.entity)}`);
  await must('POST', 'identity/entity/merge', { body: { from_entity_ids: [carol.entity], to_entity_id: bob.entity } });
  const standing = await world.standing(ticket);
  assert.deepEqual([standing['approved'], (standing['authorizations'] as unknown[]).length], [false, 1]);
  refused(await world.unwrap(ticket), 400, /needs further approval/);
});

test('who is in two groups of a factor, or approves twice, has approved once', async () => {
  await using world = await office('group_names = ["managers", "leads"] approvals = 2');
  const { alice, bob } = world;
  await world.group('leads', [bob]);
  const ticket = await world.ticket(alice, 'GET', 'secret/a');
  for (let i = 0; i < 3; i += 1) {
    assert.equal((await world.approve(bob, ticket)).reply?.data?.['approved'], false);
  }
  assert.equal(((await world.standing(ticket))['authorizations'] as unknown[]).length, 1);
  refused(await world.unwrap(ticket), 400, /needs further approval/);
});

test('an approval ends with the right to give it, whatever ends that, until the request is done', async () => {
  const ends: Readonly<Record<string, (world: Awaited<ReturnType<typeof office>>) => Promise<unknown>>> = {
    'the group is left': ({ must, managers, carol }) =>
      must('POST', `identity/group/id/${managers}`, { body: { member_entity_ids: [carol.entity] } }),
    'the group is gone': ({ must, managers }) => must('DELETE', `identity/group/id/${managers}`),
    'the group has another name': ({ must, managers }) =>
      must('POST', `identity/group/id/${managers}`, { body: { name: 'former' } }),
    'the entity is disabled': ({ must, bob }) =>
      must('POST', `identity/entity/id/${bob.entity}`, { body: { disabled: true } }),
    'the entity is gone': ({ must, bob }) => must('DELETE', `identity/entity/id/${bob.entity}`),
    'the token is revoked': ({ must, bob }) => must('POST', 'auth/token/revoke', { body: { token: bob.token } }),
    'the auth mount is gone': ({ must }) => must('DELETE', 'sys/auth/approle'),
  };
  for (const [what, end] of Object.entries(ends)) {
    await using world = await office();
    const ticket = await world.ticket(world.alice, 'GET', 'secret/a');
    assert.equal((await world.approve(world.bob, ticket)).reply?.data?.['approved'], true);
    await end(world);
    const outcome = await world.unwrap(ticket);
    assert.equal(outcome.status, 400, what);
    assert.equal(outcome.reply?.raw, undefined, what);
  }
});

test('a token with one use left, or of which nothing is kept, asks for nothing and approves nothing', async () => {
  await using world = await office();
  const { alice, bob, node, must } = world;
  const ticket = await world.ticket(alice, 'GET', 'secret/a');
  const limited = async (role: string, more: object): Promise<string> => {
    await must('POST', `auth/approle/role/${role}`, { body: { token_policies: ['asks', 'approver'], ...more } });
    const { role_id } = await must('GET', `auth/approle/role/${role}/role-id`);
    const { secret_id } = await must('POST', `auth/approle/role/${role}/secret-id`, { body: {} });
    const { auth } = await ask(node, 'POST', 'auth/approle/login', { body: { role_id, secret_id } });
    return String(auth?.['client_token']);
  };
  const once = (): Promise<string> => limited('bob', { token_num_uses: 1 });
  refused(await world.approve({ ...bob, token: await once() }, ticket), 400, /one use left/);
  refused(await ask(node, 'GET', 'secret/a', { token: await once() }), 400, /one use left/);
  const batch = await limited('bob', { token_num_uses: 0, token_type: 'batch' });
  refused(await world.approve({ ...bob, token: batch }, ticket), 400, /batch token/);
  refused(await ask(node, 'GET', 'secret/a', { token: batch }), 400, /batch token/);
  const nobody = await must('POST', 'auth/token/create', { body: { policies: ['asks'] } });
  refused(await ask(node, 'GET', 'secret/a', { token: String(nobody['client_token']) }), 400, /without an entity/);
  assert.equal((await world.standing(ticket))['approved'], false);
});

test('a group of the same name in another namespace is another group', async () => {
  // OpenBao issue 3815.
  await using world = await office();
  const { alice, bob, carol, node, must, managers } = world;
  await must('POST', 'sys/namespaces/eu', { body: {} });
  const eve = await world.person('eve', [], 'eu');
  await world.group('managers', [eve], 'eu');
  await ask(node, 'POST', 'identity/group', {
    token: world.root,
    namespace: 'eu',
    body: { name: 'sneaky', member_entity_ids: [bob.entity] },
  });
  const ticket = await world.ticket(alice, 'GET', 'secret/a');
  assert.notEqual((await world.approve(eve, ticket)).status, 200);
  assert.notEqual((await world.approve(eve, ticket, { namespace: 'eu' })).status, 200);
  await must('POST', `identity/group/id/${managers}`, { body: { member_entity_ids: [] } });
  for (const person of [bob, carol]) refused(await world.approve(person, ticket), 403, /in none of the groups/);
  // A policy of the root namespace over what lies in `eu` means groups of the root namespace.
  await must('POST', 'sys/mounts/kv', { namespace: 'eu', body: { type: 'kv' } });
  await world.policy('below', controlled('eu/kv/a', ONE));
  await world.policy('helps', 'path "eu/sys/control-group/*" { capabilities = ["update"] }');
  const dan = await world.person('dan', ['below']);
  const fay = await world.person('fay', ['helps']);
  await must('POST', `identity/group/id/${managers}`, { body: { member_entity_ids: [fay.entity] } });
  const below = await ask(node, 'GET', 'kv/a', { token: dan.token, namespace: 'eu' });
  const inEu = { token: String(below.wrapInfo?.['token']), accessor: String(below.wrapInfo?.['accessor']), ttl: 0 };
  refused(await world.approve(eve, inEu, { namespace: 'eu' }), 403, /in none of the groups/);
  // Its accessor means nothing outside of its namespace.
  refused(await world.approve(fay, inEu), 400, /invalid accessor/);
  assert.equal((await world.approve(fay, inEu, { namespace: 'eu' })).reply?.data?.['approved'], true);
  refused(await world.unwrap(inEu), 400, /not valid/);
  assert.equal((await world.unwrap(inEu, { namespace: 'eu' })).status, 404);
});

test('who has lost the right meanwhile gets nothing, and a lock holds; the request is not used up', async () => {
  await using world = await office();
  const { alice, bob, node, must } = world;
  const ticket = await world.ticket(alice, 'GET', 'secret/a');
  await world.approve(bob, ticket);
  await world.policy('asks', 'path "secret/b" { capabilities = ["read"] }');
  refused(await world.unwrap(ticket), 403, /permission denied/);
  // A stricter policy of today counts beside that of then.
  await world.policy('asks', controlled('secret/a', TWO));
  refused(await world.unwrap(ticket), 400, /needs further approval/);
  // And one that asks for nobody any more does not free what was asked under another.
  await must('POST', `identity/entity/id/${bob.entity}`, { body: { disabled: true } });
  await world.policy('asks', 'path "secret/a" { capabilities = ["read"] }');
  refused(await world.unwrap(ticket), 400, /needs further approval/);
  await must('POST', `identity/entity/id/${bob.entity}`, { body: { disabled: false } });
  await must('POST', `identity/entity/id/${alice.entity}`, { body: { disabled: true } });
  refused(await world.unwrap(ticket), 403, /permission denied/);
  await must('POST', `identity/entity/id/${alice.entity}`, { body: { disabled: false } });
  assert.deepEqual(unwrapped(await world.unwrap(ticket)).data, { k: 'v' });
  const second = await world.ticket(alice, 'GET', 'secret/a').catch(() => undefined);
  assert.equal(second, undefined, 'today nobody has to approve');
  await must('POST', 'sys/namespaces/eu', { body: {} });
  await must('POST', 'sys/mounts/secret', { namespace: 'eu', body: { type: 'kv' } });
  await world.policy('asks', controlled('secret/a', ONE), 'eu');
  const eve = await world.person('eve', ['asks'], 'eu');
  const gus = await world.person('gus', [], 'eu');
  await world.group('managers', [gus], 'eu');
  const inEu = await world.ticket(eve, 'GET', 'secret/a', { namespace: 'eu' });
  assert.equal((await world.approve(gus, inEu, { namespace: 'eu' })).status, 200);
  const { unlock_key } = await must('POST', 'sys/namespaces/api-lock/lock/eu', { body: {} });
  refused(await world.unwrap(inEu, { token: inEu.token, body: {} }), 503, /locked/);
  await must('POST', 'sys/namespaces/api-lock/unlock/eu', { body: { unlock_key } });
  assert.equal((await world.unwrap(inEu, { namespace: 'eu' })).status, 404);
  const late = await world.ticket(eve, 'GET', 'secret/a', { namespace: 'eu' });
  await must('DELETE', 'sys/namespaces/eu');
  await node.tick();
  using snapshot = node.services.store.snapshot();
  assert.equal(snapshot.list('l/', { limit: 10_000 }).filter((key) => key.includes('control-group')).length, 0);
  refused(await world.unwrap(late), 400, /not valid/);
});

test('what was sent is what is done: nobody can alter it, nor use the accessor for anything else', async () => {
  await using world = await office();
  const { alice, bob, node } = world;
  await world.policy('asks', controlled('secret/a', ONE, '', '["read", "create", "update"]'));
  const body = { k: 'sent' };
  const ticket = await world.ticket(alice, 'POST', 'secret/a', { body });
  body.k = 'altered in place';
  for (const [method, path] of [
    ['GET', 'cubbyhole/control-group'],
    ['POST', 'cubbyhole/control-group'],
    ['GET', 'cubbyhole/response'],
    ['GET', 'secret/a'],
    ['POST', 'sys/control-group/authorize'],
    ['GET', 'auth/token/lookup-self'],
  ] as const) {
    const outcome = await ask(node, method, path, { token: ticket.token, body: { accessor: ticket.accessor } });
    assert.ok([403, 400].includes(outcome.status), path);
  }
  refused(
    await ask(node, 'POST', 'sys/wrapping/rewrap', { token: alice.token, body: { token: ticket.token } }),
    403,
    /./,
  );
  refused(
    await ask(node, 'POST', 'sys/wrapping/rewrap', { token: world.root, body: { token: ticket.token } }),
    400,
    /./,
  );
  refused(await world.approve(bob, { ...ticket, accessor: bob.accessor }), 400, /invalid accessor/);
  refused(await world.approve(bob, { ...ticket, accessor: '' }), 400, /missing accessor/);
  await world.approve(bob, ticket);
  refused(
    await world.unwrap(ticket, { body: { token: ticket.token, k: 'x' }, token: ticket.accessor }),
    400,
    /not valid/,
  );
  assert.equal((await world.unwrap(ticket)).status, 204);
  assert.deepEqual(await world.must('GET', 'secret/a'), { k: 'sent' });
  // It waits no more: nobody approves it, and it is not done again.
  refused(await world.approve(bob, ticket), 400, /invalid accessor/);
  refused(await world.unwrap(ticket), 400, /not valid/);
});

test('nobody makes a token that stands for a request', async () => {
  await using world = await office();
  const body = { policies: ['control-group'] };
  const { node, root: token } = world;
  refused(await ask(node, 'POST', 'auth/token/create', { token, body }), 400, /cannot assign policy "control-group"/);
  refused(await ask(node, 'POST', 'identity/entity', { token, body }), 400, /cannot contain control-group/);
  const policy = { policy: 'path "*" { capabilities = ["read"] }' };
  refused(await ask(node, 'PUT', 'sys/policies/acl/control-group', { token, body: policy }), 400, /cannot update/);
});

test('of 50 who unwrap at the same moment one gets it, and it is done once', async () => {
  await using world = await controlWorld();
  await world.must('POST', 'sys/mounts/kv', { body: { type: 'kv-v2' } });
  await world.policy('asks', controlled('kv/data/a', ONE, '', '["create", "update"]'));
  const alice = await world.person('alice', ['asks']);
  const bob = await world.person('bob');
  await world.group('managers', [bob]);
  const ticket = await world.ticket(alice, 'POST', 'kv/data/a', { body: { data: { k: 'v' } } });
  await world.approve(bob, ticket);
  const tries = await Promise.all(
    Array.from({ length: 50 }, (_, at) => world.unwrap(ticket, at % 2 === 0 ? {} : { token: ticket.token, body: {} })),
  );
  assert.deepEqual(tries.map(({ status }) => status).filter((status) => status === 200).length, 1);
  assert.ok(tries.every(({ status }) => [200, 400, 403].includes(status)));
  const { versions } = (await world.must('GET', 'kv/metadata/a')) as { versions: object };
  assert.deepEqual(Object.keys(versions), ['1']);
});

test('what fails when it is done is used up, and says why', async () => {
  await using world = await controlWorld();
  await world.must('POST', 'sys/mounts/kv', { body: { type: 'kv-v2' } });
  await world.policy('asks', controlled('kv/data/a', ONE, '', '["create", "update"]'));
  const alice = await world.person('alice', ['asks']);
  const bob = await world.person('bob');
  await world.group('managers', [bob]);
  const asking = { body: { data: { k: 'v' }, options: { cas: 0 } } };
  const ticket = await world.ticket(alice, 'POST', 'kv/data/a', asking);
  await world.approve(bob, ticket);
  await world.must('POST', 'kv/data/a', { body: { data: { k: 'first' } } });
  refused(await world.unwrap(ticket), 400, /check-and-set/);
  refused(await world.unwrap(ticket), 400, /not valid/);
});

test('what cannot wait is refused, never done', async () => {
  await using world = await controlWorld();
  const paths = [
    'sys/wrapping/wrap',
    'sys/wrapping/unwrap',
    'sys/capabilities-self',
    'auth/token/lookup-self',
    'sys/monitor',
  ];
  const rules = [...paths, 'sys/metrics', 'secret/big', 'sys/control-group/request', 'sys/events/subscribe/*'];
  const capabilities = '["create", "read", "update", "subscribe"]';
  await world.policy('asks', rules.map((path) => controlled(path, ONE, '', capabilities)).join('\n'));
  const alice = await world.person('alice', ['asks']);
  const { token } = alice;
  const at = (method: string, path: string, body?: object) =>
    ask(world.node, method, path, { token, ...(body === undefined ? {} : { body: { ...body } }) });
  refused(await at('POST', 'sys/wrapping/wrap', { a: 'b' }), 400, /nothing can wait there/);
  refused(await at('POST', 'sys/wrapping/unwrap', { token: 'x' }), 400, /nothing can wait there/);
  refused(await at('POST', 'sys/control-group/request', { accessor: 'x' }), 400, /nothing can wait there/);
  refused(await at('POST', 'sys/capabilities-self', { paths: ['a'] }), 400, /nothing can wait there/);
  refused(await at('GET', 'auth/token/lookup-self'), 400, /nothing can wait there/);
  refused(await at('GET', 'sys/monitor'), 400, /no JSON envelope/);
  refused(await at('GET', 'sys/metrics'), 400, /no JSON envelope/);
  refused(await at('POST', 'secret/big', { k: 'x'.repeat(1024 * 1024) }), 413, /waits for approval/);
  using snapshot = world.node.services.store.snapshot();
  assert.equal(snapshot.list('l/root/data/cubbyhole/', { limit: 10 }).length, 0);
});

test('who asked as nobody does not become an approver when the policy no longer lets who asks approve', async () => {
  await using world = await office(ONE);
  const { bob, must } = world;
  await world.policy('asks', controlled('secret/a', ONE, 'self_auth_allowed = true'));
  const { client_token: token } = await must('POST', 'auth/token/create', { body: { policies: ['asks'] } });
  const ticket = await world.ticket({ ...bob, token: String(token) }, 'GET', 'secret/a');
  await world.policy('asks', controlled('secret/a', ONE));
  // It cannot be told whether Bob has asked.
  await world.approve(bob, ticket);
  assert.equal((await world.standing(ticket))['approved'], false);
  refused(await world.unwrap(ticket), 400, /further approval/);
});
