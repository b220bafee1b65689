import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask } from '../../../test/support/node.ts';
import { methodWithKey } from './mount.testing.ts';

async function withGroups() {
  const jwt = await methodWithKey();
  const { node, token } = jwt;
  await jwt.role('r', { groups_claim: '/realm/roles' });
  const identity = async (method: string, path: string, body?: Record<string, unknown>) =>
    (await ask(node, method, `identity/${path}`, { token, ...(body === undefined ? {} : { body }) })).reply?.data;
  const mounts = (await ask(node, 'GET', 'sys/auth', { token })).reply?.data;
  const { accessor } = mounts?.['jwt/'] as { accessor: string };
  const group = async (name: string): Promise<string> => {
    const made = await identity('POST', 'group', { name: `g-${name}`, type: 'external', policies: [`p-${name}`] });
    return String(made?.['id']);
  };
  const alias = (name: string, id: string) =>
    identity('POST', 'group-alias', { name, mount_accessor: accessor, canonical_id: id });
  const login = (groups: unknown, user = 'ann') => jwt.by('r', { sub: user, realm: { roles: groups } });
  const policies = async (token_: unknown): Promise<unknown> => {
    const found = await ask(node, 'GET', 'auth/token/lookup-self', { token: String(token_) });
    return found.reply?.data?.['identity_policies'] ?? [];
  };
  return { ...jwt, identity, group, alias, groupLogin: login, policies };
}

test('the groups of a token give their policies, as the last login said them', async () => {
  await using jwt = await withGroups();
  const [red, blue] = [await jwt.group('red'), await jwt.group('blue')];
  await jwt.alias('Red', red);
  await jwt.alias('blue', blue);
  const { auth } = await jwt.groupLogin(['red', 'unknown', '']);
  assert.deepEqual(auth?.['identity_policies'], ['p-red']);
  const entity = await jwt.identity('GET', `entity/id/${String(auth['entity_id'])}`);
  assert.deepEqual(entity?.['direct_group_ids'], [red]);
  await jwt.groupLogin(['blue', 'red']);
  assert.deepEqual(await jwt.policies(auth['client_token']), ['p-blue', 'p-red']);
  await jwt.groupLogin([]);
  assert.deepEqual(await jwt.policies(auth['client_token']), [], 'what is said no more counts no more, for all tokens');
  const other = await jwt.groupLogin('blue', 'bob');
  assert.deepEqual(other.auth?.['identity_policies'], ['p-blue'], 'one text is a list of one');
});

test('an alias that is made later finds who was said to be in the group, and taken away it leaves nobody in it', async () => {
  await using jwt = await withGroups();
  const { auth } = await jwt.groupLogin(['red']);
  const red = await jwt.group('red');
  const made = await jwt.alias('red', red);
  assert.deepEqual(await jwt.policies(auth?.['client_token']), ['p-red']);
  await jwt.identity('DELETE', `group-alias/id/${String(made?.['id'])}`);
  assert.deepEqual(await jwt.policies(auth?.['client_token']), []);
});

test('a group of the same name at another mount is another one', async () => {
  await using jwt = await withGroups();
  const { node, token } = jwt;
  await ask(node, 'POST', 'sys/auth/other', { token, body: { type: 'oidc' } });
  const mounts = (await ask(node, 'GET', 'sys/auth', { token })).reply?.data;
  const { accessor } = mounts?.['other/'] as { accessor: string };
  const red = await jwt.group('red');
  await jwt.identity('POST', 'group-alias', { name: 'red', mount_accessor: accessor, canonical_id: red });
  const { auth } = await jwt.groupLogin(['red']);
  assert.deepEqual(await jwt.policies(auth?.['client_token']), []);
});

test('merged entities are in the groups of both, until the next login', async () => {
  await using jwt = await withGroups();
  await jwt.alias('red', await jwt.group('red'));
  const [ann, bob] = [await jwt.groupLogin(['red']), await jwt.groupLogin([], 'bob')];
  const [from, to] = [ann, bob].map(({ auth }) => String(auth?.['entity_id']));
  assert.deepEqual(await jwt.policies(bob.auth?.['client_token']), []);
  const aliasOf = async (id: string | undefined) => {
    const entity = await jwt.identity('GET', `entity/id/${String(id)}`);
    return (entity?.['aliases'] as { id: string }[])[0]?.id;
  };
  const keep = await aliasOf(from);
  await jwt.identity('POST', 'entity/merge', {
    ...{ from_entity_ids: [from], to_entity_id: to, conflicting_alias_ids_to_keep: [keep] },
  });
  assert.deepEqual(await jwt.policies(bob.auth?.['client_token']), ['p-red']);
  await jwt.groupLogin([]);
  assert.deepEqual(await jwt.policies(bob.auth?.['client_token']), []);
  assert.deepEqual(await jwt.policies(ann.auth?.['client_token']), []);
});

test('a groups claim that is missing, or no list of texts, is no login', async () => {
  await using jwt = await withGroups();
  for (const groups of [
    undefined,
    null,
    5,
    { a: 'red' },
    ['red', 5],
    [['red']],
    Array.from({ length: 2_000 }, () => 'g'),
  ]) {
    assert.equal((await jwt.groupLogin(groups)).status, 400, JSON.stringify(groups)?.slice(0, 50));
  }
});
