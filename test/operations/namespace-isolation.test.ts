/**
 * No id of one namespace answers in another, over every operation of the OpenAPI document (design rule 31): each is called
 * in a parent, a child and a sibling with the ids of the others in each of its parameters, by a caller who may do all there.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node } from '../../src/core/node.ts';
import type { JsonObject } from '../../src/framework/field.ts';
import type { Outcome } from '../../src/framework/request.ts';
import { files } from '../support/file-engine.ts';
import { assertWhole, fill, must, operations, type Called, type Place } from '../support/namespace-world.ts';
import { ask, runningNode, type Asking } from '../support/node.ts';

/** What would end the world that the test stands on, rather than touch what is another's. */
const setsUp = ({ method, path }: Called): boolean =>
  method !== 'GET' && /^sys\/(mounts|auth|remount|polic|namespaces)|^auth\/approle\/role\/\{role_name\}$/.test(path);

/** Names lead to what is there; ids are tried in every other place. */
const valueOf = (name: string, id: string): string => (/role_name|^name$|alias_name/.test(name) ? 'web' : id);

/** With the id in the path and in every field that can hold one; namespace-ids.test.ts has those that exclude each other. */
function answer(node: Node, { method, path, fields }: Called, id: string, asking: Asking): Promise<Outcome> {
  const filled = path.replaceAll(/\{(\w+)\}/g, (_match, name: string) => valueOf(name, id));
  const names = Object.keys(fields).filter((name) => fields[name]);
  const body = Object.fromEntries(names.map((name) => [name, valueOf(name, id)]));
  const contentType = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
  return ask(node, method, filled, { ...asking, contentType, ...(Object.keys(fields).length > 0 ? { body } : {}) });
}

test('a login and a merge find nobody of another namespace', async () => {
  const { node, root } = await runningNode({ engines: { files } });
  await using _ = node;
  for (const name of ['a', 'b']) await must(node, 'POST', `sys/namespaces/${name}`, { token: root });
  const [a, b] = [await fill(node, root, 'a'), await fill(node, root, 'b')];
  const inA: Asking = { token: root, namespace: 'a' };
  const { entity: own = '' } = a.ids;
  const { entity: other = '', group: otherGroup = '', accessorOfMount = '' } = b.ids;
  const refused: readonly (readonly [string, JsonObject])[] = [
    ['identity/entity/merge', { from_entity_ids: [other], to_entity_id: own }],
    ['identity/entity/merge', { from_entity_ids: [own], to_entity_id: other }],
    ['identity/group', { name: 'new', member_entity_ids: [other] }],
    ['identity/group', { name: 'new', member_group_ids: [otherGroup] }],
    ['identity/entity-alias', { name: 'x', mount_accessor: accessorOfMount, canonical_id: own }],
    ['identity/entity-alias/id/' + String(a.ids['entityAlias']), { canonical_id: other }],
    ['identity/entity', { id: other, name: 'stolen' }],
  ];
  for (const [path, body] of refused) {
    assert.equal((await ask(node, 'POST', path, { ...inA, body })).status, 400, JSON.stringify([path, body]));
  }
  await assertWhole(node, root, b, 'at the end');
  await assertWhole(node, root, a, 'at the end');
});

test('no id of one namespace answers in another, in any operation that there is', async () => {
  const { node, root } = await runningNode({ engines: { files } });
  await using _ = node;
  for (const [parent, name] of [
    ['', 'p'],
    ['p', 'a'],
    ['p', 'b'],
  ] as const) {
    await must(node, 'POST', `sys/namespaces/${name}`, { token: root, namespace: parent });
  }
  const places: Place[] = [];
  for (const path of ['p', 'p/a', 'p/b']) places.push(await fill(node, root, path));
  let tried = 0;
  for (const here of places) {
    const caller = async (): Promise<string> => {
      const asking = { token: root, namespace: here.path, body: { policies: ['all'], no_parent: true } };
      return String((await must(node, 'POST', 'auth/token/create', asking)).auth?.['client_token']);
    };
    const all = (await operations(node, root, here.path)).filter((each) => !setsUp(each));
    for (const called of all) {
      for (const other of places.filter((each) => each !== here)) {
        const token = await caller();
        for (const [what, id] of Object.entries(other.ids)) {
          const outcome = await answer(node, called, id, { token, namespace: here.path });
          const tells = JSON.stringify([outcome.reply ?? {}, outcome.auth, outcome.errors ?? [], outcome.warnings]);
          const where = `${called.method} ${called.path} in ${here.path} with ${what} of ${other.path}`;
          assert.ok(!tells.includes(other.marker), `${where}: ${tells}`);
          tried += 1;
        }
        await assertWhole(node, root, other, `${called.method} ${called.path} in ${here.path}`);
      }
    }
  }
  assert.ok(tried > 1_000, String(tried));
});

test('a token of one namespace opens nothing in another, in any operation that there is', async () => {
  const { node, root } = await runningNode({ engines: { files } });
  await using _ = node;
  for (const name of ['a', 'b']) await must(node, 'POST', `sys/namespaces/${name}`, { token: root });
  const [a, b] = [await fill(node, root, 'a'), await fill(node, root, 'b')];
  const asking = { token: root, namespace: 'a', body: { policies: ['all'] } };
  const token = String((await must(node, 'POST', 'auth/token/create', asking)).auth?.['client_token']);
  /** What needs no token, and what is about the token itself wherever it is asked. */
  const free =
    /^sys\/(health|seal-status|seal-backend-status|leader|decode-token|wrapping|internal\/ui\/mounts)|-self$|^auth\/approle\/login|^identity\/oidc\/(provider\/\{\w+\}\/)?(\.well-known|token$)|^sys\/mfa\/validate|\/self-enroll$/;
  let tried = 0;
  for (const namespace of ['', 'b']) {
    for (const called of await operations(node, root, namespace)) {
      if (free.test(called.path) || /^sys\/(init|unseal|metrics|regions)/.test(called.path)) continue;
      const path = called.path.replaceAll(/\{(\w+)\}/g, 'web');
      const body = Object.fromEntries(Object.keys(called.fields).map((name) => [name, 'web']));
      const contentType = called.method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
      const outcome = await ask(node, called.method, path, { token, namespace, body, contentType });
      // A cubbyhole is the token's own, but its policies let it reach none outside of its namespace.
      assert.equal(
        outcome.status,
        called.path.endsWith('/userinfo') ? 401 : 403,
        `${called.method} ${namespace} ${path}`,
      );
      tried += 1;
    }
  }
  assert.ok(tried > 100, String(tried));
  await assertWhole(node, root, a, 'at the end');
  await assertWhole(node, root, b, 'at the end');
});
