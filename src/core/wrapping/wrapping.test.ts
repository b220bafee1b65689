import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, runningNode } from '../../../test/support/node.ts';
import type { Outcome } from '../../framework/request.ts';

const bodyOf = (outcome: Outcome): { data: unknown; auth: { client_token: string; accessor: string } } =>
  JSON.parse(String(outcome.reply?.raw?.body)) as ReturnType<typeof bodyOf>;
const tokenOf = ({ wrapInfo }: Outcome): string => String(wrapInfo?.['token']);

test('a reply is wrapped into a token that gives it back once, to one of many', async () => {
  const { node, root } = await runningNode();
  await using _ = node;
  const wrapped = await ask(node, 'POST', 'sys/wrapping/wrap', { token: root, wrapTtl: 60, body: { x: 'y' } });
  assert.equal(wrapped.reply, undefined);
  assert.equal(wrapped.requestId, '');
  const { ttl, creation_path, accessor } = wrapped.wrapInfo ?? {};
  assert.deepEqual({ ttl, creation_path }, { ttl: 60, creation_path: 'sys/wrapping/wrap' });
  const token = tokenOf(wrapped);
  const look = await ask(node, 'POST', 'sys/wrapping/lookup', { body: { token } });
  assert.equal(look.reply?.data?.['creation_ttl'], 60);
  assert.equal(look.reply?.data?.['creation_time'], wrapped.wrapInfo?.['creation_time']);
  const tries = await Promise.all([
    ask(node, 'POST', 'sys/wrapping/unwrap', { token: root, body: { token } }),
    ask(node, 'POST', 'sys/wrapping/unwrap', { token }),
    ask(node, 'GET', 'cubbyhole/response', { token }),
    ask(node, 'POST', 'sys/wrapping/rewrap', { token: root, body: { token } }),
    ask(node, 'POST', 'sys/wrapping/unwrap', { token: root, body: { token } }),
  ]);
  assert.equal(tries.filter(({ status }) => status === 200).length, 1);
  assert.deepEqual(tries.map(({ status }) => status).sort(), [200, 400, 400, 400, 403]);
  for (const method of ['sys/wrapping/lookup', 'sys/wrapping/unwrap', 'sys/wrapping/rewrap']) {
    const late = await ask(node, 'POST', method, { token: root, body: { token } });
    assert.deepEqual(late.errors, ['wrapping token is not valid or does not exist']);
    assert.equal(late.status, 400);
  }
  assert.equal((await ask(node, 'POST', 'sys/wrapping/unwrap', { token })).status, 400);
  const gone = await ask(node, 'POST', 'auth/token/lookup-accessor', { token: root, body: { accessor } });
  assert.equal(gone.status, 400);
});

test('the body comes back as it would have been sent, flat keys included', async () => {
  const { node, root } = await runningNode();
  await using _ = node;
  const token = tokenOf(await ask(node, 'GET', 'sys/mounts', { token: root, wrapTtl: 60 }));
  const body = bodyOf(await ask(node, 'POST', 'sys/wrapping/unwrap', { token })) as object;
  assert.ok('sys/' in body);
});

test('a list is wrapped with its closing slash, a secret-id with its accessor', async () => {
  const { node, root: token } = await runningNode();
  await using _ = node;
  await ask(node, 'POST', 'sys/auth/approle', { token, body: { type: 'approle' } });
  await ask(node, 'POST', 'auth/approle/role/app', { token, body: {} });
  const listed = await ask(node, 'LIST', 'auth/approle/role', { token, wrapTtl: 60 });
  assert.equal(listed.wrapInfo?.['creation_path'], 'auth/approle/role/');
  const issued = await ask(node, 'POST', 'auth/approle/role/app/secret-id', { token, wrapTtl: 60, body: {} });
  const { data } = bodyOf(await ask(node, 'POST', 'sys/wrapping/unwrap', { token: tokenOf(issued) }));
  const { secret_id_accessor: accessor } = data as { secret_id_accessor: string };
  assert.equal(issued.wrapInfo?.['wrapped_accessor'], accessor);
});

test('a wrapped token can be revoked by who never saw it', async () => {
  const { node, root } = await runningNode();
  await using _ = node;
  const wrapped = await ask(node, 'POST', 'auth/token/create', { token: root, wrapTtl: 60, body: { ttl: '1h' } });
  const accessor = wrapped.wrapInfo?.['wrapped_accessor'];
  const { auth } = bodyOf(await ask(node, 'POST', 'sys/wrapping/unwrap', { token: tokenOf(wrapped) }));
  assert.equal(auth.accessor, accessor);
  assert.equal((await ask(node, 'GET', 'auth/token/lookup-self', { token: auth.client_token })).status, 200);
  assert.equal(
    (await ask(node, 'POST', 'auth/token/revoke-accessor', { token: root, body: { accessor } })).status,
    204,
  );
  assert.equal((await ask(node, 'GET', 'auth/token/lookup-self', { token: auth.client_token })).status, 403);
});

test('rewrapping keeps the time to live and the path, and ends the old token', async () => {
  const { node, root } = await runningNode();
  await using _ = node;
  const first = await ask(node, 'GET', 'sys/key-status', { token: root, wrapTtl: 90 });
  const second = await ask(node, 'POST', 'sys/wrapping/rewrap', { token: root, body: { token: tokenOf(first) } });
  assert.equal(second.wrapInfo?.['ttl'], 90);
  assert.equal(second.wrapInfo['creation_path'], 'sys/key-status');
  assert.notEqual(tokenOf(second), tokenOf(first));
  assert.equal((await ask(node, 'POST', 'sys/wrapping/unwrap', { token: tokenOf(first) })).status, 400);
  assert.equal((await ask(node, 'POST', 'sys/wrapping/unwrap', { token: tokenOf(second) })).status, 200);
});

test('a wrapping token is good for nothing else, and no other token is one', async () => {
  const { node, root } = await runningNode();
  await using _ = node;
  const wrap = async (): Promise<string> => tokenOf(await ask(node, 'GET', 'sys/mounts', { token: root, wrapTtl: 60 }));
  assert.equal((await ask(node, 'GET', 'sys/mounts', { token: await wrap() })).status, 403);
  assert.equal((await ask(node, 'GET', 'auth/token/lookup-self', { token: await wrap() })).status, 403);
  assert.equal((await ask(node, 'GET', 'cubbyhole/wrapinfo', { token: await wrap() })).status, 403);
  assert.equal((await ask(node, 'POST', 'sys/wrapping/unwrap', { token: root, body: { token: root } })).status, 400);
  assert.equal((await ask(node, 'POST', 'sys/wrapping/unwrap', { token: root })).status, 400);
  assert.equal((await ask(node, 'POST', 'sys/wrapping/unwrap')).status, 400);
  assert.equal((await ask(node, 'POST', 'sys/wrapping/wrap', { token: root, body: { x: 'y' } })).status, 400);
  const forged = await ask(node, 'POST', 'auth/token/create', {
    token: root,
    body: { policies: ['response-wrapping'] },
  });
  assert.equal(forged.status, 400);
  const policy = { policy: 'path "*" { capabilities = ["read"] }' };
  const taken = await ask(node, 'PUT', 'sys/policies/acl/response-wrapping', { token: root, body: policy });
  assert.equal(taken.status, 400);
});

test('what somebody put into their own cubbyhole opens nothing, and costs no use of their token', async () => {
  const { node, root } = await runningNode();
  await using _ = node;
  const policy = 'path "cubbyhole/*" { capabilities = ["create", "update", "read"] }';
  await ask(node, 'PUT', 'sys/policies/acl/own', { token: root, body: { policy } });
  const body = { policies: ['own'], num_uses: 4 };
  const made = await ask(node, 'POST', 'auth/token/create', { token: root, body });
  const token = String(made.auth?.['client_token']);
  for (const [name, held] of [
    ['response', { response: '{"data":{"x":"y"}}' }],
    ['wrapinfo', { creation_time: '2026-01-01T00:00:00Z', creation_path: 'kv/x', creation_ttl: 60 }],
  ] as const) {
    assert.equal((await ask(node, 'POST', `cubbyhole/${name}`, { token, body: held })).status, 204);
  }
  for (const path of ['sys/wrapping/lookup', 'sys/wrapping/unwrap', 'sys/wrapping/rewrap']) {
    const tried = await ask(node, 'POST', path, { token: root, body: { token } });
    assert.deepEqual([tried.status, tried.errors], [400, ['wrapping token is not valid or does not exist']], path);
  }
  assert.equal(node.services.tokens.find(token)?.record.numUses, 2);
});

test('a wrapped response is over with its time, and its data with it', async () => {
  let now = 1_000_000;
  const { node, root } = await runningNode({ now: () => now });
  await using _ = node;
  const token = tokenOf(await ask(node, 'GET', 'sys/mounts', { token: root, wrapTtl: 60 }));
  const count = (): number => {
    using snapshot = node.services.store.snapshot();
    return snapshot.list('l/root/data/cubbyhole/', { limit: 10 }).length;
  };
  assert.equal(count(), 2);
  now += 60_001;
  assert.equal((await ask(node, 'POST', 'sys/wrapping/unwrap', { token })).status, 400);
  await node.tick();
  assert.equal(count(), 0);
});

test('what has no content is not wrapped', async () => {
  const { node, root } = await runningNode();
  await using _ = node;
  const asking = { token: root, wrapTtl: 60 };
  assert.equal((await ask(node, 'GET', 'cubbyhole/nothing', asking)).status, 404);
  assert.equal((await ask(node, 'PUT', 'sys/rotate', asking)).status, 204);
  assert.equal((await ask(node, 'GET', 'sys/health', asking)).wrapInfo, null);
});
