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
