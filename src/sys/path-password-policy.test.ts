import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, runningNode } from '../../test/support/node.ts';

const policy = 'length = 12\nrule "charset" { charset = "abc" min-chars = 1 }';

test('a password policy is written, read, listed, used and deleted', async () => {
  const { node, root: token } = await runningNode();
  const path = 'sys/policies/password/own';
  assert.equal((await ask(node, 'PUT', path, { token, body: { policy } })).status, 204);
  assert.deepEqual((await ask(node, 'GET', path, { token })).reply?.data, { policy });
  const made = await ask(node, 'GET', `${path}/generate`, { token });
  assert.match(String(made.reply?.data?.['password']), /^[abc]{12}$/);
  const base64 = Buffer.from(policy).toString('base64');
  await ask(node, 'PUT', 'sys/policies/password/other', { token, body: { policy: base64 } });
  assert.deepEqual((await ask(node, 'GET', 'sys/policies/password/other', { token })).reply?.data, { policy });
  const all = await ask(node, 'LIST', 'sys/policies/password', { token });
  assert.deepEqual(all.reply?.data, { keys: ['other', 'own'] });
  const page = await ask(node, 'LIST', 'sys/policies/password', { token, query: { limit: '1', after: 'other' } });
  assert.deepEqual(page.reply?.data, { keys: ['own'] });
  assert.equal((await ask(node, 'DELETE', path, { token })).status, 204);
  assert.equal((await ask(node, 'GET', path, { token })).status, 404);
  assert.equal((await ask(node, 'GET', `${path}/generate`, { token })).status, 404);
});

test('a document that makes no passwords is not kept, and who may not generate gets none', async () => {
  const { node, root: token } = await runningNode();
  const path = 'sys/policies/password/own';
  for (const body of [{}, { policy: '' }, { policy: 'length = 12' }, { policy: [1] }]) {
    assert.equal((await ask(node, 'PUT', path, { token, body })).status, 400, JSON.stringify(body));
  }
  assert.equal((await ask(node, 'GET', path, { token })).status, 404);
  assert.equal((await ask(node, 'GET', `${path}/generate`)).status, 403);
});
