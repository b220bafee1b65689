/** What a login gave, and who has to show a second factor, when the auth mount moves: nobody keeps more than they had. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mfaWorld } from '../../test/support/mfa.ts';
import { ask, runningNode, type Asking } from '../../test/support/node.ts';
import { keys } from '../core/keys.ts';
import type { Node } from '../core/node.ts';
import type { JsonObject } from '../framework/field.ts';

async function must(node: Node, path: string, asking: Asking): Promise<JsonObject> {
  const { status, errors, auth, reply } = await ask(node, 'POST', path, asking);
  assert.ok(status < 300, `${path}: ${String(errors)}`);
  return auth ?? reply?.data ?? {};
}

const works = async (node: Node, token: string): Promise<boolean> =>
  (await ask(node, 'GET', 'auth/token/lookup-self', { token })).status === 200;

function ordersOf(node: Node): readonly string[] {
  using snapshot = node.services.store.snapshot();
  return snapshot.list(keys.mountMoves, { limit: 10 });
}

async function withUsers() {
  const { node, root: token } = await runningNode();
  await must(node, 'sys/namespaces/team', { token });
  await must(node, 'sys/auth/up', { token, body: { type: 'userpass' } });
  await must(node, 'sys/policies/acl/parent', {
    token,
    body: { policy: 'path "auth/token/create" { capabilities = ["update"] }' },
  });
  await must(node, 'auth/up/users/u', { token, body: { password: 'p', token_policies: ['parent'] } });
  const login = async (path = 'auth/up'): Promise<string> =>
    String((await must(node, `${path}/login/u`, { body: { password: 'p' } }))['client_token']);
  const child = async (of: string): Promise<string> =>
    String((await must(node, 'auth/token/create', { token: of }))['client_token']);
  const move = async (from: string, to: string): Promise<string> => {
    const { migration_id: id } = await must(node, 'sys/remount', { token, body: { from, to } });
    for (;;) {
      const { reply } = await ask(node, 'GET', `sys/remount/status/${String(id)}`, { token });
      const { status } = reply?.data?.['migration_info'] as JsonObject;
      if (status !== 'in-progress') return String(status);
    }
  };
  return { node, token, login, child, move };
}

test('tokens of an auth mount, and those made with them, end when it moves in its namespace', async () => {
  const { node, login, child, move } = await withUsers();
  const own = await login();
  const made = await child(own);
  assert.equal(await move('auth/up', 'auth/people'), 'success');
  assert.equal(await works(node, own), false);
  assert.equal(await works(node, made), false);
  assert.equal(await works(node, await login('auth/people')), true);
});

test('tokens end by their mount: not those that another one gave at the path that it left', async () => {
  const { node, token, login, child } = await withUsers();
  const own = await login();
  const made = await child(own);
  const { mounts, mountMoves, namespaces } = node.services;
  const [mounted, namespace] = [mounts.at('root', 'auth/up/'), namespaces.byPath('team/')];
  assert.ok(mounted && namespace);
  const order = await mountMoves.begin(mounted, { namespace, path: 'auth/up/' });
  const { revocation } = node.services;
  const revokeLogins = revocation.revokeLogins.bind(revocation);
  let others = '';
  revocation.revokeLogins = async (...asked) => {
    // Switched, and nothing has ended yet.
    assert.equal(await works(node, own), false);
    assert.equal(await works(node, made), false);
    await must(node, 'sys/auth/up', { token, body: { type: 'userpass' } });
    await must(node, 'auth/up/users/u', { token, body: { password: 'p' } });
    others = await login();
    await revokeLogins(...asked);
  };
  await mountMoves.finish(order);
  assert.equal(await works(node, others), true);
});

test('a login that is under way while its mount moves or goes gives nothing', async () => {
  for (const end of ['move', 'disable'] as const) {
    const { node, token, child, move } = await withUsers();
    const { logins } = node.services.identities;
    const entityOf = logins.entityOf.bind(logins);
    logins.entityOf = async (...asked) => {
      const entity = await entityOf(...asked);
      logins.entityOf = entityOf;
      if (end === 'move') assert.equal(await move('auth/up', 'team/auth/up'), 'success');
      else assert.equal((await ask(node, 'DELETE', 'sys/auth/up', { token })).status, 204);
      return entity;
    };
    const { auth } = await ask(node, 'POST', 'auth/up/login/u', { body: { password: 'p' } });
    const late = String(auth?.['client_token']);
    assert.equal(await works(node, late), false, end);
    await assert.rejects(child(late));
  }
});

test('a move that is cut short after the switch has happened, and its tokens end', async () => {
  const { node, login, child, move } = await withUsers();
  const own = await login();
  const made = await child(own);
  const { revocation } = node.services;
  const revokeLogins = revocation.revokeLogins.bind(revocation);
  revocation.revokeLogins = () => Promise.reject(new Error('disk full'));
  assert.equal(await move('auth/up', 'team/auth/up'), 'success');
  assert.equal(await works(node, own), false);
  assert.equal(await works(node, made), false);
  assert.ok(ordersOf(node).length > 0);
  revocation.revokeLogins = revokeLogins;
  await node.services.mountMoves.resume();
  assert.deepEqual(ordersOf(node), []);
});

test('a mount that an enforcement names does not leave the namespaces that it holds in', async () => {
  await using world = await mfaWorld();
  const { node, write, status } = world;
  for (const path of ['a', 'b']) await write(`sys/namespaces/${path}`, {});
  await write('sys/auth/up', { type: 'userpass' }, 'a');
  await write('auth/up/users/ann', { password: 'right-pass' }, 'a');
  const gone = await status('DELETE', 'identity/mfa/login-enforcement/all');
  assert.equal(gone, 204);
  const accessor = node.services.mounts.at(node.services.namespaces.byPath('a/')?.id ?? '', 'auth/up/')?.record
    .accessor;
  const { method_id: own } = await write('identity/mfa/method/totp', { issuer: 'a' }, 'a');
  const enforced = { mfa_method_ids: [own], auth_method_accessors: [accessor] };
  await write('identity/mfa/login-enforcement/up', enforced, 'a');
  const body = { from: 'a/auth/up', to: 'b/auth/up' };
  const { status: refused, errors } = await ask(node, 'POST', 'sys/remount', { token: world.root, body });
  assert.equal(refused, 400, 'the move was begun');
  assert.match(String(errors), /login enforcement "up" of namespace "a\/"/);
  assert.equal(await status('DELETE', 'identity/mfa/login-enforcement/up', undefined, 'a'), 204);
  await write('sys/remount', body);
});

test('a mount that comes back knows its people again: who was disabled is', async () => {
  const { node, token, move } = await withUsers();
  const login = async () => ask(node, 'POST', 'auth/up/login/u', { body: { password: 'p' } });
  const entity = String((await login()).auth?.['entity_id']);
  await must(node, `identity/entity/id/${entity}`, { token, body: { disabled: true } });
  assert.equal((await login()).status, 403);
  assert.equal(await move('auth/up', 'team/auth/up'), 'success');
  assert.equal(await move('team/auth/up', 'auth/up'), 'success');
  const { status, auth } = await login();
  assert.equal(status, 403, JSON.stringify(auth?.['entity_id']));
  await must(node, `identity/entity/id/${entity}`, { token, body: { disabled: false } });
  assert.equal((await login()).auth?.['entity_id'], entity);
  const { reply } = await ask(node, 'LIST', 'identity/entity/id', { token });
  assert.deepEqual(reply?.data?.['keys'], [entity]);
  // Its alias is shown at its mount, and is the one that it has there.
  const shown = await ask(node, 'GET', `identity/entity/id/${entity}`, { token });
  const [alias] = shown.reply?.data?.['aliases'] as readonly JsonObject[];
  assert.equal(alias?.['mount_path'], 'auth/up/');
  const accessor = node.services.mounts.at('root', 'auth/up/')?.record.accessor ?? '';
  const again = await ask(node, 'POST', 'identity/entity-alias', {
    token,
    body: { name: 'other', canonical_id: entity, mount_accessor: accessor },
  });
  assert.equal(again.status, 400);
});
