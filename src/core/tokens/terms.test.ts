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

test('what a request and its role both limit has the lesser limit, with a warning', async () => {
  const { node, root: token } = await runningNode();
  await using _ = node;
  const limits = { token_num_uses: 5, token_period: '1h', token_explicit_max_ttl: '4h' };
  await ask(node, 'POST', 'auth/token/roles/r', { token, body: limits });
  const make = (body: Readonly<Record<string, unknown>>) => ask(node, 'POST', 'auth/token/create/r', { token, body });
  const wide = await make({ num_uses: 50, period: '2h', explicit_max_ttl: '9h' });
  assert.deepEqual([wide.reply?.auth?.['num_uses'], granted(wide)], [5, 3600]);
  assert.equal(wide.warnings?.filter((text) => text.includes('lesser value')).length, 3);
  const narrow = await make({ num_uses: 2, period: '10m' });
  assert.deepEqual([narrow.reply?.auth?.['num_uses'], granted(narrow)], [2, 600]);
  const plain = await make({});
  assert.deepEqual([plain.reply?.auth?.['num_uses'], plain.warnings], [5, null]);
});

test('a token is renewed by its role as it is now, and no more once the role is gone', async () => {
  const { node, root: token } = await runningNode();
  await using _ = node;
  const role = (body: Readonly<Record<string, unknown>>) => ask(node, 'POST', 'auth/token/roles/r', { token, body });
  await role({ token_period: '2h' });
  const made = await ask(node, 'POST', 'auth/token/create/r', { token, body: {} });
  const own = String(made.reply?.auth?.['client_token']);
  const renew = () => ask(node, 'POST', 'auth/token/renew-self', { token: own });
  assert.equal(granted(await renew()), 7200);
  await role({ token_period: '10m' });
  assert.equal(granted(await renew()), 600);
  await role({ token_period: 0, token_explicit_max_ttl: '5m' });
  const capped = await renew();
  assert.ok(Number(granted(capped)) <= 300);
  assert.match(String(capped.warnings), /capped/);
  await ask(node, 'DELETE', 'auth/token/roles/r', { token });
  const { status, errors } = await renew();
  assert.deepEqual([status, errors], [400, ['the token role "r" is gone: its tokens are renewed no more']]);
});

test('the default policy is left out when that is asked for, also where it is named', async () => {
  const { node, root: token } = await runningNode();
  await using _ = node;
  const body = { policies: ['default', 'web'], no_default_policy: true };
  const { reply } = await ask(node, 'POST', 'auth/token/create', { token, body });
  assert.deepEqual(reply?.auth?.['policies'], ['web']);
});

test('a period is no longer than what the mount allows, at each renewal too', async () => {
  let now = 1_000_000;
  const { node, root } = await runningNode({ now: () => now });
  await using _ = node;
  const made = await ask(node, 'POST', 'auth/token/create', { token: root, body: { period: '100000h' } });
  assert.equal(granted(made), 2_764_800);
  assert.match(made.warnings?.[0] ?? '', /^period of "360000000s" exceeded the effective max_ttl of "2764800s"/);
  const token = String(made.reply?.auth?.['client_token']);
  now += 1_000 * 86_400;
  assert.equal(granted(await ask(node, 'POST', 'auth/token/renew-self', { token })), 2_764_800);
  const short = { period: '1h', explicit_max_ttl: '30m' };
  assert.equal(granted(await ask(node, 'POST', 'auth/token/create', { token: root, body: short })), 1_800);
});

test('a role is refused for what no token could have', async () => {
  const { node, root: token } = await runningNode();
  await using _ = node;
  const role = async (body: Readonly<Record<string, unknown>>, name = 'r') => {
    const { status, errors } = await ask(node, 'POST', `auth/token/roles/${name}`, { token, body });
    return [status, errors?.[0] ?? ''] as const;
  };
  const wrong: readonly (readonly [Readonly<Record<string, unknown>>, RegExp])[] = [
    [{ token_num_uses: -1 }, /cannot be negative/],
    ...['x', 'ab', '-ab', 'ab.', 'a..b', 'a b'].map((path_suffix) => [{ path_suffix }, /path_suffix has/] as const),
  ];
  for (const [body, why] of wrong) {
    const [status, error] = await role(body);
    assert.equal(status, 400, JSON.stringify(body));
    assert.match(error, why);
  }
  assert.equal((await role({}, 'a b'))[0], 400);
  assert.equal((await role({ path_suffix: 'a-b.c' }))[0], 204);
});

test('the default policy is not allowed beside root alone', async () => {
  const { node, root: token } = await runningNode();
  await using _ = node;
  const asked = async (allowed: string): Promise<number> => {
    await ask(node, 'POST', 'auth/token/roles/r', { token, body: { allowed_policies: allowed } });
    return (await ask(node, 'POST', 'auth/token/create/r', { token, body: { policies: ['default'] } })).status;
  };
  assert.deepEqual([await asked('root'), await asked('reader')], [400, 200]);
});

test('the last use of a token is told', async () => {
  const { node, root } = await runningNode();
  await using _ = node;
  const made = await ask(node, 'POST', 'auth/token/create', { token: root, body: { num_uses: 2, ttl: '1h' } });
  const token = String(made.reply?.auth?.['client_token']);
  const left = async () => (await ask(node, 'GET', 'auth/token/lookup-self', { token })).reply?.data?.['num_uses'];
  assert.deepEqual([await left(), await left()], [1, -1]);
});
