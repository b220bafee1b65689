import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, runningNode } from '../../test/support/node.ts';

const DAY = 86_400_000;
const MERGE = 'application/merge-patch+json';
const reading = (path: string): string => `path "${path}" { capabilities = ["read"] }`;

/** A node whose clock is set by hand, and one policy of it. */
async function setUp() {
  let now = Date.UTC(2030, 0, 1);
  const { node, root: token } = await runningNode({ now: () => now });
  const path = 'sys/policies/acl/own';
  const put = async (body: object) => ask(node, 'PUT', path, { token, body: { policy: reading('a'), ...body } });
  const patch = async (body: object) => ask(node, 'PATCH', path, { token, body: { ...body }, contentType: MERGE });
  const read = async () => (await ask(node, 'GET', path, { token })).reply?.data;
  return {
    ...{ node, token, put, patch, read },
    later: (milliseconds: number) => {
      now += milliseconds;
    },
  };
}

test('a write replaces the version that it names, and no other', async () => {
  const { put, patch, read } = await setUp();
  assert.equal((await put({ cas: 1 })).status, 400);
  assert.equal((await put({ cas: 0 })).status, 204);
  assert.equal((await put({ cas: 0 })).status, 400);
  assert.equal((await put({ cas_required: true })).status, 400, 'the write that asks for it names one too');
  assert.equal((await put({ cas: 1, cas_required: true })).status, 204);
  const refused = await put({});
  assert.equal(refused.status, 400);
  assert.match(refused.errors?.join() ?? '', /check-and-set parameter required/);
  assert.equal((await patch({ cas_required: false })).status, 400);
  assert.equal((await patch({ cas: 2, cas_required: false })).status, 200);
  assert.equal((await put({})).status, 204);
  assert.equal((await read())?.['version'], 4);
});

test('a policy ends at a moment in seconds too, and its name has no blanks around it', async () => {
  const { node, token, read } = await setUp();
  const body = { policy: reading('b'), expiration: 1_900_000_000 };
  assert.equal((await ask(node, 'POST', 'sys/policies/acl/ own', { token, body })).status, 204);
  assert.equal((await read())?.['expiration'], '2030-03-17T17:46:40.000Z');
});

test('of two writes at once that name one version, one wins', async () => {
  const { put, read } = await setUp();
  await put({});
  const statuses = (await Promise.all([put({ cas: 1 }), put({ cas: 1 }), put({ cas: 1 })])).map(({ status }) => status);
  assert.deepEqual(statuses.sort(), [204, 400, 400]);
  assert.equal((await read())?.['version'], 2);
});

test('a patch changes what it gives, and nothing that is not there', async () => {
  const { put, patch, read, node, token } = await setUp();
  assert.equal((await patch({ cas_required: true })).status, 400);
  await put({ expiration: '2030-06-01T00:00:00Z' });
  assert.equal((await patch({ policy: reading('b') })).status, 200);
  assert.deepEqual(await read(), {
    ...{ name: 'own', policy: reading('b'), version: 2, cas_required: false },
    ...{ modified: '2030-01-01T00:00:00.000Z', expiration: '2030-06-01T00:00:00.000Z' },
    ...{ allow_slashes_in_identity_templates: false, allow_wildcards_in_identity_templates: false },
  });
  assert.equal((await patch({ policy: 'nonsense' })).status, 400);
  const root = 'sys/policies/acl/root';
  assert.equal(
    (await ask(node, 'PATCH', root, { token, body: { policy: reading('b') }, contentType: MERGE })).status,
    400,
  );
});

test('a policy that has ended grants nothing, on tokens that have it too, and is as if it were not there', async () => {
  const { node, token, put, later, read } = await setUp();
  await ask(node, 'POST', 'sys/mounts/kv', { token, body: { type: 'kv' } });
  await ask(node, 'POST', 'kv/a', { token, body: { x: 1 } });
  await put({ policy: reading('kv/a'), ttl: '1h' });
  const made = await ask(node, 'POST', 'auth/token/create', { token, body: { policies: ['own'] } });
  const own = String(made.auth?.['client_token']);
  assert.equal((await ask(node, 'GET', 'kv/a', { token: own })).status, 200);
  later(3_600_000 - 1);
  assert.equal((await ask(node, 'GET', 'kv/a', { token: own })).status, 200);
  later(1);
  assert.equal((await ask(node, 'GET', 'kv/a', { token: own })).status, 403);
  assert.equal(await read(), undefined);
  const { reply } = await ask(node, 'LIST', 'sys/policies/acl', { token });
  assert.deepEqual(reply?.data, { keys: ['default', 'root'] });
  // One that comes after it is the first again, and does not end with it.
  assert.equal((await put({ cas: 0 })).status, 204);
  later(DAY);
  assert.equal((await read())?.['version'], 1);
});

test('ends that contradict each other or have passed are refused', async () => {
  const { put, read } = await setUp();
  for (const body of [
    { expiration: '2029-12-31T00:00:00Z' },
    { expiration: 'tomorrow' },
    { expiration: '2031-01-01T00:00:00Z', ttl: '1h' },
    { ttl: '-1h' },
    { cas: 'one' },
  ]) {
    assert.equal((await put(body)).status, 400, JSON.stringify(body));
  }
  assert.equal(await read(), undefined);
});

test('a policy that nobody checks is answered as Vault does', async () => {
  const { put, read } = await setUp();
  await put({});
  assert.deepEqual(await read(), { name: 'own', policy: reading('a') });
});

test('policies are listed in pages, below folders and with their documents', async () => {
  const { node, token } = await setUp();
  for (const name of ['team/a', 'team/b', 'teams']) {
    await ask(node, 'PUT', `sys/policies/acl/${name}`, { token, body: { policy: reading(name) } });
  }
  const list = async (path: string, query = {}) =>
    (await ask(node, 'LIST', `sys/policies/${path}`, { token, query })).reply?.data;
  assert.deepEqual(await list('acl'), { keys: ['default', 'root', 'team/a', 'team/b', 'teams'] });
  assert.deepEqual(await list('acl', { limit: '2', after: 'root' }), { keys: ['team/a', 'team/b'] });
  assert.deepEqual(await list('acl/team'), { keys: ['team/a', 'team/b'] });
  assert.equal(await list('acl/none'), undefined);
  const detailed = await list('detailed/acl/team', { limit: '1' });
  assert.deepEqual(detailed?.['keys'], ['team/a']);
  const info = detailed?.['key_info'] as Record<string, Record<string, unknown>>;
  assert.equal(info['team/a']?.['policy'], reading('team/a'));
  assert.equal(Array.isArray((await list('detailed/acl'))?.['keys']), true);
  assert.equal((await ask(node, 'GET', 'sys/policies/acl/team/a', { token })).reply?.data?.['name'], 'team/a');
});

test('where a default policy of its own has ended, the built-in one holds again, on tokens that are there too', async () => {
  for (const policy of [reading('kv/a'), '# nothing']) {
    const { node, token, later } = await setUp();
    const child = await ask(node, 'POST', 'auth/token/create', { token, body: { policies: ['default'] } });
    const own = String(child.auth?.['client_token']);
    const status = async () => (await ask(node, 'GET', 'auth/token/lookup-self', { token: own })).status;
    const path = 'sys/policies/acl/default';
    assert.equal((await ask(node, 'PUT', path, { token, body: { policy, ttl: '1h' } })).status, 204);
    assert.equal(await status(), 403);
    later(3_600_000);
    assert.equal(await status(), 200, policy);
  }
});
