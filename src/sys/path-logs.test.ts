import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, runningNode, type RunningNode } from '../../test/support/node.ts';

async function monitor({ node }: RunningNode, token: string, query: Readonly<Record<string, string>> = {}) {
  const { status, reply, errors } = await ask(node, 'GET', 'sys/monitor', { token, query });
  return { status, errors, lines: reply?.stream?.body[Symbol.asyncIterator]() };
}

async function reader(running: RunningNode): Promise<string> {
  const { node, root: token } = running;
  const policy = 'path "sys/monitor" { capabilities = ["read"] }';
  await ask(node, 'PUT', 'sys/policies/acl/m', { token, body: { policy } });
  const made = await ask(node, 'POST', 'auth/token/create', { token, body: { policies: ['m'] } });
  return String(made.auth?.['client_token']);
}

test('levels are read, set and set back, and refused by name', async () => {
  const { node, root: token } = await runningNode();
  node.logs.log.named('events');
  const level = async (name: string) => (await ask(node, 'GET', `sys/loggers/${name}`, { token })).reply?.data;
  assert.equal((await ask(node, 'POST', 'sys/loggers/events', { token, body: { level: 'TRACE' } })).status, 204);
  assert.deepEqual(await level('events'), { events: 'trace' });
  assert.deepEqual(await level('core'), { core: 'info' });
  assert.deepEqual(await level('nobody'), {});
  assert.equal((await ask(node, 'DELETE', 'sys/loggers/events', { token })).status, 204);
  assert.deepEqual(await level('events'), { events: 'info' });
  assert.equal((await ask(node, 'PUT', 'sys/loggers', { token, body: { level: 'warn' } })).status, 204);
  assert.deepEqual((await ask(node, 'GET', 'sys/loggers', { token })).reply?.data, { core: 'warn', events: 'warn' });
  assert.equal((await ask(node, 'DELETE', 'sys/loggers', { token })).status, 204);
  for (const [path, body] of [
    ['loggers', {}],
    ['loggers', { level: 'loud' }],
    ['loggers/nobody', { level: 'info' }],
  ] as const) {
    assert.equal((await ask(node, 'POST', `sys/${path}`, { token, body })).status, 400, path);
  }
  assert.equal((await ask(node, 'DELETE', 'sys/loggers/nobody', { token })).status, 400);
});

test('the log is followed from the level and in the form that was asked for', async () => {
  const running = await runningNode();
  const { lines } = await monitor(running, running.root, { log_level: 'debug', log_format: 'json' });
  running.node.logs.log.trace('unheard');
  running.node.logs.log.debug('heard', { key: 1 });
  const { value } = (await lines?.next()) ?? {};
  assert.deepEqual(JSON.parse(String(value)), {
    ...(JSON.parse(String(value)) as object),
    '@level': 'debug',
    '@message': 'heard',
    key: 1,
  });
  await lines?.return?.();
  assert.equal(running.node.monitors.size, 0);
});

test('a slow reader is told how many lines it missed, and memory stays bounded', async () => {
  const running = await runningNode();
  const { lines } = await monitor(running, running.root);
  for (let at = 0; at < 2_000; at += 1) running.node.logs.log.info('line', { at });
  const { value } = (await lines?.next()) ?? {};
  assert.equal(String(value).match(/ line at=/g)?.length, 512);
  assert.match(String(value), /left out.*lines=1488/);
});

test('a monitor ends with its token, with its right, and with the seal', async () => {
  const running = await runningNode();
  const { node, root: token } = running;
  const own = await reader(running);
  const first = await monitor(running, own);
  await ask(node, 'POST', 'auth/token/revoke', { token, body: { token: own } });
  assert.equal((await first.lines?.next())?.done, true);

  const second = await monitor(running, await reader(running));
  await ask(node, 'DELETE', 'sys/policies/acl/m', { token });
  assert.equal((await second.lines?.next())?.done, true);

  const third = await monitor(running, token);
  await ask(node, 'PUT', 'sys/seal', { token });
  assert.equal((await third.lines?.next())?.done, true);
  assert.equal(node.monitors.size, 0);
});

test('a monitor tells nothing once the policy that allowed it has expired', async () => {
  let now = Date.now();
  const running = await runningNode({ now: () => now });
  const { node, root: token } = running;
  const { lines } = await monitor(running, await reader(running));
  node.logs.log.info('before');
  assert.match(String((await lines?.next())?.value), /before/);
  const policy = 'path "sys/monitor" { capabilities = ["read"] }';
  await ask(node, 'PUT', 'sys/policies/acl/m', { token, body: { policy, ttl: '60s' } });
  now += 61_000;
  node.logs.log.info('after');
  assert.equal((await lines?.next())?.done, true);
  assert.equal(node.monitors.size, 0);
});

test('who may not, or asks for what is not there, follows nothing', async () => {
  const running = await runningNode();
  assert.equal((await monitor(running, 'unknown')).status, 403);
  assert.equal((await monitor(running, running.root, { log_level: 'loud' })).status, 400);
  assert.equal((await monitor(running, running.root, { log_format: 'xml' })).status, 400);
  assert.equal(running.node.monitors.size, 0);
});
