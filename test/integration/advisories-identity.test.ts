/** Advisory classes of the peers, held against identities: races, batch tokens of entities, names that are none. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { JsonObject } from '../../src/framework/field.ts';
import { ok, rule, started, statusOf, tokenIn, type Clocked } from '../support/advisories.ts';
import { countingStore } from '../support/counting-store.ts';
import { ask } from '../support/node.ts';

async function made({ as }: Clocked, path: string, body: JsonObject): Promise<string> {
  return String((await ok(as('POST', path, body))).reply?.data?.['id']);
}

const entity = (world: Clocked, name: string, body: JsonObject = {}) =>
  made(world, 'identity/entity', { name, ...body });

const groupAt = async ({ as }: Clocked, name: string): Promise<JsonObject> =>
  (await ok(as('GET', `identity/group/name/${name}`))).reply?.data ?? {};

describe('groups', () => {
  test('a group that names who is merged at that moment holds for the heir, which else were free of its deny', async () => {
    await using world = await started();
    const [from, to] = [await entity(world, 'from'), await entity(world, 'to')];
    const [group] = await Promise.all([
      made(world, 'identity/group', { name: 'g', policies: ['denying'], member_entity_ids: [from] }),
      ok(world.as('POST', 'identity/entity/merge', { from_entity_ids: [from], to_entity_id: to })),
    ]);
    const read = await ok(world.as('GET', `identity/entity/id/${to}`));
    assert.deepEqual(read.reply?.data?.['group_ids'], [group]);
  });

  test('nobody comes by a merge into a group that the other left at that moment', async () => {
    await using world = await started();
    const [from, to] = [await entity(world, 'from'), await entity(world, 'to')];
    await made(world, 'identity/group', { name: 'g', policies: ['giving'], member_entity_ids: [from] });
    await Promise.all([
      ok(world.as('POST', 'identity/group', { name: 'g', member_entity_ids: [] })),
      ok(world.as('POST', 'identity/entity/merge', { from_entity_ids: [from], to_entity_id: to })),
    ]);
    assert.deepEqual((await ok(world.as('GET', `identity/entity/id/${to}`))).reply?.data?.['group_ids'], []);
    assert.equal((await groupAt(world, 'g'))['member_entity_ids'], null);
  });

  test('many members that end or are merged at once are one write of their group', async () => {
    await using world = await started();
    const ids: string[] = [];
    for (let at = 0; at < 60; at += 1) ids.push(await entity(world, `e${String(at)}`));
    await made(world, 'identity/group', { name: 'g', member_entity_ids: ids });
    const [heir = '', ...others] = ids;
    const before = Number((await groupAt(world, 'g'))['modify_index']);
    await ok(world.as('POST', 'identity/entity/batch-delete', { entity_ids: others.slice(0, 30) }));
    assert.equal((await groupAt(world, 'g'))['modify_index'], before + 1);
    await ok(world.as('POST', 'identity/entity/merge', { from_entity_ids: others.slice(30), to_entity_id: heir }));
    const { modify_index: index, member_entity_ids: left } = await groupAt(world, 'g');
    assert.deepEqual([index, left], [before + 2, [heir]]);
  });

  test('a group within itself is refused through any number of others, and what many share is no cycle', async () => {
    await using world = await started();
    const bottom = await made(world, 'identity/group', { name: 'bottom' });
    const middle: string[] = [];
    for (let at = 0; at < 20; at += 1) {
      middle.push(await made(world, 'identity/group', { name: `m${String(at)}`, member_group_ids: [bottom] }));
    }
    const top = await made(world, 'identity/group', { name: 'top', member_group_ids: middle });
    const put = (name: string, ids: readonly string[]) =>
      statusOf(world.as('POST', `identity/group/name/${name}`, { member_group_ids: ids }));
    assert.equal(await put('top', [bottom, ...middle]), 204);
    assert.equal(await put('bottom', [top]), 400);
    assert.equal(await put('m7', [bottom, top]), 400);
    assert.equal(await put('bottom', [...middle.slice(5), top]), 400);
  });
});

test('what many groups share is looked at once, when a group is to have them all', async () => {
  const { store, read } = countingStore();
  await using world = await started({ store });
  let below: string[] = [];
  for (let at = 0; at < 20; at += 1) {
    below = [await made(world, 'identity/group', { name: `deep${String(at)}`, member_group_ids: below })];
  }
  const beside: string[] = [];
  for (let at = 0; at < 20; at += 1) {
    beside.push(await made(world, 'identity/group', { name: `beside${String(at)}`, member_group_ids: below }));
  }
  read();
  await made(world, 'identity/group', { name: 'top', member_group_ids: beside });
  // Some for each of the 40 groups, and not for each of the 20 all that lies below it.
  const found = read();
  assert.ok(found < 200, String(found));
});

describe('batch tokens of an entity', () => {
  const setUp = async (world: Clocked) => {
    const { as } = world;
    await ok(as('PUT', 'sys/policies/acl/reading', { policy: rule('sys/mounts', 'read') }));
    await ok(as('POST', 'sys/auth/approle', { type: 'approle' }));
    await ok(as('POST', 'auth/approle/role/r', { token_type: 'batch' }));
    const role_id = String((await ok(as('GET', 'auth/approle/role/r/role-id'))).reply?.data?.['role_id']);
    const login = async () => {
      const { secret_id } = (await ok(as('POST', 'auth/approle/role/r/secret-id'))).reply?.data ?? {};
      const body = { role_id, secret_id: String(secret_id) };
      return tokenIn(await ok(ask(world.node, 'POST', 'auth/approle/login', { body })));
    };
    const token = await login();
    assert.match(token, /^hvb\./);
    const self = await ok(ask(world.node, 'GET', 'auth/token/lookup-self', { token }));
    const id = String(self.reply?.data?.['entity_id']);
    const reads = () => statusOf(ask(world.node, 'GET', 'sys/mounts', { token }));
    return { id, reads, login };
  };

  test('they lose what it gave at once, are nothing while it is disabled, and end with it', async () => {
    await using world = await started();
    const { id, reads } = await setUp(world);
    const write = (body: JsonObject) => ok(world.as('POST', `identity/entity/id/${id}`, body));
    assert.equal(await reads(), 403);
    await write({ policies: ['reading'] });
    assert.equal(await reads(), 200);
    await write({ disabled: true });
    assert.equal(await reads(), 403);
    await write({ disabled: false });
    assert.equal(await reads(), 200);
    await ok(world.as('DELETE', `identity/entity/id/${id}`));
    assert.equal(await reads(), 403);
  });

  test('the same login later is another entity, and an older token is not its', async () => {
    await using world = await started();
    const { id, reads, login } = await setUp(world);
    await ok(world.as('DELETE', `identity/entity/id/${id}`));
    const token = await login();
    const self = await ok(ask(world.node, 'GET', 'auth/token/lookup-self', { token }));
    const next = String(self.reply?.data?.['entity_id']);
    assert.notEqual(next, id);
    await ok(world.as('POST', `identity/entity/id/${next}`, { policies: ['reading'] }));
    assert.equal(await reads(), 403);
  });
});

test('what is no text, or is longer than any key, is nobody: it finds nothing, and nothing fails', async () => {
  await using world = await started();
  const long = 'x'.repeat(9_000);
  const lone = '\ud800';
  const asked: readonly (readonly [string, string, JsonObject])[] = [long, lone, 'a\0b', '../../x', '*'].flatMap(
    (text): readonly (readonly [string, string, JsonObject])[] => [
      ['POST', 'identity/entity', { id: text }],
      ['POST', 'identity/group', { id: text }],
      ['POST', 'identity/group', { name: 'g', member_entity_ids: [text] }],
      ['POST', 'identity/group', { name: 'g', member_group_ids: [text] }],
      ['POST', 'identity/lookup/entity', { name: text }],
      ['POST', 'identity/lookup/entity', { id: text }],
      ['POST', 'identity/lookup/group', { name: text }],
      ['POST', 'identity/lookup/group', { alias_id: text }],
      ['POST', 'identity/entity/merge', { from_entity_ids: [text], to_entity_id: text.slice(1) }],
      ['POST', 'identity/entity/batch-delete', { entity_ids: [text] }],
      ['POST', 'identity/entity-alias', { id: text, name: 'x', mount_accessor: 'y' }],
      ['POST', 'identity/group-alias', { id: text, name: 'x', mount_accessor: 'y' }],
      ['LIST', 'identity/entity/name', { after: text }],
      ['LIST', 'identity/group/name', { after: text }],
      ['POST', 'sys/leases/lookup', { lease_id: text }],
      ['POST', 'sys/leases/renew', { lease_id: text }],
      ['POST', 'sys/leases/revoke', { lease_id: text }],
      ['POST', 'sys/leases/revoke', { lease_id: text, sync: true }],
    ],
  );
  for (const [method, path, body] of asked) {
    const { status, errors } = await world.as(method, path, body);
    assert.ok(status < 500, `${method} ${path} ${JSON.stringify(body).slice(0, 60)}: ${errors?.join() ?? ''}`);
  }
  assert.equal(await statusOf(world.as('LIST', 'identity/entity/id')), 404, 'nothing was made');
});
