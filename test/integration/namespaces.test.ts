import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, runningNode } from '../support/node.ts';

test('a namespace has its own mounts, policies and tokens, reached by header, by path or by both', async () => {
  const { node, root } = await runningNode();
  await using _ = node;
  const made = await ask(node, 'POST', 'sys/namespaces/team', { token: root });
  assert.equal(made.status, 200);
  assert.equal((await ask(node, 'POST', 'sys/namespaces/a', { token: root, namespace: 'team' })).status, 200);
  const mounted = await ask(node, 'POST', 'team/sys/mounts/secret', {
    token: root,
    namespace: '',
    body: { type: 'kv' },
  });
  assert.equal(mounted.status, 204);
  const inside = { token: root, namespace: 'team' };
  assert.equal((await ask(node, 'POST', 'secret/x', { ...inside, body: { k: 'v' } })).status, 204);
  assert.deepEqual((await ask(node, 'GET', 'team/secret/x', { token: root })).reply?.data, { k: 'v' });
  assert.equal((await ask(node, 'GET', 'secret/x', { token: root })).status, 404);
  const policy = 'path "secret/*" { capabilities = ["read"] }';
  await ask(node, 'PUT', 'sys/policies/acl/reader', { ...inside, body: { policy } });
  const created = await ask(node, 'POST', 'auth/token/create', { ...inside, body: { policies: ['reader'] } });
  const token = String(created.auth?.['client_token']);
  assert.match(token, /^hvs\.\w{24}\.\w{6}$/);
  assert.equal((await ask(node, 'GET', 'secret/x', { token, namespace: 'team' })).status, 200);
  assert.equal((await ask(node, 'GET', 'team/secret/x', { token })).status, 200);
  assert.equal((await ask(node, 'GET', 'secret/x', { token })).status, 403);
  assert.equal((await ask(node, 'GET', 'secret/x', { token, namespace: 'team/a' })).status, 403);
});
