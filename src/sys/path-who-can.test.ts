import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../framework/field.ts';
import { ask, runningNode } from '../../test/support/node.ts';

type Found = Readonly<Record<'policies' | 'groups' | 'entities' | 'logins', readonly JsonObject[]>> & {
  readonly truncated: readonly string[];
};

const READING = 'path "secret/data/prod/*" { capabilities = ["read"] }';

async function world() {
  const { node, root } = await runningNode();
  const write = async (path: string, body: JsonObject, namespace = ''): Promise<JsonObject> => {
    const outcome = await ask(node, 'POST', path, { token: root, body, namespace });
    assert.ok(outcome.status < 300, `${path}: ${String(outcome.status)} ${(outcome.errors ?? []).join()}`);
    return { ...outcome.reply?.data, ...outcome.auth };
  };
  const whoCan = async (body: JsonObject, namespace = ''): Promise<Found> => {
    const { status, reply, errors } = await ask(node, 'POST', 'sys/policies/who-can', { token: root, body, namespace });
    assert.equal(status, 200, String(errors));
    return reply?.data as unknown as Found;
  };
  await write('sys/policies/acl/prod', { policy: READING });
  await write('sys/auth/approle', { type: 'approle' });
  return { node, root, write, whoCan };
}

const names = (list: readonly JsonObject[]): readonly unknown[] => list.map(({ name }) => name);
const PATH = 'secret/data/prod/db';

test('policies, groups, entities and logins are found, and nobody else', async () => {
  const { write, whoCan } = await world();
  await write('sys/policies/acl/other', { policy: 'path "secret/data/other/*" { capabilities = ["read"] }' });
  const ada = await write('identity/entity', { name: 'ada', policies: ['prod'] });
  const bob = await write('identity/entity', { name: 'bob', policies: ['other'] });
  const cy = await write('identity/entity', { name: 'cy' });
  await write('identity/group', { name: 'inner', member_entity_ids: [cy['id'] ?? ''] });
  const { id: inner = '' } = (await write('identity/lookup/group', { name: 'inner' })) as { readonly id?: string };
  await write('identity/group', { name: 'ops', policies: ['prod'], member_group_ids: [inner] });
  await write('auth/approle/role/deploy', { token_policies: 'prod' });
  await write('auth/approle/role/idle', { token_policies: 'other' });
  assert.ok(ada['id'] !== undefined && bob['id'] !== undefined);
  const found = await whoCan({ path: PATH });
  assert.deepEqual(found.policies, [{ namespace: '', name: 'prod', line: 1, path: 'secret/data/prod/*' }]);
  assert.deepEqual(found.groups, [{ namespace: '', name: 'ops', policies: ['prod'] }]);
  assert.deepEqual([...names(found.entities)].sort(), ['ada', 'cy']);
  assert.deepEqual(found.logins, [
    {
      namespace: '',
      mount: 'auth/approle/',
      name: 'deploy',
      policies: ['prod'],
      conditional: false,
      by_program: false,
    },
  ]);
  assert.deepEqual(found.truncated, []);
  const nobody = await whoCan({ path: PATH, operation: 'delete' });
  assert.deepEqual(nobody, { policies: [], groups: [], entities: [], logins: [], truncated: [] });
});

test('a deny of another policy, and one of the default policy, is heeded', async () => {
  const { write, whoCan } = await world();
  await write('sys/policies/acl/closed', { policy: `path "${PATH}" { capabilities = ["deny"] }` });
  await write('identity/entity', { name: 'ada', policies: ['prod', 'closed'] });
  await write('identity/entity', { name: 'bob', policies: ['prod'], disabled: true });
  await write('auth/approle/role/deploy', { token_policies: 'prod' });
  assert.deepEqual(names((await whoCan({ path: PATH })).entities), []);
  assert.deepEqual(names((await whoCan({ path: 'secret/data/prod/x' })).entities), ['ada']);
  await write('sys/policies/acl/default', { policy: `path "${PATH}" { capabilities = ["deny"] }` });
  assert.deepEqual((await whoCan({ path: PATH })).logins, []);
  await write('auth/approle/role/bare', { token_policies: 'prod', token_no_default_policy: true });
  assert.deepEqual(names((await whoCan({ path: PATH })).logins), ['bare']);
});

test('a template leads only to whom it is filled for', async () => {
  const { write, whoCan } = await world();
  await write('sys/policies/acl/own', {
    policy: 'path "secret/data/own/{{identity.entity.name}}/*" { capabilities = ["read"] }',
  });
  await write('identity/entity', { name: 'ada', policies: ['own'] });
  await write('identity/entity', { name: 'bob', policies: ['own'] });
  await write('auth/approle/role/owners', { token_policies: 'own' });
  const found = await whoCan({ path: 'secret/data/own/ada/x' });
  assert.deepEqual(names(found.policies), ['own']);
  assert.deepEqual(names(found.entities), ['ada']);
  // Of a login nobody knows whom it is filled for.
  const named = { namespace: '', mount: 'auth/approle/', name: 'owners' };
  const owners = { ...named, policies: ['own'], conditional: true, by_program: false };
  assert.deepEqual(found.logins, [owners]);
  assert.deepEqual((await whoCan({ path: 'secret/data/else/ada/x' })).logins, []);
});

test('a login whose policies a program decides is told as one that may, by its name beside a plain one', async () => {
  const { write, whoCan } = await world();
  await write('sys/auth/jwt', { type: 'jwt' });
  const plain = { role_type: 'jwt', user_claim: 'sub', bound_audiences: 'us' };
  await write('auth/jwt/role/ci', { ...plain, token_policies: 'prod' });
  await write('auth/jwt/role/idle', plain);
  for (const name of ['ci', 'zz']) {
    await write(`auth/jwt/cel/role/${name}`, { cel_program: { expression: 'pb.Auth{policies: ["prod"]}' } });
  }
  const login = { namespace: '', mount: 'auth/jwt/' };
  const program = { ...login, policies: [], conditional: true, by_program: true };
  assert.deepEqual((await whoCan({ path: PATH })).logins, [
    { ...login, name: 'ci', policies: ['prod'], conditional: false, by_program: false },
    { ...program, name: 'cel/ci' },
    { ...program, name: 'cel/zz' },
  ]);
  assert.deepEqual((await whoCan({ path: PATH, limit: 2 })).truncated, ['logins']);
  // Where no policy helps, no program can.
  assert.deepEqual((await whoCan({ path: PATH, operation: 'delete' })).logins, []);
});

test('the logins of an entity are told', async () => {
  const { node, write, whoCan } = await world();
  const role = 'auth/approle/role/deploy';
  await write(role, { token_policies: 'default', bind_secret_id: false, secret_id_bound_cidrs: '127.0.0.0/8' });
  await write(`${role}/role-id`, { role_id: 'deploy-id' });
  const login = await ask(node, 'POST', 'auth/approle/login', { body: { role_id: 'deploy-id' } });
  const id = String((login.auth ?? {})['entity_id']);
  await write(`identity/entity/id/${id}`, { policies: ['prod'] });
  const [entity] = (await whoCan({ path: PATH })).entities;
  assert.deepEqual([entity?.['id'], entity?.['logins']], [id, ['auth/approle/deploy-id']]);
});

test('from above those of the namespace and of all between are told; from inside none above', async () => {
  const { write, whoCan } = await world();
  await write('sys/namespaces/team', {});
  await write('sys/policies/acl/all', { policy: 'path "team/*" { capabilities = ["read"] }' });
  await write('identity/entity', { name: 'boss', policies: ['all'] });
  await write('sys/policies/acl/prod', { policy: READING }, 'team');
  await write('identity/entity', { name: 'dev', policies: ['prod'] }, 'team');
  const above = await whoCan({ path: `team/${PATH}` });
  assert.deepEqual(
    above.entities.map(({ namespace, name }) => `${String(namespace)}${String(name)}`),
    ['boss', 'team/dev'],
  );
  assert.deepEqual(names((await whoCan({ path: PATH }, 'team')).entities), ['dev']);
});

test('more than the limit is told to be more, and what makes no sense is refused', async () => {
  const { node, root, write, whoCan } = await world();
  for (const name of ['a', 'b', 'c']) {
    await write('identity/entity', { name, policies: ['prod'] });
    await write(`auth/approle/role/${name}`, { token_policies: 'prod' });
  }
  const found = await whoCan({ path: PATH, limit: 2 });
  assert.deepEqual([found.entities.length, found.logins.length], [2, 2]);
  assert.deepEqual(found.truncated, ['entities', 'logins']);
  for (const body of [
    { path: PATH, limit: 0 },
    { path: PATH, limit: 10_001 },
    { path: '/' },
    { path: 'x', operation: 'fly' },
  ]) {
    const { status } = await ask(node, 'POST', 'sys/policies/who-can', { token: root, body });
    assert.equal(status, 400, JSON.stringify(body));
  }
});

test('other requests are served between the policies and the entities that it looks at', async () => {
  const { node, write, whoCan } = await world();
  for (let at = 0; at < 100; at += 1) await write(`sys/policies/acl/many-${String(at)}`, { policy: READING });
  for (let at = 0; at < 100; at += 1) await write('identity/entity', { policies: [`many-${String(at)}`] });
  let turns = 0;
  let over = false;
  const turn = (): void => {
    turns += 1;
    if (!over) setImmediate(turn);
  };
  setImmediate(turn);
  const found = await whoCan({ path: PATH });
  over = true;
  assert.equal(found.entities.length, 100);
  assert.ok(turns >= 8, `the event loop turned ${String(turns)} times`);
  await node[Symbol.asyncDispose]();
});

test('who can recover: by the capability, or by create with sudo, also of two policies for one path', async () => {
  const { write, whoCan } = await world();
  const rule = (capabilities: string): string => `path "secret/data/prod/*" { capabilities = [${capabilities}] }`;
  for (const [name, capabilities] of [
    ['recover', '"recover"'],
    ['both', '"create", "sudo"'],
    ['create', '"create"'],
    ['sudo', '"sudo"'],
  ] as const) {
    await write(`sys/policies/acl/${name}`, { policy: rule(capabilities) });
    await write('identity/entity', { name: `${name}-only`, policies: [name] });
    await write('identity/group', { name: `${name}-group`, policies: [name] });
    await write(`auth/approle/role/${name}-role`, { token_policies: name });
  }
  await write('identity/entity', { name: 'of-two', policies: ['create', 'sudo'] });
  await write('auth/approle/role/of-two', { token_policies: ['create', 'sudo'] });
  const found = await whoCan({ path: PATH, operation: 'recover' });
  assert.deepEqual([...names(found.policies)].sort(), ['both', 'recover']);
  assert.deepEqual([...names(found.groups)].sort(), ['both-group', 'recover-group']);
  assert.deepEqual([...names(found.entities)].sort(), ['both-only', 'of-two', 'recover-only']);
  assert.deepEqual([...names(found.logins)].sort(), ['both-role', 'of-two', 'recover-role']);
});

test('a login that fills names of policies from claims is told as one that may, and names are told as tokens have them', async () => {
  const { write, whoCan } = await world();
  await write('sys/auth/jwt', { type: 'jwt' });
  const role = { role_type: 'jwt', user_claim: 'sub', bound_audiences: 'us' };
  await write('auth/jwt/role/cased', { ...role, token_policies: 'Prod' });
  await write('auth/jwt/role/filled', {
    ...role,
    token_policies: '{{.team}}',
    token_policies_template_claims: true,
  });
  await write('auth/jwt/role/plain', { ...role, token_policies: 'other', token_policies_template_claims: true });
  const login = { namespace: '', mount: 'auth/jwt/' };
  assert.deepEqual((await whoCan({ path: PATH })).logins, [
    { ...login, name: 'cased', policies: ['prod'], conditional: false, by_program: false },
    { ...login, name: 'filled', policies: [], conditional: true, by_program: true },
  ]);
});
