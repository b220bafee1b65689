/** `lockstep operator snapshot` as a person types it, against a server process. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { plainServer, type PlainServer } from '../support/snapshots.ts';

const executable = join(import.meta.dirname, '../../bin/lockstep');

async function withMount(t: TestContext): Promise<PlainServer> {
  const plain = await plainServer(t);
  const { server, token } = plain;
  await server.ask('POST', '/v1/sys/mounts/kv', { token, body: { type: 'kv', options: { version: '1' } } });
  return plain;
}

const lockstep = (node: PlainServer, ...argv: readonly string[]) => run(node, 'operator', ...argv);

async function run({ server, token }: Pick<PlainServer, 'server' | 'token'>, ...argv: readonly string[]) {
  const env = {
    PATH: process.env['PATH'],
    HOME: '/nonexistent',
    VAULT_ADDR: await server.address(),
    VAULT_TOKEN: token,
  };
  return new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) => {
    execFile(executable, [...argv], { env }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : error.code, stdout, stderr });
    });
  });
}

const write = ({ server, token }: PlainServer, name: string, value: string) =>
  server.ask('POST', `/v1/kv/${name}`, { token, body: { value } });

async function read({ server, token }: PlainServer, name: string): Promise<unknown> {
  const { json, status } = await server.ask('GET', `/v1/kv/${name}`, { token });
  return status === 200 ? (json['data'] as Record<string, unknown>)['value'] : status;
}

test('save under writes, then restore: what was written before is there, what came after is not', async (t) => {
  const node = await withMount(t);
  const path = join(node.folder, 'a.snap');
  writeFileSync(path, 'an older file', { mode: 0o644 });
  await write(node, 'before', 'then');
  for (let at = 0; at < 40; at += 1) await write(node, `large/${String(at)}`, 'x'.repeat(100_000));
  const done = new AbortController();
  const writing = (async () => {
    for (let at = 0; !done.signal.aborted; at += 1) await write(node, `during/${String(at)}`, 'now');
  })();
  const saved = await lockstep(node, 'snapshot', 'save', path);
  done.abort();
  await writing;
  assert.deepEqual([saved.code, saved.stderr], [0, '']);
  assert.match(saved.stdout, /^Success! Saved the snapshot of index \d+ to: /);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(node.folder), ['a.snap']);
  assert.equal((await lockstep(node, 'snapshot', 'inspect', path)).code, 0);

  await write(node, 'before', 'since');
  await write(node, 'after', 'since');
  const restored = await lockstep(node, 'raft', 'snapshot', 'restore', '-keep-credentials', path);
  assert.deepEqual([restored.code, restored.stderr], [0, '']);
  assert.deepEqual([await read(node, 'before'), await read(node, 'after')], ['then', 404]);
  assert.equal(await read(node, 'large/39'), 'x'.repeat(100_000));

  const revoked = await lockstep(node, 'snapshot', 'restore', path);
  assert.equal(revoked.code, 0);
  assert.match(revoked.stderr, /Revoked with it are all tokens[^]*generate-root -init/);
  assert.equal(await read(node, 'before'), 403);
});

test('a refused file leaves the data, a refused or failing save leaves the file', async (t) => {
  const node = await withMount(t);
  const other = await withMount(t);
  await write(node, 'a', 'mine');
  for (let at = 0; at < 60; at += 1) await write(other, `large/${String(at)}`, 'x'.repeat(200_000));
  const [theirs, cut] = [join(node.folder, 'theirs.snap'), join(node.folder, 'cut.snap')];
  assert.equal((await lockstep(other, 'raft', 'snapshot', 'save', theirs)).code, 0);
  writeFileSync(cut, readFileSync(theirs).subarray(0, -50));

  const keys = await lockstep(node, 'snapshot', 'restore', theirs);
  assert.equal(keys.code, 2);
  assert.match(keys.stderr, /Error restoring the snapshot: [^]*Code: 400/);
  const short = await lockstep(node, 'snapshot', 'restore', cut);
  assert.equal(short.code, 1);
  assert.match(short.stderr, /cut\.snap: the snapshot is cut short/);
  // 12 MB that the server does not want to read: its refusal must arrive all the same.
  const denied = await lockstep({ ...node, token: 'none' }, 'snapshot', 'restore', theirs);
  assert.equal(denied.code, 2);
  assert.match(denied.stderr, /Code: 403/);
  assert.equal(await read(node, 'a'), 'mine');

  const before = readFileSync(theirs);
  const save = await lockstep({ ...node, token: 'none' }, 'snapshot', 'save', theirs);
  assert.equal(save.code, 2);
  assert.match(save.stderr, /Error taking the snapshot: [^]*Code: 403/);
  assert.ok(readFileSync(theirs).equals(before));
  const nowhere = await lockstep(node, 'snapshot', 'save', join(node.folder, 'none/a.snap'));
  assert.equal(nowhere.code, 1);
  assert.match(nowhere.stderr, /cannot use the file .*none\/a\.snap: ENOENT/);
  assert.deepEqual(readdirSync(node.folder).sort(), ['cut.snap', 'theirs.snap']);

  const forced = await lockstep(node, 'snapshot', 'restore', '-force', theirs);
  assert.equal(forced.code, 0, forced.stderr);
  assert.match(forced.stderr, /unseal it with the keys of the snapshot/);
  assert.equal((await node.server.ask('PUT', '/v1/sys/unseal', { body: { key: other.key } })).json['sealed'], false);
});

test('load, recover, unload: one secret comes back, and the rest stays as it is', async (t) => {
  const node = await withMount(t);
  const { server, token, folder } = node;
  const path = join(folder, 'a.snap');
  for (const name of ['a', 'b']) await write(node, name, 'then');
  assert.equal((await lockstep(node, 'snapshot', 'save', path)).code, 0);
  for (const name of ['a', 'b']) await write(node, name, 'since');
  const loaded = await lockstep(node, 'snapshot', 'load', '-field=snapshot_id', path);
  assert.equal(loaded.code, 0, loaded.stderr);
  const id = loaded.stdout.trim();
  const again = await lockstep(node, 'raft', 'snapshot', 'load', path);
  assert.deepEqual([again.code === 0, /is loaded: unload it first/.test(again.stderr)], [false, true]);
  const recovered = await run({ server, token }, 'recover', `-snapshot-id=${id}`, 'kv/a');
  assert.equal(recovered.code, 0, recovered.stderr);
  assert.deepEqual([await read(node, 'a'), await read(node, 'b')], ['then', 'since']);
  const none = await run({ server, token }, 'recover', 'kv/b');
  assert.match(none.stderr, /give -snapshot-id/);
  assert.equal((await lockstep(node, 'snapshot', 'unload', id)).code, 0);
  const gone = await lockstep(node, 'snapshot', 'unload', id);
  assert.deepEqual([gone.code, /no snapshot .* is loaded/.test(gone.stderr)], [1, true]);
});
