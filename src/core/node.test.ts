import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, runningNode, testNode } from '../../test/support/node.ts';

test('a node is made, sealed, unsealed and sealed again', async () => {
  await using node = testNode();
  assert.equal((await ask(node, 'GET', 'sys/health')).status, 501);
  assert.equal((await ask(node, 'GET', 'sys/mounts')).status, 503);
  const made = await ask(node, 'PUT', 'sys/init', { body: { secret_shares: 3, secret_threshold: 2 } });
  const { keys, root_token: token } = made.reply?.bare as { keys: string[]; root_token: string };
  assert.equal(keys.length, 3);
  assert.equal((await ask(node, 'PUT', 'sys/init', { body: {} })).status, 400);
  assert.equal((await ask(node, 'GET', 'sys/health')).status, 503);
  const first = await ask(node, 'PUT', 'sys/unseal', { body: { key: keys[0] } });
  assert.equal(first.reply?.bare?.['progress'], 1);
  const second = await ask(node, 'PUT', 'sys/unseal', { body: { key: keys[1] } });
  assert.equal(second.reply?.bare?.['sealed'], false);
  assert.equal((await ask(node, 'GET', 'sys/mounts', { token })).status, 200);
  assert.equal((await ask(node, 'PUT', 'sys/seal', { token })).status, 204);
  assert.equal((await ask(node, 'GET', 'sys/mounts', { token })).status, 503);
});

test('a token may do what its policies say, and nothing after its parent is revoked', async () => {
  const { node, root } = await runningNode();
  await using _ = node;
  const policy = 'path "sys/mounts" { capabilities = ["read"] }';
  assert.equal((await ask(node, 'PUT', 'sys/policies/acl/look', { token: root, body: { policy } })).status, 204);
  const made = await ask(node, 'POST', 'auth/token/create', { token: root, body: { policies: ['look'], ttl: '1h' } });
  const { client_token: token, policies } = made.reply?.auth as { client_token: string; policies: string[] };
  assert.deepEqual(policies, ['default', 'look']);
  assert.equal((await ask(node, 'GET', 'sys/mounts', { token })).status, 200);
  assert.equal((await ask(node, 'GET', 'sys/policies/acl/look', { token })).status, 403);
  assert.equal((await ask(node, 'GET', 'auth/token/lookup-self', { token })).status, 200);
  const child = await ask(node, 'POST', 'auth/token/create', { token: root, body: { policies: ['look'] } });
  const { client_token: other } = child.reply?.auth as { client_token: string };
  assert.equal((await ask(node, 'POST', 'auth/token/revoke', { token: root, body: { token } })).status, 204);
  assert.equal((await ask(node, 'GET', 'sys/mounts', { token })).status, 403);
  assert.equal((await ask(node, 'GET', 'sys/mounts', { token: other })).status, 200);
});

test('a cubbyhole is its token’s alone and goes with it', async () => {
  const { node, root } = await runningNode();
  await using _ = node;
  const made = await ask(node, 'POST', 'auth/token/create', {
    token: root,
    body: { ttl: '1h', policies: ['default'] },
  });
  const { client_token: token } = made.reply?.auth as { client_token: string };
  assert.equal((await ask(node, 'POST', 'cubbyhole/a/b', { token, body: { x: 'y' } })).status, 204);
  assert.deepEqual((await ask(node, 'GET', 'cubbyhole/a/b', { token })).reply?.data, { x: 'y' });
  assert.equal((await ask(node, 'GET', 'cubbyhole/a/b', { token: root })).status, 404);
  assert.deepEqual((await ask(node, 'LIST', 'cubbyhole/', { token })).reply?.data, { keys: ['a/'] });
});

test('a node that cannot close one of its parts drops its keys all the same', async () => {
  const { node } = await runningNode({
    cluster: () => Promise.resolve({ [Symbol.asyncDispose]: () => Promise.reject(new Error('not closed')) }),
  });
  await assert.rejects(node.seal(), /not closed/);
  assert.throws(() => node.keyStatus(), { code: 'sealed' });
});
