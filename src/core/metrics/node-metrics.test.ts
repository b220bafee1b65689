import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ask, requestOf, runningNode, testNode } from '../../../test/support/node.ts';
import type { Cluster } from '../cluster.ts';
import type { Node } from '../node.ts';

async function scrape(node: Node, token: string): Promise<string> {
  const { reply, status } = await ask(node, 'GET', 'sys/metrics', { token, query: { format: 'prometheus' } });
  assert.equal(status, 200);
  assert.match(reply?.raw?.contentType ?? '', /^text\/plain; version=0\.0\.4/);
  return String(reply?.raw?.body);
}

const open = { unauthenticatedMetrics: true };

/** The value of a series; undefined when it is not there. */
function value(text: string, series: string): number | undefined {
  const line = text.split('\n').find((one) => one.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

test('requests, logins, tokens, mounts, the barrier and the audit are counted under Vault’s names', async () => {
  const { node, root } = await runningNode({ audit: { declared: [discard] } });
  await using _ = node;
  const before = await scrape(node, root);
  const made = await ask(node, 'POST', 'auth/token/create', { token: root, body: { ttl: '1h' } });
  await ask(node, 'POST', 'cubbyhole/a', { token: root, body: { secret: 'CANARY-VALUE' } });
  await ask(node, 'GET', 'cubbyhole/a', { token: root });
  await ask(node, 'GET', 'cubbyhole/CANARY-PATH', { token: 'CANARY-TOKEN' });
  await ask(node, 'GET', 'sys/seal-status');
  await ask(node, 'POST', 'auth/token/revoke', { token: root, body: { token: String(made.auth?.['client_token']) } });
  const after = await scrape(node, root);
  const grown = (name: string): number => (value(after, name) ?? 0) - (value(before, name) ?? 0);
  assert.equal(grown('vault_core_handle_request_count'), 6);
  assert.equal(grown('vault_core_handle_login_request_count'), 1);
  assert.equal(grown('vault_token_create_count'), 1);
  assert.equal(grown('vault_token_revoke_count'), 1);
  assert.ok(grown('vault_token_lookup_count') >= 6);
  assert.equal(grown('vault_route_create_cubbyhole__count'), 1);
  assert.equal(grown('vault_route_read_cubbyhole__count'), 1);
  assert.equal(grown('vault_audit_log_request_count'), 6);
  assert.equal(grown('vault_audit_nowhere_log_response_count'), 6);
  assert.equal(grown('vault_audit_log_request_failure'), 0);
  assert.ok(grown('vault_barrier_get_count') > 0 && grown('vault_barrier_put_count') > 0);
  assert.equal(value(after, 'vault_core_unsealed'), 1);
  assert.equal(value(after, 'vault_core_in_flight_requests'), 1);
  assert.equal(value(after, 'vault_core_mount_table_num_entries{type="auth",local="false"}'), 1);
  assert.ok(grown('lockstep_store_position') >= 3);
  assert.doesNotMatch(after, /CANARY/);
  assert.equal(after.includes(root), false);
});

const discard = { path: 'nowhere', type: 'file', description: '', local: false, options: { file_path: 'discard' } };

test('entries that nobody could record are counted', async () => {
  const full = { ...discard, path: 'full', options: { file_path: '/dev/full', skip_test: 'true' } };
  const { node, root } = await runningNode({ audit: { declared: [full] } });
  await using _ = node;
  assert.equal((await ask(node, 'GET', 'cubbyhole/a', { token: root })).status, 500);
  const { reply } = await node.handle({ ...requestOf('GET', 'sys/metrics'), query: prometheus, listener: open });
  const text = String(reply?.raw?.body);
  assert.equal(value(text, 'vault_audit_log_request_failure'), 1);
  assert.equal(value(text, 'vault_audit_full_log_request_failure'), 1);
});

const prometheus = { format: 'prometheus' };

test('metrics need a token and a policy, unless the listener serves them to anybody', async () => {
  const { node, root } = await runningNode();
  await using _ = node;
  assert.equal((await ask(node, 'GET', 'sys/metrics')).status, 403);
  const weak = await ask(node, 'POST', 'auth/token/create', { token: root, body: { policies: ['default'] } });
  assert.equal((await ask(node, 'GET', 'sys/metrics', { token: String(weak.auth?.['client_token']) })).status, 403);
  assert.equal((await node.handle({ ...requestOf('GET', 'sys/metrics'), listener: open })).status, 200);
  const json = await ask(node, 'GET', 'sys/metrics', { token: root });
  assert.deepEqual(Object.keys(json.reply?.bare ?? {}), ['Timestamp', 'Gauges', 'Points', 'Counters', 'Samples']);
  assert.equal((await ask(node, 'GET', 'sys/metrics', { token: root, query: { format: 'xml' } })).status, 400);
  const off = await runningNode({ settings: { prometheus: false } });
  await using _off = off.node;
  assert.equal((await ask(off.node, 'GET', 'sys/metrics', { token: off.root, query: prometheus })).status, 400);
});

test('a sealed node shows that it is, to those who may see metrics without a token', async () => {
  await using node = testNode();
  assert.equal((await ask(node, 'GET', 'sys/metrics', { token: 'x' })).status, 503);
  const { reply } = await node.handle({ ...requestOf('GET', 'sys/metrics'), query: prometheus, listener: open });
  const text = String(reply?.raw?.body);
  assert.equal(value(text, 'vault_core_unsealed'), 0);
  assert.equal(value(text, 'lockstep_store_position'), undefined);
});

test('a hub shows each region', async () => {
  const eu = { connected: true, lag: 3, index: 7, blocked: null };
  const cluster = (): Promise<Cluster> =>
    Promise.resolve({
      hub: { list: () => ['eu', 'us'], describe: (name: string) => (name === 'eu' ? eu : { lag: null }) },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    } as unknown as Cluster);
  const { node, root } = await runningNode({ cluster });
  await using _ = node;
  const text = await scrape(node, root);
  assert.equal(value(text, 'lockstep_region_connected{region="eu"}'), 1);
  assert.equal(value(text, 'lockstep_region_lag{region="eu"}'), 3);
  assert.equal(value(text, 'lockstep_region_lag{region="us"}'), undefined);
});

test('state that anybody may see is shown also when the audit is full, and fills no log', async () => {
  const { node, root } = await runningNode({ audit: { declared: [discard] } });
  await using _ = node;
  const before = value(await scrape(node, root), 'vault_audit_log_request_count');
  for (const path of ['sys/health', 'sys/seal-status']) assert.equal((await ask(node, 'GET', path)).status, 200);
  assert.equal(value(await scrape(node, root), 'vault_audit_log_request_count'), (before ?? 0) + 1);
});
