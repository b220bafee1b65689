/** A snapshot beside the live data of a server with threads that read, over HTTP and on disk. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { plainServer, takeSnapshot } from '../support/snapshots.ts';
import { limitedToken, threadedServer } from '../support/threaded-server.ts';

type Json = Readonly<Record<string, unknown>>;
const LOAD = '/v1/sys/storage/raft/snapshot-load';

async function upload(address: string, token: string, body: Buffer): Promise<{ status: number; text: string }> {
  const headers = { 'X-Vault-Token': token };
  const response = await fetch(`${address}${LOAD}`, { method: 'POST', headers, body: new Uint8Array(body) });
  return { status: response.status, text: await response.text() };
}

const idOf = (text: string): string => String((JSON.parse(text) as { data: Json }).data['snapshot_id']);

test('any thread’s connection reads and recovers from what is loaded, until it is unloaded', async (t) => {
  const threaded = await threadedServer(t);
  const { server, token, connections, folder } = threaded;
  const write = (value: string) => server.ask('POST', '/v1/secret/data/a', { token, body: { data: { value } } });
  await write('then');
  const snapshot = await takeSnapshot(server, token);
  await write('since');
  const loaded = await upload(await server.address(), token, snapshot);
  assert.equal(loaded.status, 200, loaded.text);
  const id = idOf(loaded.text);
  const valueOf = (text: string): unknown => (JSON.parse(text) as { data: { data: Json } }).data.data['value'];
  for (const connection of connections) {
    const then = await connection.ask('GET', `secret/data/a?read_snapshot_id=${id}`, { token });
    assert.equal(valueOf(then.text), 'then');
    const now = await connection.ask('GET', 'secret/data/a', { token });
    assert.equal(valueOf(now.text), 'since');
  }
  const limited = await limitedToken(threaded);
  const recover = (by: string) =>
    fetch(`${address}/v1/secret/data/a`, {
      method: 'PUT',
      headers: { 'X-Vault-Token': by, 'X-Vault-Recover-Snapshot-Id': id },
    });
  const address = await server.address();
  assert.equal((await recover(limited)).status, 403);
  assert.equal((await recover(token)).status, 200);
  for (const connection of connections) {
    assert.equal(valueOf((await connection.ask('GET', 'secret/data/a', { token })).text), 'then');
  }
  const second = await upload(address, token, snapshot);
  assert.deepEqual([second.status, /is loaded: unload it first/.test(second.text)], [409, true]);
  assert.ok(existsSync(join(folder, 'data', 'loaded')));
  assert.equal((await server.ask('DELETE', `${LOAD}/${id}`, { token })).status, 204);
  assert.deepEqual(
    [existsSync(join(folder, 'data', 'loaded')), readdirSync(join(folder, 'data', 'spool'))],
    [false, []],
  );
});

test('what a schedule keeps is loaded by its name, and nothing beside it', async (t) => {
  const { server, token, folder } = await plainServer(t, {
    config: (files) =>
      `snapshot "often" { interval = "1s", storage_type = "local", path_prefix = "${files}/kept", retain = 3 }
       audit "file" "main" { options { file_path = "${files}/audit.log" } }`.replaceAll(', ', '\n'),
  });
  await server.ask('POST', '/v1/cubbyhole/a', { token, body: { value: 'planted-canary' } });
  // The first to end may have been begun before.
  for (let round = 0; round < 2; round += 1) await server.line(/took a scheduled snapshot/, server.lines.length);
  const path = '/v1/sys/storage/raft/snapshot-auto/snapshot-load';
  const refused = await server.ask('POST', `${path}/often`, { token, body: { url: `${folder}/audit.log` } });
  assert.deepEqual([refused.status, /keeps none that is named so/.test(refused.text)], [404, true]);
  assert.equal((await server.ask('POST', `${path}/other`, { token })).status, 404);
  const loaded = await server.ask('POST', `${path}/often`, { token });
  assert.equal(loaded.status, 200, loaded.text);
  const id = idOf(loaded.text);
  const read = await server.ask('GET', `/v1/cubbyhole/a?read_snapshot_id=${id}`, { token });
  assert.equal((read.json['data'] as Json)['value'], 'planted-canary');
  await server.ask('DELETE', '/v1/cubbyhole/a', { token });
  assert.equal((await server.ask('POST', `/v1/cubbyhole/a?recover_snapshot_id=${id}`, { token })).status, 204);

  const lines = readFileSync(join(folder, 'audit.log'), 'utf8').trimEnd().split('\n');
  const entries = lines.map((line) => JSON.parse(line) as { type: string; request: Json });
  const recovered = entries.filter(({ request }) => request['operation'] === 'recover');
  assert.deepEqual(
    recovered.map(({ type }) => type),
    ['request', 'response'],
  );
  assert.deepEqual(Object.keys(recovered[0]?.request['data'] as Json), ['recover_snapshot_id']);
  for (const text of [lines.join(), server.lines.join()]) assert.ok(!text.includes('planted-canary'));
});
