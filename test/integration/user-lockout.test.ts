/** User lockout over threads and regions. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testHub, testRegion, type TestHub } from '../support/cluster.ts';
import { ask } from '../support/node.ts';
import { threadedServer } from '../support/threaded-server.ts';

test('logins that any thread takes are counted together, and a seal opens no lock', async (t) => {
  const { server, token, key, connections } = await threadedServer(t);
  await server.ask('POST', '/v1/sys/auth/approle', { token, body: { type: 'approle' } });
  await server.ask('POST', '/v1/auth/approle/role/r', { token, body: { role_id: 'r' } });
  const { json } = await server.ask('POST', '/v1/auth/approle/role/r/secret-id', { token });
  const { secret_id: right } = json['data'] as { readonly secret_id: string };
  const login = async (at: number, secret: string) =>
    (await connections[at]?.ask('POST', 'auth/approle/login', { body: { role_id: 'r', secret_id: secret } }))?.status;
  const wrong = await Promise.all(connections.map((_, at) => login(at, `wrong-${String(at)}`)));
  assert.equal(wrong.filter((status) => status === 400).length, 5);
  assert.equal(wrong.filter((status) => status === 403).length, connections.length - 5);
  assert.deepEqual(
    await Promise.all(connections.map((_, at) => login(at, right))),
    wrong.map(() => 403),
  );
  const listed = await server.ask('GET', '/v1/sys/locked-users', { token });
  assert.equal((listed.json['data'] as { readonly total: number }).total, 1);
  await server.ask('POST', '/v1/sys/seal', { token });
  await server.ask('POST', '/v1/sys/unseal', { body: { key } });
  assert.equal(await login(0, right), 403);
});

async function converged(hub: TestHub): Promise<void> {
  const { reply } = await ask(hub.node, 'POST', 'sys/wait', { token: hub.root, body: { latest: true, timeout: 10 } });
  assert.equal(reply?.data?.['state'], 'done');
}

test('a region locks out by itself, as its hub has tuned the mount', async () => {
  const hub = await testHub();
  await using _hub = hub.node;
  const asHub = (method: string, path: string, body: Readonly<Record<string, unknown>>) =>
    ask(hub.node, method, path, { token: hub.root, body });
  await asHub('POST', 'sys/auth/approle', { type: 'approle' });
  await asHub('POST', 'auth/approle/role/r', { role_id: 'r' });
  await asHub('POST', 'sys/auth/approle/tune', { user_lockout_config: { lockout_threshold: 2 } });
  const { reply } = await asHub('POST', 'auth/approle/role/r/secret-id', {});
  const eu = await testRegion(hub, 'eu', ['auth/approle/']);
  await using _eu = eu.node;
  await converged(hub);
  const login = async (at: TestHub, secret: unknown) =>
    (await ask(at.node, 'POST', 'auth/approle/login', { body: { role_id: 'r', secret_id: secret } })).status;
  const right = reply?.data?.['secret_id'];
  assert.deepEqual([await login(eu, 'w'), await login(eu, 'w'), await login(eu, right)], [400, 400, 403]);
  assert.equal(await login(hub, right), 200);
  const total = async (at: TestHub) =>
    (await ask(at.node, 'GET', 'sys/locked-users', { token: at.root })).reply?.data?.['total'];
  assert.deepEqual([await total(eu), await total(hub)], [1, 0]);
});
