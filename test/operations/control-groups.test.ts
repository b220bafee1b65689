/** Control groups on a running server: by the command line, over its threads, and over a hub and its region. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { testHub, testRegion, type TestHub } from '../support/cluster.ts';
import { controlled } from '../support/control-world.ts';
import { ask } from '../support/node.ts';
import { threadedServer } from '../support/threaded-server.ts';
import { run } from '../clients/support/run.ts';
import { executable } from '../clients/support/server.ts';

type Json = Readonly<Record<string, unknown>>;

/** A server, somebody who asks and somebody who approves. */
async function office(t: TestContext) {
  const threaded = await threadedServer(t);
  const { server, token: root } = threaded;
  const write = async (path: string, body: object, token = root): Promise<Json> => {
    const { status, json, text } = await server.ask('POST', `/v1/${path}`, { token, body });
    assert.ok(status < 300, `${path}: ${text}`);
    return (json['auth'] ?? json['data'] ?? {}) as Json;
  };
  const rule = controlled('secret/data/a', 'group_names = ["managers"] approvals = 1', 'ttl = "1h"');
  await write('sys/policies/acl/asks', { policy: rule });
  await write('sys/policies/acl/approver', {
    policy: 'path "sys/control-group/authorize" { capabilities = ["update"] }',
  });
  await write('auth/token/roles/people', { allowed_entity_aliases: '*', allowed_policies: 'default,asks,approver' });
  const person = async (entity_alias: string, policy: string) => {
    const auth = await write('auth/token/create/people', { entity_alias, policies: ['default', policy] });
    return {
      token: String(auth['client_token']),
      entity: String(auth['entity_id']),
      accessor: String(auth['accessor']),
    };
  };
  const [alice, bob] = [await person('alice', 'asks'), await person('bob', 'approver')];
  await write('identity/group', { name: 'managers', member_entity_ids: [bob.entity] });
  return { ...threaded, write, alice, bob };
}

test('the command line asks, approves and unwraps, and says what to do next', async (t) => {
  const { server, alice, bob, folder } = await office(t);
  const cli = (args: readonly string[], token: string) =>
    run(executable, args, {
      env: { PATH: process.env['PATH'], HOME: folder, VAULT_ADDR: `http://${address}`, VAULT_TOKEN: token },
      input: '',
    });
  const { host, port } = addressOf(await server.address());
  const address = `${host}:${String(port)}`;
  const asked = await cli(['read', 'secret/data/a'], alice.token);
  assert.equal(asked.code, 0, asked.stderr);
  const wrapping = /wrapping_token:\s+(\S+)/.exec(asked.stdout)?.[1] ?? '';
  const accessor = /wrapping_accessor:\s+(\S+)/.exec(asked.stdout)?.[1] ?? '';
  assert.match(asked.stdout, /wrapping_token_ttl:\s+1h/);
  assert.match(asked.stderr, new RegExp(`write sys/control-group/authorize accessor=${accessor}`));
  assert.match(asked.stderr, new RegExp(`lockstep unwrap ${wrapping}`));
  // In other forms nothing stands beside the reply.
  const json = await cli(['read', '-format=json', 'secret/data/a'], alice.token);
  assert.equal(json.stderr, '');
  assert.ok((JSON.parse(json.stdout) as { wrap_info?: object }).wrap_info);
  const early = await cli(['unwrap', wrapping], alice.token);
  assert.equal(early.code, 2);
  assert.match(early.stderr, /request needs further approval/);
  const approved = await cli(['write', 'sys/control-group/authorize', `accessor=${accessor}`], bob.token);
  assert.match(approved.stdout, /approved\s+true/);
  const standing = await cli(
    ['write', '-format=json', 'sys/control-group/request', `accessor=${accessor}`],
    alice.token,
  );
  const { data } = JSON.parse(standing.stdout) as { data: Json };
  assert.deepEqual([data['approved'], data['request_path']], [true, 'secret/data/a']);
  const given = await cli(['unwrap', '-format=json', wrapping], alice.token);
  assert.equal(given.code, 0, given.stderr);
  assert.deepEqual((JSON.parse(given.stdout) as { data: { data: Json } }).data.data, { value: 0 });
  assert.equal((await cli(['unwrap', wrapping], alice.token)).code, 2);
});

function addressOf(address: string | { readonly host: string; readonly port: number }) {
  if (typeof address !== 'string') return address;
  const url = new URL(address.includes('://') ? address : `http://${address}`);
  return { host: url.hostname, port: Number(url.port) };
}

test('no thread gives what needs an approval, from the moment that a policy asks for one', async (t) => {
  const { connections, write, alice } = await office(t);
  const statuses = async () => {
    const answers = await Promise.all(
      connections.map((each) => each.ask('GET', 'secret/data/a', { token: alice.token })),
    );
    return answers.map(
      ({ status, text }) => `${String(status)} ${text.includes('"wrap_info":null') ? 'data' : 'waits'}`,
    );
  };
  for (let round = 0; round < 5; round += 1) {
    assert.deepEqual([...new Set(await statuses())], ['200 waits']);
    await write('sys/policies/acl/asks', { policy: 'path "secret/data/a" { capabilities = ["read"] }' });
    assert.deepEqual([...new Set(await statuses())], ['200 data']);
    const rule = controlled('secret/data/a', 'group_names = ["managers"] approvals = 1', '', '["read", "update"]');
    await write('sys/policies/acl/asks', { policy: rule });
  }
});

test('the entries of the request, of its approval and of its release tie together by the accessor', async (t) => {
  const { server, folder, alice, bob } = await office(t);
  const asked = await server.ask('GET', '/v1/secret/data/a', { token: alice.token });
  const { token, accessor } = asked.json['wrap_info'] as { token: string; accessor: string };
  await server.ask('POST', '/v1/sys/control-group/authorize', { token: bob.token, body: { accessor } });
  const given = await server.ask('POST', '/v1/sys/wrapping/unwrap', { token: alice.token, body: { token } });
  assert.equal(given.status, 200, given.text);
  const text = readFileSync(join(folder, 'audit.log'), 'utf8');
  for (const secret of [token, accessor, alice.token, bob.token]) assert.ok(!text.includes(secret));
  const entries = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Entry);
  const answer = entries.find(({ type, response }) => type === 'response' && response?.wrap_info !== undefined);
  const hashed = answer?.response?.wrap_info?.accessor;
  assert.match(hashed ?? '', /^hmac-sha256:/);
  const approvals = entries.filter(
    ({ request }) => request.path === 'sys/control-group/authorize' && request.data?.['accessor'] === hashed,
  );
  assert.deepEqual(
    approvals.map(({ type, auth }) => [type, auth.entity_id]),
    [
      ['request', bob.entity],
      ['response', bob.entity],
    ],
  );
  const released = entries.filter(({ request }) => request.control_group_accessor === hashed);
  assert.deepEqual(
    released.map(({ type, auth, request: { path, operation } }) => [type, auth.entity_id, path, operation]),
    [
      ['request', alice.entity, 'secret/data/a', 'read'],
      ['response', alice.entity, 'secret/data/a', 'read'],
    ],
  );
  // The same id as when it was asked.
  assert.equal(released[0]?.request.id, answer?.request.id);
  assert.match(JSON.stringify(released[1]?.response), /hmac-sha256/);
});

interface Entry {
  readonly type: string;
  readonly auth: { readonly entity_id?: string };
  readonly request: {
    readonly id: string;
    readonly path: string;
    readonly operation: string;
    readonly data?: Json;
    readonly control_group_accessor?: string;
  };
  readonly response?: { readonly wrap_info?: { readonly accessor: string } };
}

async function converged(hub: TestHub): Promise<void> {
  const { reply } = await ask(hub.node, 'POST', 'sys/wait', { token: hub.root, body: { latest: true, timeout: 10 } });
  assert.equal(reply?.data?.['state'], 'done');
}

test('a region keeps and releases reads by itself; what the hub would write is asked of the hub', async () => {
  const hub = await testHub();
  await using _hub = hub.node;
  const write = async (at: TestHub, path: string, body: Json, token = at.root) => {
    const outcome = await ask(at.node, 'POST', path, { token, body });
    assert.ok(outcome.status < 300, `${path}: ${(outcome.errors ?? []).join()}`);
    return outcome.auth ?? outcome.reply?.auth ?? outcome.reply?.data ?? {};
  };
  await write(hub, 'sys/mounts/secret', { type: 'kv' });
  await write(hub, 'secret/a', { k: 'v' });
  await write(hub, 'sys/auth/approle', { type: 'approle' });
  const rule = controlled('secret/a', 'group_names = ["managers"] approvals = 1', '', '["read", "update"]');
  await write(hub, 'sys/policies/acl/eu-asks', { policy: rule });
  await write(hub, 'sys/policies/acl/eu-approver', {
    policy: 'path "sys/control-group/*" { capabilities = ["update"] }',
  });
  const secrets: Record<string, { role_id: string; secret_id: string }> = {};
  for (const [name, policy] of Object.entries({ alice: 'eu-asks', bob: 'eu-approver' })) {
    await write(hub, `auth/approle/role/${name}`, { token_policies: [policy], role_id: name });
    const { secret_id } = await write(hub, `auth/approle/role/${name}/secret-id`, {});
    secrets[name] = { role_id: name, secret_id: String(secret_id) };
  }
  const atHub = await write(hub, 'auth/approle/login', secrets['bob'] ?? {}, '');
  await write(hub, 'identity/group', { name: 'managers', member_entity_ids: [atHub['entity_id']] });
  const paths = ['secret/', 'auth/approle/', 'identity/', 'sys/policies/acl/eu-*'];
  const eu = await testRegion(hub, 'eu', paths);
  await using _eu = eu.node;
  await converged(hub);
  const alice = String((await write(eu, 'auth/approle/login', secrets['alice'] ?? {}, ''))['client_token']);
  const bob = String((await write(eu, 'auth/approle/login', secrets['bob'] ?? {}, ''))['client_token']);
  const asked = await ask(eu.node, 'GET', 'secret/a', { token: alice });
  const { token, accessor } = asked.wrapInfo as unknown as { token: string; accessor: string };
  // The hub has never heard of it.
  const elsewhere = await ask(hub.node, 'POST', 'sys/control-group/request', { token: hub.root, body: { accessor } });
  assert.equal(elsewhere.status, 400);
  await write(eu, 'sys/control-group/authorize', { accessor }, bob);
  const given = await ask(eu.node, 'POST', 'sys/wrapping/unwrap', { token: alice, body: { token } });
  assert.match(String(given.reply?.raw?.body), /"data":\{"k":"v"\}/);
  const change = await ask(eu.node, 'POST', 'secret/a', { token: alice, body: { k: 'w' } });
  assert.equal(change.status, 400);
  assert.match(change.errors?.join() ?? '', /ask the hub/);
  assert.equal((await ask(hub.node, 'GET', 'secret/a', { token: hub.root })).reply?.data?.['k'], 'v');
});
