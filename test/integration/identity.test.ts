/** Who logs in, what they may by their entity and groups, and when that ends: through the whole way of a request. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node } from '../../src/core/node.ts';
import type { JsonObject } from '../../src/framework/field.ts';
import { ask, runningNode, type Asking } from '../support/node.ts';

async function must(node: Node, method: string, path: string, asking: Asking): Promise<JsonObject> {
  const outcome = await ask(node, method, path, asking);
  assert.ok(outcome.status < 300, `${method} ${path}: ${String(outcome.status)} ${(outcome.errors ?? []).join()}`);
  return outcome.auth ?? outcome.reply?.auth ?? outcome.reply?.data ?? {};
}

interface World extends AsyncDisposable {
  readonly node: Node;
  readonly root: string;
  readonly write: (path: string, body: JsonObject, namespace?: string) => Promise<JsonObject>;
  readonly read: (path: string) => Promise<JsonObject>;
  /** A login by AppRole, of a role that is made if there is none. */
  readonly login: (
    role: string,
  ) => Promise<{ readonly token: string; readonly entity: string; readonly auth: JsonObject }>;
  readonly status: (method: string, path: string, token: string, body?: JsonObject) => Promise<number>;
}

async function world(): Promise<World> {
  const { node, root } = await runningNode();
  const write = (path: string, body: JsonObject, namespace = ''): Promise<JsonObject> =>
    must(node, 'POST', path, { token: root, body, namespace });
  const read = (path: string): Promise<JsonObject> => must(node, 'GET', path, { token: root });
  await write('sys/auth/approle', { type: 'approle' });
  await write('sys/mounts/secret', { type: 'kv' });
  return {
    ...{ node, root, write, read },
    login: async (role) => {
      await write(`auth/approle/role/${role}`, { token_policies: 'default' });
      const { role_id } = await read(`auth/approle/role/${role}/role-id`);
      const { secret_id } = await write(`auth/approle/role/${role}/secret-id`, {});
      const auth = await must(node, 'POST', 'auth/approle/login', { body: { role_id, secret_id } });
      return { token: String(auth['client_token']), entity: String(auth['entity_id']), auth };
    },
    status: async (method, path, token, body) =>
      (await ask(node, method, path, { token, ...(body === undefined ? {} : { body }) })).status,
    [Symbol.asyncDispose]: () => node[Symbol.asyncDispose](),
  };
}

function accessorOf(node: Node, path: string): string {
  const mounted = node.services.mounts.at('root', path);
  assert.ok(mounted, path);
  return mounted.record.accessor;
}

test('a login makes its entity once, and an entity’s policy gives its tokens a right at once, and takes it', async () => {
  await using all = await world();
  const { node, write, read, status } = all;
  const { token, entity } = await all.login('web');
  assert.match(entity, /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-/);
  assert.equal((await all.login('web')).entity, entity);
  const shown = await read(`identity/entity/id/${entity}`);
  const [alias] = shown['aliases'] as readonly JsonObject[];
  assert.deepEqual([alias?.['metadata'], alias?.['mount_path']], [{ role_name: 'web' }, 'auth/approle/']);
  await write('secret/a', { k: 'v' });
  await write('sys/policies/acl/reader', { policy: 'path "secret/*" { capabilities = ["read"] }' });
  assert.equal(await status('GET', 'secret/a', token), 403);
  await write(`identity/entity/id/${entity}`, { policies: ['Reader'] });
  assert.equal(await status('GET', 'secret/a', token), 200);
  const self = await must(node, 'GET', 'auth/token/lookup-self', { token });
  assert.deepEqual(
    [self['entity_id'], self['policies'], self['identity_policies'], self['external_namespace_policies']],
    [entity, ['default'], ['reader'], {}],
  );
  const { auth } = await all.login('web');
  assert.deepEqual(
    [auth['policies'], auth['token_policies'], auth['identity_policies']],
    [['default', 'reader'], ['default'], ['reader']],
  );
  await write(`identity/entity/id/${entity}`, { policies: [] });
  assert.equal(await status('GET', 'secret/a', token), 403);
});

test('logins at once, of many and of one and the same, make no entity twice', async () => {
  await using all = await world();
  const { node, root } = all;
  const mount = node.services.mounts.at('root', 'auth/approle/')?.record;
  assert.ok(mount);
  const { logins } = node.services.identities;
  const names = Array.from({ length: 10_000 }, (_, at) => `client-${String(at % 1_000)}`);
  const entities = await Promise.all(names.map((name) => logins.entityOf('root', mount, { name })));
  assert.equal(new Set(entities).size, 1_000);
  for (const [at, name] of names.entries()) assert.equal(entities[at], entities[Number(name.slice(7))]);
  const { position } = node.services.store;
  await Promise.all(names.map((name) => logins.entityOf('root', mount, { name: name.toUpperCase() })));
  assert.deepEqual(node.services.store.position, position, 'a login of who is known writes nothing');
  const counted = await must(node, 'GET', 'sys/internal/counters/entities', { token: root });
  assert.deepEqual(counted['counters'], { entities: { total: 1_000 } });
  const listed = await must(node, 'LIST', 'identity/entity-alias/id', { token: root });
  // By its old name too.
  assert.deepEqual(await must(node, 'LIST', 'identity/alias/id', { token: root }), listed);
  assert.equal((listed['keys'] as readonly string[]).length, 1_000);
  // And by its oldest, which writes nothing.
  assert.deepEqual(await must(node, 'LIST', 'identity/persona/id', { token: root }), listed);
  const [id = '', other = ''] = listed['keys'] as readonly string[];
  const shown = await must(node, 'GET', `identity/persona/id/${id}`, { token: root });
  assert.deepEqual(shown, await must(node, 'GET', `identity/entity-alias/id/${id}`, { token: root }));
  assert.equal((await ask(node, 'POST', 'identity/persona', { token: root, body: { name: 'x' } })).status, 404);
  assert.equal(
    (await ask(node, 'POST', `identity/persona/id/${id}`, { token: root, body: { name: 'x' } })).status,
    405,
  );
  assert.equal((await ask(node, 'DELETE', `identity/persona/id/${id}`, { token: root })).status, 204);
  assert.equal((await ask(node, 'GET', `identity/entity-alias/id/${id}`, { token: root })).status, 404);
  assert.equal((await ask(node, 'GET', `identity/persona/id/${other}`, { token: root })).status, 200);
});

test('a disabled entity neither logs in nor does anything by the tokens that it has, theirs included that came of them', async () => {
  await using all = await world();
  const { node, write, status } = all;
  const { token, entity } = await all.login('web');
  await write('sys/policies/acl/maker', { policy: 'path "auth/token/create" { capabilities = ["update"] }' });
  await write(`identity/entity/id/${entity}`, { policies: 'maker' });
  const made = await must(node, 'POST', 'auth/token/create', { token, body: {} });
  const child = String(made['client_token']);
  assert.equal(made['entity_id'], entity);
  assert.deepEqual(made['identity_policies'], ['maker']);
  const refusedPolicy = await ask(node, 'POST', 'auth/token/create', { token, body: { policies: ['maker'] } });
  assert.equal(
    refusedPolicy.status,
    400,
    'a policy of the entity is none of the token: its children do not get it as theirs',
  );
  await write(`identity/entity/id/${entity}`, { disabled: true });
  for (const each of [token, child]) assert.equal(await status('GET', 'auth/token/lookup-self', each), 403);
  await assert.rejects(all.login('web'), /403/);
  await write(`identity/entity/id/${entity}`, { disabled: false });
  for (const each of [token, child]) assert.equal(await status('GET', 'auth/token/lookup-self', each), 200);
  assert.equal((await all.login('web')).entity, entity);
});

test('tokens of an entity that was deleted end, and a new login is another entity', async () => {
  await using all = await world();
  const { node, root, status } = all;
  const { token, entity } = await all.login('web');
  await must(node, 'DELETE', `identity/entity/id/${entity}`, { token: root });
  assert.equal(await status('GET', 'auth/token/lookup-self', token), 403);
  const again = await all.login('web');
  assert.notEqual(again.entity, entity);
  assert.equal(await status('GET', 'auth/token/lookup-self', token), 403);
  assert.equal(await status('GET', 'auth/token/lookup-self', again.token), 200);
});

test('an alias that was taken from an entity gives no way back to it', async () => {
  await using all = await world();
  const { node, root, read } = all;
  const { entity } = await all.login('web');
  const [alias] = (await read(`identity/entity/id/${entity}`))['aliases'] as readonly JsonObject[];
  await must(node, 'DELETE', `identity/entity-alias/id/${String(alias?.['id'])}`, { token: root });
  const again = await all.login('web');
  assert.notEqual(again.entity, entity);
  assert.equal((await all.login('web')).entity, again.entity);
});

test('groups give their policies to who is in them, also in a group within them, until they are not', async () => {
  await using all = await world();
  const { node, root, write, status, read } = all;
  const { token, entity } = await all.login('web');
  await write('secret/a', { k: 'v' });
  await write('sys/policies/acl/reader', { policy: 'path "secret/*" { capabilities = ["read"] }' });
  const inner = await write('identity/group', { name: 'inner', member_entity_ids: [entity] });
  const outer = await write('identity/group', { name: 'outer', policies: 'reader', member_group_ids: [inner['id']] });
  assert.equal(await status('GET', 'secret/a', token), 200);
  const shown = await read(`identity/entity/id/${entity}`);
  assert.deepEqual(
    [shown['direct_group_ids'], shown['inherited_group_ids'], shown['group_ids']],
    [[inner['id']], [outer['id']], [inner['id'], outer['id']]],
  );
  const again = { member_group_ids: [outer['id']] };
  const asking = { token: root, body: again };
  const cyclic = await ask(node, 'POST', `identity/group/id/${String(inner['id'])}`, asking);
  assert.equal(cyclic.status, 400);
  assert.match(String(cyclic.errors), /cyclic relationship/);
  await write(`identity/group/id/${String(outer['id'])}`, { member_group_ids: [] });
  assert.equal(await status('GET', 'secret/a', token), 403);
  await write(`identity/group/id/${String(outer['id'])}`, { member_group_ids: [inner['id']] });
  assert.equal(await status('GET', 'secret/a', token), 200);
  await must(node, 'DELETE', 'identity/group/name/INNER', { token: root });
  assert.equal(await status('GET', 'secret/a', token), 403);
  assert.equal((await read('identity/group/name/outer'))['member_group_ids'], null);
});

test('templates are filled from the entity and its groups as they are now', async () => {
  await using all = await world();
  const { write, status, read } = all;
  const { token, entity } = await all.login('web');
  const paths = ['{{identity.entity.metadata.team}}', '{{identity.groups.names.dev.metadata.floor}}'];
  const policy = paths.map((path) => `path "secret/${path}/*" { capabilities = ["read"] }`).join('\n');
  await write('sys/policies/acl/own', { policy });
  await write('identity/entity/id/' + entity, { policies: 'own' });
  for (const path of ['red/a', 'blue/a', '3/a']) await write(`secret/${path}`, { k: 'v' });
  const seen = async (): Promise<readonly number[]> =>
    Promise.all(['red/a', 'blue/a', '3/a'].map((path) => status('GET', `secret/${path}`, token)));
  assert.deepEqual(await seen(), [403, 403, 403]);
  await write('identity/entity/id/' + entity, { metadata: { team: 'red' } });
  assert.deepEqual(await seen(), [200, 403, 403]);
  await write('identity/entity/id/' + entity, { metadata: { team: '*' } });
  assert.deepEqual(await seen(), [403, 403, 403]);
  await write('identity/group', { name: 'dev', metadata: { floor: '3' }, member_entity_ids: [entity] });
  await write('identity/entity/id/' + entity, { metadata: { team: 'blue' } });
  assert.deepEqual(await seen(), [403, 200, 200]);
  // The policy that everybody has.
  assert.equal(await status('GET', `identity/entity/id/${entity}`, token), 200);
  const { name } = await read(`identity/entity/id/${entity}`);
  assert.equal(await status('GET', `identity/entity/name/${String(name)}`, token), 200);
  const other = await all.login('other');
  assert.equal(await status('GET', `identity/entity/id/${other.entity}`, token), 403);
  assert.deepEqual((await read('sys/policies/acl/own'))['name'], 'own');
});

test('a policy says what values of its templates may hold, and a later write that does not say so takes it back', async () => {
  await using all = await world();
  const { node, root, write, status, read } = all;
  const { token, entity } = await all.login('web');
  const policy = 'path "secret/{{identity.entity.metadata.team}}/*" { capabilities = ["read"] }';
  await write('identity/entity/id/' + entity, { policies: 'own', metadata: { team: 'a/b' } });
  await write('secret/a/b/c', { k: 'v' });
  await write('sys/policies/acl/own', { policy, allow_slashes_in_identity_templates: true });
  assert.equal((await read('sys/policies/acl/own'))['allow_slashes_in_identity_templates'], true);
  assert.equal(await status('GET', 'secret/a/b/c', token), 200);
  const contentType = 'application/merge-patch+json';
  await must(node, 'PATCH', 'sys/policies/acl/own', { token: root, body: { cas_required: false }, contentType });
  assert.equal(await status('GET', 'secret/a/b/c', token), 200);
  await write('sys/policies/acl/own', { policy });
  assert.equal(await status('GET', 'secret/a/b/c', token), 403);
});

test('entities that are merged are one: aliases, groups and tokens come to it, and what is disabled stays so', async () => {
  await using all = await world();
  const { node, root, write, read, status } = all;
  const one = await all.login('one');
  await write('sys/auth/second', { type: 'approle' });
  const accessor = accessorOf(node, 'auth/second/');
  const other = await write('identity/entity', { name: 'other', policies: 'reader', metadata: { a: 'b' } });
  await write('identity/entity-alias', { name: 'second', mount_accessor: accessor, canonical_id: other['id'] });
  await write('identity/group', { name: 'dev', member_entity_ids: [one.entity] });
  await write('sys/policies/acl/reader', { policy: 'path "secret/*" { capabilities = ["read"] }' });
  await write('secret/a', { k: 'v' });
  assert.equal(await status('GET', 'secret/a', one.token), 403);
  const to = String(other['id']);
  await write(`identity/entity/id/${one.entity}`, { disabled: true });
  const merge = { from_entity_ids: [one.entity], to_entity_id: to };
  assert.equal((await ask(node, 'POST', 'identity/entity/merge', { token: root, body: merge })).status, 400);
  await write(`identity/entity/id/${one.entity}`, { disabled: false });
  await write('identity/entity/merge', merge);
  assert.equal(await status('GET', 'secret/a', one.token), 200, 'a token of the one is the other’s');
  assert.equal((await all.login('one')).entity, to);
  const merged = await read(`identity/entity/id/${to}`);
  assert.deepEqual(merged['merged_entity_ids'], [one.entity]);
  assert.equal((merged['aliases'] as readonly unknown[]).length, 2);
  assert.equal(await status('GET', `identity/entity/id/${one.entity}`, root), 404);
  assert.deepEqual((await read('identity/group/name/dev'))['member_entity_ids'], [to]);
  await must(node, 'DELETE', `identity/entity/id/${to}`, { token: root });
  assert.equal(await status('GET', 'secret/a', one.token), 403, 'and ends with it');
});

test('of two aliases of one mount the one stays that is named', async () => {
  await using all = await world();
  const { node, root, write, read } = all;
  const [one, two] = [await all.login('one'), await all.login('two')];
  const aliasOf = async (entity: string): Promise<string> => {
    const [alias] = (await read(`identity/entity/id/${entity}`))['aliases'] as readonly JsonObject[];
    return String(alias?.['id']);
  };
  const merge = { from_entity_ids: [two.entity], to_entity_id: one.entity };
  const refused = await ask(node, 'POST', 'identity/entity/merge', { token: root, body: merge });
  assert.equal(refused.status, 400);
  assert.match(String(refused.errors), /aliases with the same mount accessor/);
  await write('identity/entity/merge', { ...merge, conflicting_alias_ids_to_keep: [await aliasOf(two.entity)] });
  assert.equal((await all.login('two')).entity, one.entity);
  assert.notEqual((await all.login('one')).entity, one.entity);
});

test('nobody gets root or another reserved policy by an entity or a group, however it is spelt', async () => {
  await using all = await world();
  const { node, root } = all;
  for (const policies of [['root'], ['ROOT'], [' root '], ['a', 'Root'], 'x,root', ['response-wrapping']]) {
    for (const path of ['identity/entity', 'identity/group', 'identity/entity/name/x', 'identity/group/name/x']) {
      assert.equal((await ask(node, 'POST', path, { token: root, body: { policies } })).status, 400, path);
    }
  }
  assert.equal((await ask(node, 'LIST', 'identity/entity/id', { token: root })).status, 404);
});

test('names are one whatever their case, and no two have the same', async () => {
  await using all = await world();
  const { node, root, write, read } = all;
  const alice = await write('identity/entity', { name: 'Alice' });
  await write('identity/entity', { name: 'alice', metadata: { a: 'b' } });
  assert.deepEqual((await read('identity/entity/name/ALICE'))['id'], alice['id']);
  assert.deepEqual((await must(node, 'LIST', 'identity/entity/name', { token: root }))['keys'], ['Alice']);
  const bob = await write('identity/entity', { name: 'bob' });
  const body = { name: 'aLICE' };
  const taken = await ask(node, 'POST', `identity/entity/id/${String(bob['id'])}`, { token: root, body });
  assert.equal(taken.status, 400);
  await write(`identity/entity/id/${String(bob['id'])}`, { name: 'carol' });
  assert.equal((await ask(node, 'GET', 'identity/entity/name/bob', { token: root })).status, 404);
  assert.equal((await ask(node, 'POST', 'identity/entity', { token: root, body: { name: 'a\u0000b' } })).status, 400);
  assert.equal(
    (await ask(node, 'POST', 'identity/entity', { token: root, body: { name: 'a'.repeat(300) } })).status,
    400,
  );
});

test('a token role says whose tokens may be made with it', async () => {
  await using all = await world();
  const { node, root, write, status } = all;
  const alone = await ask(node, 'POST', 'auth/token/create', { token: root, body: { entity_alias: 'x' } });
  assert.equal(alone.status, 400);
  await write('auth/token/roles/r', { allowed_entity_aliases: ['app-*', 'exact'], allowed_policies: 'default' });
  for (const entity_alias of ['other', 'exactly', 'xapp-1']) {
    const made = await ask(node, 'POST', 'auth/token/create/r', { token: root, body: { entity_alias } });
    assert.equal(made.status, 400, entity_alias);
  }
  const made = await write('auth/token/create/r', { entity_alias: 'app-1' });
  const again = await write('auth/token/create/r', { entity_alias: 'APP-1' });
  assert.equal(made['entity_id'], again['entity_id']);
  assert.notEqual((await write('auth/token/create/r', { entity_alias: 'exact' }))['entity_id'], made['entity_id']);
  await write(`identity/entity/id/${String(made['entity_id'])}`, { disabled: true });
  assert.equal(await status('GET', 'auth/token/lookup-self', String(made['client_token'])), 403);
  const disabled = await ask(node, 'POST', 'auth/token/create/r', { token: root, body: { entity_alias: 'app-1' } });
  assert.equal(disabled.status, 403);
});

test('an orphan has no entity, and a child in a namespace further down keeps it, with its rights and its end', async () => {
  await using all = await world();
  const { node, write, status } = all;
  const { token, entity } = await all.login('web');
  await write('sys/namespaces/below', {});
  const all_ =
    'path "*" { capabilities = ["create", "update", "sudo", "read"] } path "below/secret/no" { capabilities = ["deny"] }';
  await write('sys/policies/acl/most', { policy: all_ });
  await write(`identity/entity/id/${entity}`, { policies: 'most' });
  const orphan = await must(node, 'POST', 'auth/token/create', { token, body: { no_parent: true } });
  assert.equal(orphan['entity_id'], '');
  await write('sys/mounts/secret', { type: 'kv' }, 'below');
  const policy = 'path "secret/*" { capabilities = ["create", "update", "read"] }';
  await write('sys/policies/acl/kv', { policy }, 'below');
  const below = { token, namespace: 'below', body: { policies: ['kv'] } };
  const made = await must(node, 'POST', 'auth/token/create', below);
  const child = String(made['client_token']);
  assert.deepEqual([made['entity_id'], made['external_namespace_policies']], [entity, { root: ['most'] }]);
  assert.equal(await status('POST', 'below/secret/yes', child, { k: 'v' }), 204);
  assert.equal(await status('POST', 'below/secret/no', child, { k: 'v' }), 403, 'the entity is denied it');
  await write(`identity/entity/id/${entity}`, { disabled: true });
  assert.equal(await status('POST', 'below/secret/yes', child, { k: 'v' }), 403);
});

test('who is asked about by one thing only', async () => {
  await using all = await world();
  const { node, root } = all;
  const { entity } = await all.login('web');
  const lookUp = (body: JsonObject) => ask(node, 'POST', 'identity/lookup/entity', { token: root, body });
  const accessor = accessorOf(node, 'auth/approle/');
  const alias = ((await lookUp({ id: entity })).reply?.data?.['aliases'] as readonly JsonObject[])[0] ?? {};
  const byName = await lookUp({ alias_name: String(alias['name']), alias_mount_accessor: accessor });
  assert.equal(byName.reply?.data?.['id'], entity);
  assert.equal((await lookUp({ alias_id: String(alias['id']) })).reply?.data?.['id'], entity);
  assert.equal((await lookUp({ id: 'none' })).status, 204);
  for (const body of [{}, { id: entity, name: 'x' }, { alias_name: 'x' }])
    assert.equal((await lookUp(body)).status, 400);
});

test('an external group stands for a group of an auth method, and who is in it is that method’s to say', async () => {
  await using all = await world();
  const { node, root, write } = all;
  const accessor = accessorOf(node, 'auth/approle/');
  const { entity } = await all.login('web');
  const group = await write('identity/group', { name: 'ext', type: 'external' });
  const place = { name: 'engineers', mount_accessor: accessor, canonical_id: group['id'] };
  const made = await write('identity/group-alias', place);
  const groups = (body: JsonObject) => ask(node, 'POST', 'identity/lookup/group', { token: root, body });
  const found = await groups({ alias_name: 'Engineers', alias_mount_accessor: accessor });
  assert.equal(found.reply?.data?.['id'], group['id']);
  assert.equal((await groups({ alias_id: String(made['id']) })).reply?.data?.['name'], 'ext');
  const body = { member_entity_ids: [entity] };
  assert.equal((await ask(node, 'POST', 'identity/group/name/ext', { token: root, body })).status, 400);
});
