import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, runningNode } from '../../../test/support/node.ts';
import type { Outcome } from '../../framework/request.ts';

const granted = (outcome: Outcome): unknown => outcome.reply?.auth?.['lease_duration'];

test('a policy that does not exist is warned of', async () => {
  const { node, root: token } = await runningNode();
  const body = { policies: ['default', 'nope'] };
  const { status, warnings } = await ask(node, 'POST', 'auth/token/create', { token, body });
  assert.deepEqual([status, warnings], [200, ['Policy "nope" does not exist']]);
  await node[Symbol.asyncDispose]();
});

test('a reply says the time to live that was granted, not what is left a moment later', async () => {
  let now = 1_000_000;
  const { node, root: token } = await runningNode({ now: () => (now += 7) });
  await using _ = node;
  const made = await ask(node, 'POST', 'auth/token/create', { token, body: { ttl: '30m', explicit_max_ttl: '5m' } });
  assert.equal(granted(made), 300);
});

test('a renewal without an increment gives what the creation gave', async () => {
  let now = 1_000_000;
  const { node, root } = await runningNode({ now: () => now });
  await using _ = node;
  const made = await ask(node, 'POST', 'auth/token/create', { token: root, body: { ttl: '1h' } });
  const token = String(made.reply?.auth?.['client_token']);
  now += 600_000;
  assert.equal(granted(await ask(node, 'POST', 'auth/token/renew-self', { token })), 3600);
  assert.equal(granted(await ask(node, 'POST', 'auth/token/renew-self', { token, body: { increment: 60 } })), 60);
});

test('what is empty was not given', async () => {
  const { node, root: token } = await runningNode();
  await using _ = node;
  const body = { id: '', entity_alias: '', display_name: '', type: '', ttl: '', period: '', explicit_max_ttl: '' };
  const made = await ask(node, 'POST', 'auth/token/create', { token, body });
  const id = String(made.reply?.auth?.['client_token']);
  assert.match(id, /^hvs\.[A-Za-z0-9]{24}$/);
  const shown = await ask(node, 'POST', 'auth/token/lookup', { token, body: { token: id } });
  assert.equal(shown.reply?.data?.['display_name'], 'token');
  const named = await ask(node, 'POST', 'auth/token/create', { token, body: { display_name: 'a b/' } });
  const other = { token: named.reply?.auth?.['client_token'] };
  const look = await ask(node, 'POST', 'auth/token/lookup', { token, body: other });
  assert.equal(look.reply?.data?.['display_name'], 'token-a-b');
});

test('help of a mount lists its paths, for those who hold a token', async () => {
  const { node, root: token } = await runningNode();
  await using _ = node;
  for (const path of ['sys', 'sys/', 'auth/token']) {
    const shown = await ask(node, 'GET', path, { token, help: true });
    assert.match(String(shown.reply?.bare?.['help']), /## PATHS\n\n {4}\w/);
  }
  assert.equal((await ask(node, 'GET', 'sys', { help: true })).status, 403);
  assert.equal((await ask(node, 'GET', 'sys', { token })).status, 404);
});
