import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { plainServer, restoreSnapshot, takeSnapshot } from '../support/snapshots.ts';
import { limitedToken, threadedServer, type ThreadedServer } from '../support/threaded-server.ts';

type Json = Readonly<Record<string, unknown>>;

const write = ({ server, token }: Pick<ThreadedServer, 'server' | 'token'>, name: string, value: unknown) =>
  server.ask('POST', `/v1/secret/data/${name}`, { token, body: { data: { value } } });

async function read({ server }: Pick<ThreadedServer, 'server'>, token: string, name: string): Promise<unknown> {
  const { json, status } = await server.ask('GET', `/v1/secret/data/${name}`, { token });
  return status === 200 ? ((json['data'] as Json)['data'] as Json)['value'] : status;
}

/** Asks every connection, so that each thread answers some. */
async function readEverywhere({ connections }: ThreadedServer, token: string, name: string): Promise<Set<string>> {
  const found = new Set<string>();
  for (const connection of connections) {
    const { status, text } = await connection.ask('GET', `secret/data/${name}`, { token });
    const data = (JSON.parse(text) as { data?: { data?: Json } }).data?.data;
    found.add(status === 200 ? String(data?.['value']) : String(status));
  }
  return found;
}

test('a restore brings back what was, on all threads, and ends the tokens of then', async (t) => {
  const threaded = await threadedServer(t);
  const { server, token } = threaded;
  const limited = await limitedToken(threaded);
  await write(threaded, 'a', 'then');
  const snapshot = await takeSnapshot(server, token);
  await write(threaded, 'a', 'since');
  await write(threaded, 'b', 'since');
  assert.deepEqual(await readEverywhere(threaded, limited, 'a'), new Set(['since']));
  const before = (await server.ask('GET', '/v1/sys/key-status', { token })).json;

  const kept = await restoreSnapshot(server, snapshot, { token, keep: true });
  assert.equal(kept.status, 204, kept.text);
  assert.deepEqual(await readEverywhere(threaded, limited, 'a'), new Set(['then']));
  assert.deepEqual(await readEverywhere(threaded, limited, 'b'), new Set(['404']));
  const after = (await server.ask('GET', '/v1/sys/key-status', { token })).json;
  assert.equal(after['term'], Number(before['term']) + 1);
  await write(threaded, 'a', 'afterwards');
  assert.deepEqual(await readEverywhere(threaded, limited, 'a'), new Set(['afterwards']));

  const ended = await restoreSnapshot(server, snapshot, { token });
  assert.equal(ended.status, 204, ended.text);
  for (const id of [limited, token]) assert.deepEqual(await readEverywhere(threaded, id, 'a'), new Set(['403']));
  assert.deepEqual(readdirSync(join(threaded.folder, 'data', 'spool')), []);
});

test('secret-ids and wrapped responses end with a restore, and new secret-ids log in', async (t) => {
  const { server, token, key } = await plainServer(t);
  await server.ask('POST', '/v1/sys/auth/approle', { token, body: { type: 'approle' } });
  const policy = 'path "auth/approle/*" { capabilities = ["create", "update", "read"] }';
  await server.ask('PUT', '/v1/sys/policies/acl/admin', { token, body: { policy } });
  await server.ask('POST', '/v1/auth/approle/role/app', { token, body: { token_policies: 'admin' } });
  const role = (await server.ask('GET', '/v1/auth/approle/role/app/role-id', { token })).json['data'] as Json;
  const issued = (await server.ask('POST', '/v1/auth/approle/role/app/secret-id', { token })).json['data'] as Json;
  const login = () =>
    server.ask('POST', '/v1/auth/approle/login', {
      body: { role_id: role['role_id'], secret_id: issued['secret_id'] },
    });
  assert.equal((await login()).status, 200);
  const snapshot = await takeSnapshot(server, token);
  assert.equal((await restoreSnapshot(server, snapshot, { token, keep: true })).status, 204);
  assert.equal((await login()).status, 200, 'kept, since it was asked for');
  assert.equal((await restoreSnapshot(server, snapshot, { token })).status, 204);
  assert.equal((await login()).status, 400);
  const { json } = await server.ask('GET', '/v1/sys/seal-status');
  assert.deepEqual([json['sealed'], key.length > 0], [false, true]);
});

test('what is no good is refused by name, and nothing changes', async (t) => {
  const threaded = await threadedServer(t);
  const { server, token } = threaded;
  const other = await plainServer(t);
  const snapshot = await takeSnapshot(server, token);
  await write(threaded, 'a', 'kept');
  const refused = async (body: Buffer, said: RegExp): Promise<void> => {
    const { status, text } = await restoreSnapshot(server, body, { token });
    assert.equal(status, 400, text);
    assert.match(text, said);
  };
  const tar = gunzipSync(snapshot);
  const flipped = Buffer.from(tar);
  flipped.writeUInt8(flipped.readUInt8(3_700) ^ 1, 3_700);
  await refused(gzipSync(flipped), /damaged: chunk 1 of state\.bin does not match its sum/);
  await refused(snapshot.subarray(0, snapshot.length >> 1), /cut short/);
  await refused(Buffer.from('nonsense'), /damaged/);
  await refused(Buffer.alloc(0), /cut short/);
  await refused(await takeSnapshot(other.server, other.token), /other keys.*snapshot-force/);
  const sealed = Buffer.from(tar);
  const at = sealed.lastIndexOf('hmac-sha256 ') + 20;
  sealed.write(sealed.toString('latin1', at, at + 1) === '0' ? '1' : '0', at);
  await refused(gzipSync(sealed), /SHA256SUMS\.sealed was not made from SHA256SUMS/);
  const limited = await limitedToken(threaded);
  assert.equal((await restoreSnapshot(server, snapshot, { token: limited })).status, 403);
  assert.equal((await restoreSnapshot(server, snapshot, { token: '' })).status, 403);
  await assert.rejects(takeSnapshot(server, limited), /403/);
  assert.equal(await read(threaded, token, 'a'), 'kept');
  const left = readdirSync(join(threaded.folder, 'data')).filter((name) => name.startsWith('generation'));
  assert.deepEqual(left, []);
});

for (const storage of ['lmdb', 'inmem'] as const) {
  test(`a new node (${storage}) takes over all of another by force, and is unsealed with its keys`, async (t) => {
    const threaded = await threadedServer(t);
    const snapshot = await takeSnapshot(threaded.server, threaded.token);
    const fresh = await plainServer(t, { storage });
    const { server } = fresh;
    const forced = await restoreSnapshot(server, snapshot, { token: fresh.token, force: true, keep: true });
    assert.equal(forced.status, 204, forced.text);
    assert.equal((await server.ask('GET', '/v1/sys/seal-status')).json['sealed'], true);
    const wrong = await server.ask('PUT', '/v1/sys/unseal', { body: { key: fresh.key } });
    assert.equal(wrong.status, 400);
    await server.ask('PUT', '/v1/sys/unseal', { body: { key: threaded.key } });
    assert.equal(await read({ server }, threaded.token, 'a'), 0);
    assert.equal((await server.ask('GET', '/v1/sys/mounts', { token: fresh.token })).status, 403);
    await write({ server, token: threaded.token }, 'a', 'written');
    assert.equal(await read({ server }, threaded.token, 'a'), 'written');
  });
}

test('a snapshot taken under write load is of exactly one moment', async (t) => {
  const threaded = await threadedServer(t);
  const { server, token } = threaded;
  for (let at = 0; at < 60; at += 1) await write(threaded, `fill/${String(at)}`, 'x'.repeat(60_000));
  const over = new AbortController();
  // A counter without gaps, written twice each round: first to one end of the store, then to the other.
  let rounds = 0;
  const writer = (async () => {
    while (!over.signal.aborted) {
      rounds += 1;
      await write(threaded, '0-first', rounds);
      await write(threaded, 'z-then', rounds);
    }
  })();
  const snapshots: Buffer[] = [];
  while (snapshots.length < 12) snapshots.push(await takeSnapshot(server, token));
  over.abort();
  await writer;
  for (const snapshot of snapshots.slice(-3)) {
    assert.equal((await restoreSnapshot(server, snapshot, { token, keep: true })).status, 204);
    const [first, then] = [await read(threaded, token, '0-first'), await read(threaded, token, 'z-then')];
    // Of one moment: the second write of a round is there only with the first one, which is at most one ahead.
    const [a, b] = [Number(first), then === 404 ? 0 : Number(then)];
    assert.ok(a === b || a === b + 1, `${String(first)} and ${String(then)}`);
    const { json } = await server.ask('GET', '/v1/secret/metadata/0-first', { token });
    assert.equal((json['data'] as Json)['current_version'], a);
  }
  assert.ok(existsSync(join(threaded.folder, 'data', 'current')));
});
