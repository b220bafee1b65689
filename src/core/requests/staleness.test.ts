import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ask, runningNode } from '../../../test/support/node.ts';
import type { HubLink } from '../cluster.ts';

/** A node that holds what a region holds, and whose link says how old that is. */
async function region() {
  const at = { age: 0 };
  const link = { age: () => at.age, followed: () => ({}), standing: () => ({}), status: () => ({}) } as HubLink;
  const cluster = () => Promise.resolve({ link, [Symbol.asyncDispose]: () => Promise.resolve() });
  const made = await runningNode({ cluster, settings: { staleness: { budget: 100, logins: 10 } } });
  const token = made.root;
  const set = (path: string, body: object) => ask(made.node, 'POST', path, { token, body: { ...body } });
  await set('sys/mounts/kv', { type: 'kv' });
  await set('sys/mounts/here', { type: 'kv', local: true });
  await set('sys/auth/approle', { type: 'approle' });
  await set('auth/approle/role/web', { bind_secret_id: false, secret_id_bound_cidrs: '127.0.0.1/32' });
  await set('kv/a', { a: 'b' });
  await set('here/a', { a: 'b' });
  const role = await ask(made.node, 'GET', 'auth/approle/role/web/role-id', { token });
  return { ...made, at, login: { body: { role_id: String(role.reply?.data?.['role_id']) } } };
}

test('within its budget a region that is cut off reads and logs in', async () => {
  const { node, root: token, at, login } = await region();
  await using _ = node;
  at.age = 10_900;
  assert.equal((await ask(node, 'POST', 'auth/approle/login', login)).status, 200);
  at.age = 100_900;
  assert.equal((await ask(node, 'GET', 'kv/a', { token })).status, 200);
});

test('beyond it shared data and logins are refused by name; its own goes on, and all works again after a word', async () => {
  const { node, root: token, at, login } = await region();
  await using _ = node;
  at.age = 11_000;
  const late = await ask(node, 'POST', 'auth/approle/login', login);
  assert.deepEqual([late.status, /11 s .*10 s \(offline_login_max\)/.test(String(late.errors))], [503, true]);
  assert.equal((await ask(node, 'GET', 'kv/a', { token })).status, 200);
  at.age = 101_000;
  const stale = await ask(node, 'GET', 'kv/a', { token });
  assert.deepEqual([stale.status, /101 s .*100 s \(staleness_budget\)/.test(String(stale.errors))], [503, true]);
  assert.equal((await ask(node, 'LIST', 'kv/', { token })).status, 503);
  assert.equal((await ask(node, 'GET', 'auth/approle/role/web', { token })).status, 503);
  for (const path of ['here/a', 'sys/mounts', 'auth/token/lookup-self', 'sys/health']) {
    assert.equal((await ask(node, 'GET', path, { token })).status, 200, path);
  }
  at.age = 0;
  assert.equal((await ask(node, 'GET', 'kv/a', { token })).status, 200);
  assert.equal((await ask(node, 'POST', 'auth/approle/login', login)).status, 200);
});

test('who may not read is told so, not how old the copy is', async () => {
  const { node, at } = await region();
  await using _ = node;
  at.age = 101_000;
  assert.equal((await ask(node, 'GET', 'kv/a', { token: 'unknown' })).status, 403);
});
