/** Identities where there are regions: logins with and without the hub, and what the hub makes of a region's word. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../../src/framework/field.ts';
import { everyKey } from '../../src/storage/every-key.ts';
import { testHub, testRegion, type TestHub, type TestRegion } from '../support/cluster.ts';
import { ask } from '../support/node.ts';

const ALL = ['auth/', 'identity/', 'secret/', 'sys/policies/acl/'];
const WRITING = '{ capabilities = ["create", "update", "read"] }';

type At = Pick<TestHub, 'node' | 'root'>;

async function must({ node, root }: At, method: string, path: string, body?: JsonObject): Promise<JsonObject> {
  const outcome = await ask(node, method, path, { token: root, ...(body === undefined ? {} : { body }) });
  assert.ok(outcome.status < 300, `${method} ${path}: ${(outcome.errors ?? []).join()}`);
  return outcome.reply?.data ?? {};
}

interface Credentials {
  readonly role_id: unknown;
  readonly secret_id: unknown;
}

async function role(hub: TestHub, name: string): Promise<Credentials> {
  await must(hub, 'POST', `auth/approle/role/${name}`, { token_policies: 'default' });
  const { role_id } = await must(hub, 'GET', `auth/approle/role/${name}/role-id`);
  const { secret_id } = await must(hub, 'POST', `auth/approle/role/${name}/secret-id`, {});
  return { role_id, secret_id };
}

async function login(
  { node }: At,
  credentials: Credentials,
): Promise<{ readonly token: string; readonly entity: string }> {
  const { auth, errors } = await ask(node, 'POST', 'auth/approle/login', { body: { ...credentials } });
  assert.ok(auth, String(errors));
  return { token: String(auth['client_token']), entity: String(auth['entity_id']) };
}

async function converged(hub: TestHub): Promise<void> {
  const waited = await must(hub, 'POST', 'sys/wait', { latest: true, timeout: 10 });
  assert.equal(waited['state'], 'done');
}

interface World extends AsyncDisposable {
  readonly hub: TestHub;
  readonly region: TestRegion;
}

async function world(paths: readonly string[] = ALL): Promise<World> {
  const hub = await testHub();
  await must(hub, 'POST', 'sys/auth/approle', { type: 'approle' });
  await must(hub, 'POST', 'sys/mounts/secret', { type: 'kv-v2' });
  const region = await testRegion(hub, 'eu', paths);
  return {
    ...{ hub, region },
    [Symbol.asyncDispose]: async () => {
      await region.node[Symbol.asyncDispose]();
      await hub.node[Symbol.asyncDispose]();
    },
  };
}

const write = ({ node }: At, path: string, token: string) =>
  ask(node, 'POST', `secret/data/${path}`, { token, body: { data: { k: 'v' } } });

function sharedIdentities({ behind }: TestRegion): number {
  using snapshot = behind.snapshot();
  return [...everyKey(snapshot, 's/root/data/identity/')].length;
}

test('a login at a region is the entity that the hub knows, with the rights that the hub gives it', async () => {
  await using all = await world();
  const { hub, region } = all;
  const credentials = await role(hub, 'web');
  const { entity } = await login(hub, credentials);
  await must(hub, 'PUT', 'sys/policies/acl/reader', { policy: `path "secret/data/*" ${WRITING}` });
  await must(hub, 'POST', 'identity/group', { name: 'dev', policies: 'reader', member_entity_ids: [entity] });
  await must(hub, 'POST', 'secret/data/a', { data: { k: 'v' } });
  await converged(hub);
  const here = await login(region, credentials);
  assert.equal(here.entity, entity);
  const read = async (): Promise<number> =>
    (await ask(region.node, 'GET', 'secret/data/a', { token: here.token })).status;
  assert.equal(await read(), 200);
  assert.equal((await ask(region.node, 'POST', 'identity/entity', { token: region.root, body: {} })).status, 403);
  await must(hub, 'POST', `identity/entity/id/${entity}`, { disabled: true });
  await converged(hub);
  assert.equal(await read(), 403);
  assert.equal((await ask(region.node, 'POST', 'auth/approle/login', { body: { ...credentials } })).status, 403);
  await must(hub, 'DELETE', `identity/entity/id/${entity}`);
  await converged(hub);
  assert.equal(await read(), 403, 'deleted at the hub, it does not come to life by what the region made');
});

test('cut off from the hub, a region makes the entity that the hub would make, and keeps it to itself', async () => {
  await using all = await world();
  const { hub, region } = all;
  const credentials = await role(hub, 'web');
  await converged(hub);
  assert.equal(sharedIdentities(region), 0);
  const here = await login(region, credentials);
  assert.equal((await login(region, credentials)).entity, here.entity);
  assert.equal(sharedIdentities(region), 0);
  const self = await ask(region.node, 'GET', `identity/entity/id/${here.entity}`, { token: here.token });
  assert.equal(self.status, 200, 'by the policy that everybody has, whose template is filled');
  assert.equal((await ask(hub.node, 'GET', `identity/entity/id/${here.entity}`, { token: hub.root })).status, 404);
  const there = await login(hub, credentials);
  assert.equal(there.entity, here.entity);
  await must(hub, 'PUT', 'sys/policies/acl/reader', { policy: `path "secret/data/*" ${WRITING}` });
  await must(hub, 'POST', `identity/entity/id/${there.entity}`, { policies: 'reader' });
  await must(hub, 'POST', 'secret/data/a', { data: { k: 'v' } });
  await converged(hub);
  const read = await ask(region.node, 'GET', 'secret/data/a', { token: here.token });
  assert.equal(read.status, 200, 'a token of before is the hub’s entity’s from then on');
});

test('a write that a region forwards is decided by the hub’s own word on the entity, and by no more than the region holds', async () => {
  await using all = await world([...ALL.slice(0, 3), 'sys/policies/acl/own', 'sys/policies/acl/default']);
  const { hub, region } = all;
  const own = `path "secret/data/{{identity.entity.name}}/*" ${WRITING}`;
  await must(hub, 'PUT', 'sys/policies/acl/own', { policy: own });
  await must(hub, 'PUT', 'sys/policies/acl/hidden', { policy: `path "secret/data/*" ${WRITING}` });
  await must(hub, 'PUT', 'sys/policies/acl/closed', {
    policy: 'path "secret/data/web/no" { capabilities = ["deny"] }',
  });
  const credentials = await role(hub, 'web');
  const { entity } = await login(hub, credentials);
  await must(hub, 'POST', `identity/entity/id/${entity}`, { name: 'web', policies: ['own', 'closed'] });
  await converged(hub);
  const { token } = await login(region, credentials);
  assert.equal((await write(region, 'web/a', token)).status, 200);
  assert.equal((await write(region, 'other/a', token)).status, 403);
  assert.equal(
    (await write(region, 'web/no', token)).status,
    403,
    'the region does not hold what denies it; the hub does',
  );
  await must(hub, 'POST', `identity/entity/id/${entity}`, { policies: ['hidden'] });
  await converged(hub);
  assert.equal(
    (await write(region, 'other/a', token)).status,
    403,
    'a policy that the region cannot hold gives it nothing',
  );
});

test('for an entity that a region does not hold, templates grant nothing at the hub', async () => {
  await using all = await world(['auth/', 'secret/', 'sys/policies/acl/']);
  const { hub, region } = all;
  const policy = `path "secret/data/{{identity.entity.id}}/*" ${WRITING} path "secret/data/plain" ${WRITING}`;
  await must(hub, 'PUT', 'sys/policies/acl/own', { policy });
  const credentials = await role(hub, 'web');
  await must(hub, 'POST', 'auth/approle/role/web', { token_policies: 'own' });
  const { entity } = await login(hub, credentials);
  await converged(hub);
  const here = await login(region, credentials);
  assert.equal(here.entity, entity, 'the same id, without having it from the hub');
  assert.equal((await write(region, 'plain', here.token)).status, 200);
  assert.equal((await write(region, `${entity}/a`, here.token)).status, 403);
});
