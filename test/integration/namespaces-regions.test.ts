import assert from 'node:assert/strict';
import { test } from 'node:test';
import { everyKey } from '../../src/storage/every-key.ts';
import type { Store } from '../../src/storage/store.ts';
import { addRegion, testHub, testRegion, type TestHub } from '../support/cluster.ts';
import { ask } from '../support/node.ts';

const POLICY = 'path "secret/data/*" { capabilities = ["create", "read", "update"] }';

async function hubWith(...names: readonly string[]): Promise<TestHub> {
  const hub = await testHub();
  for (const name of names) {
    await ask(hub.node, 'POST', `sys/namespaces/${name}`, { token: hub.root });
    const inside = { token: hub.root, namespace: name };
    await ask(hub.node, 'POST', 'sys/mounts/secret', { ...inside, body: { type: 'kv-v2' } });
    await ask(hub.node, 'PUT', 'sys/policies/acl/app', { ...inside, body: { policy: POLICY } });
    await ask(hub.node, 'POST', 'secret/data/db', { ...inside, body: { data: { of: name } } });
  }
  return hub;
}

async function converged(hub: TestHub): Promise<void> {
  const { reply } = await ask(hub.node, 'POST', 'sys/wait', { token: hub.root, body: { latest: true, timeout: 10 } });
  assert.equal(reply?.data?.['state'], 'done');
}

/** The shared keys that a region holds outside of the root namespace, by the id of theirs. */
function namespacesIn(store: Store): readonly string[] {
  using snapshot = store.snapshot();
  const shared = [...everyKey(snapshot, 's/')].map((key) => key.split('/'));
  const known = shared.map(([, namespace = '', area, id = '']) =>
    namespace !== 'root' ? namespace : area === 'namespaces' ? id : '',
  );
  return [...new Set(known.filter((id) => id !== ''))].sort();
}

const idOf = (hub: TestHub, path: string): string => hub.node.services.namespaces.byPath(path)?.id ?? '';

test('a region has the namespaces of its filter and knows of no other', async () => {
  const hub = await hubWith('eu', 'us');
  await using _hub = hub.node;
  const eu = await testRegion(hub, 'eu', ['eu/']);
  await using _eu = eu.node;
  await converged(hub);
  assert.deepEqual(namespacesIn(eu.behind), [idOf(hub, 'eu/')]);
  const read = (namespace: string) => ask(eu.node, 'GET', 'secret/data/db', { token: eu.root, namespace });
  assert.deepEqual((await read('eu')).reply?.data?.['data'], { of: 'eu' });
  assert.equal((await read('us')).status, 404);
  assert.equal((await ask(eu.node, 'GET', 'us/secret/data/db', { token: eu.root })).status, 404);
  const listed = await ask(eu.node, 'LIST', 'sys/namespaces', { token: eu.root });
  assert.deepEqual(listed.reply?.data?.['keys'], ['eu/']);
  // One that is made later, and what is in it, follows; a policy alone comes without the mounts beside it.
  const inside = { token: hub.root, namespace: 'eu' };
  await ask(hub.node, 'POST', 'sys/namespaces/a', inside);
  await ask(hub.node, 'POST', 'sys/mounts/kv', { token: hub.root, namespace: 'eu/a', body: { type: 'kv' } });
  await ask(hub.node, 'POST', 'kv/x', { token: hub.root, namespace: 'eu/a', body: { k: 'v' } });
  await converged(hub);
  assert.deepEqual((await ask(eu.node, 'GET', 'eu/a/kv/x', { token: eu.root })).reply?.data, { k: 'v' });
});

test('a token of a region works in its namespace there, and its writes are decided by that namespace’s policies at the hub', async () => {
  const hub = await hubWith('eu', 'us');
  await using _hub = hub.node;
  const eu = await testRegion(hub, 'eu', ['eu/']);
  await using _eu = eu.node;
  await converged(hub);
  const asking = { token: eu.root, namespace: 'eu', body: { policies: ['app'] } };
  const made = await ask(eu.node, 'POST', 'auth/token/create', asking);
  const token = String(made.auth?.['client_token']);
  const write = (namespace: string, path = 'secret/data/new') =>
    ask(eu.node, 'POST', path, { token, namespace, body: { data: { by: 'eu' } } });
  const written = await write('eu');
  assert.equal(written.status, 200, JSON.stringify(written.errors));
  assert.equal((await write('', 'eu/secret/data/other')).status, 200);
  const atHub = await ask(hub.node, 'GET', 'secret/data/new', { token: hub.root, namespace: 'eu' });
  assert.deepEqual(atHub.reply?.data?.['data'], { by: 'eu' });
  assert.equal((await write('us')).status, 404);
  assert.equal((await write('')).status, 403);
  // At the hub the policy is gone, and with it the right.
  await ask(hub.node, 'DELETE', 'sys/policies/acl/app', { token: hub.root, namespace: 'eu' });
  assert.equal((await write('eu')).status, 403);
});

test('a region that may no longer hold a namespace, or whose hub deletes it, has nothing of it left', async () => {
  const hub = await hubWith('eu', 'us');
  await using _hub = hub.node;
  const both = await testRegion(hub, 'both', ['eu/', 'us/']);
  await using _both = both.node;
  await converged(hub);
  assert.equal(namespacesIn(both.behind).length, 2);
  const made = await ask(both.node, 'POST', 'auth/token/create', { token: both.root, namespace: 'us', body: {} });
  const token = String(made.auth?.['client_token']);
  assert.equal((await ask(both.node, 'GET', 'auth/token/lookup-self', { token })).status, 200);
  await ask(hub.node, 'PATCH', 'sys/regions/both', { token: hub.root, body: { paths: ['eu/'] } });
  await converged(hub);
  assert.deepEqual(namespacesIn(both.behind), [idOf(hub, 'eu/')]);
  assert.equal((await ask(both.node, 'GET', 'auth/token/lookup-self', { token })).status, 403);
  await ask(hub.node, 'DELETE', 'sys/namespaces/eu', { token: hub.root });
  await hub.node.services.namespaceChanges.resumeRemovals();
  await converged(hub);
  assert.deepEqual(namespacesIn(both.behind), []);
});

test('a region that starts from a snapshot under a filter on one path inside gets that alone', async () => {
  const hub = await hubWith('eu', 'us');
  await using _hub = hub.node;
  await ask(hub.node, 'POST', 'secret/data/apps/a', { token: hub.root, namespace: 'us', body: { data: { k: 'v' } } });
  await addRegion(hub, 'other', ['us/']);
  const narrow = await testRegion(hub, 'narrow', ['us/secret/apps/', 'us/sys/policies/acl/none']);
  await using _narrow = narrow.node;
  await hub.node.hub.remove('other');
  await converged(hub);
  const read = (path: string) => ask(narrow.node, 'GET', path, { token: narrow.root, namespace: 'us' });
  assert.equal((await read('secret/data/apps/a')).status, 200);
  assert.equal((await read('secret/data/db')).status, 404);
  assert.equal((await read('sys/policies/acl/app')).status, 404);
  assert.deepEqual(namespacesIn(narrow.behind), [idOf(hub, 'us/')]);
});

/** Asks until it is over. */
async function moved(hub: TestHub, from: string, to: string): Promise<void> {
  const begun = await ask(hub.node, 'POST', 'sys/remount', { token: hub.root, body: { from, to } });
  const id = String(begun.reply?.data?.['migration_id']);
  for (let status: unknown = 'in-progress'; status === 'in-progress';) {
    const found = await ask(hub.node, 'GET', `sys/remount/status/${id}`, { token: hub.root });
    const info = found.reply?.data?.['migration_info'] as Readonly<Record<string, unknown>> | undefined;
    status = info?.['status'];
    if (status !== 'in-progress') assert.equal(status, 'success');
  }
}

function holds(store: Store, part: string): boolean {
  using snapshot = store.snapshot();
  return [...everyKey(snapshot, 's/')].some((key) => key.includes(part));
}

test('a mount that moves between namespaces leaves the regions that may not have it, and comes to those that may', async () => {
  const hub = await hubWith('eu', 'us');
  await using _hub = hub.node;
  const eu = await testRegion(hub, 'eu', ['eu/']);
  await using _eu = eu.node;
  const us = await testRegion(hub, 'us', ['us/moved/apps/', 'us/secret/']);
  await using _us = us.node;
  await ask(hub.node, 'POST', 'eu/secret/data/apps/a', { token: hub.root, body: { data: { k: 'v' } } });
  await converged(hub);
  const old = hub.node.services.mounts.at(idOf(hub, 'eu/'), 'secret/')?.record.uuid ?? '-';
  assert.ok(holds(eu.behind, old));
  const read = (path: string, at: { node: typeof us.node; root: string }) =>
    ask(at.node, 'GET', path, { token: at.root });
  assert.equal((await read('eu/secret/data/apps/a', eu)).status, 200);
  await moved(hub, 'eu/secret', 'us/moved');
  await converged(hub);
  const now = hub.node.services.mounts.at(idOf(hub, 'us/'), 'moved/')?.record.uuid ?? '-';
  assert.deepEqual([holds(eu.behind, old), holds(eu.behind, now)], [false, false]);
  assert.equal((await read('eu/secret/data/apps/a', eu)).status, 404);
  // Its filter lets through what lies below one path of it, and no more.
  assert.deepEqual((await read('us/moved/data/apps/a', us)).reply?.data?.['data'], { k: 'v' });
  assert.equal((await read('us/moved/data/db', us)).status, 404);
  assert.equal(holds(us.behind, old), false);
  await moved(hub, 'us/moved', 'eu/back');
  await converged(hub);
  assert.equal(holds(us.behind, now), false);
  assert.deepEqual((await read('eu/back/data/db', eu)).reply?.data?.['data'], { of: 'eu' });
});
