/** A node that is not told how many threads to have: they come when reads need them. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Connection } from '../support/connection.ts';
import { limitedToken, threadedServer, type ThreadedServer } from '../support/threaded-server.ts';

const skip = availableParallelism() < 2 && 'a machine with one processor has no other threads';

/** To read it takes the server far longer than the client: each of its values is hashed for the audit, or else written. */
const LARGE = 'secret/data/large';
const VALUES = 4_000;

interface Reading {
  /** Of the answers since it was last asked. */
  readonly statuses: () => ReadonlySet<number>;
  readonly end: () => Promise<void>;
}

function readAgainAndAgain({ connections }: ThreadedServer, token: string): Reading {
  let statuses = new Set<number>();
  const over = new AbortController();
  const loops = connections.map(async (connection) => {
    while (!over.signal.aborted) statuses.add((await connection.ask('GET', LARGE, { token })).status);
  });
  return {
    statuses: () => {
      const those = statuses;
      statuses = new Set();
      return those;
    },
    end: async () => {
      over.abort();
      await Promise.all(loops);
    },
  };
}

async function writeLarge({ server, token }: ThreadedServer): Promise<void> {
  const data = Object.fromEntries(
    Array.from({ length: VALUES }, (_, at) => [`key-${String(at)}`, `value ${String(at)}`]),
  );
  const written = await server.ask('POST', `/v1/${LARGE}`, { token, body: { data } });
  assert.equal(written.status, 200, written.text);
}

test('under reads a node starts a thread, which knows all that the others were told', { skip }, async (t) => {
  const threaded = await threadedServer(t, 'as reads need them');
  const { server, ask, token, key, folder, metric } = threaded;
  // What those are told that are there, before there is one: devices, the seals of namespaces, another root key.
  await ask('PUT', 'sys/audit/second', { type: 'file', options: { file_path: join(folder, 'second.log') } });
  await ask('PUT', 'sys/audit/third', { type: 'file', options: { file_path: join(folder, 'third.log') } });
  await ask('DELETE', 'sys/audit/third');
  const sealed = { seal: 'seal "shamir" { shares = 1 threshold = 1 }' };
  const made = (await ask('POST', 'sys/namespaces/vault', sealed))['data'] as { key_shares: string[] };
  await ask('PUT', 'sys/namespaces/vault/unseal', { key: made.key_shares[0] });
  await ask('POST', 'vault/sys/mounts/kv', { type: 'kv' });
  await ask('POST', 'vault/kv/x', { word: 'hush' });
  await ask('PUT', 'sys/rotate', {});
  await writeLarge(threaded);
  const limited = await limitedToken(threaded);
  assert.equal(await metric('lockstep_threads_served'), 0);

  const reading = readAgainAndAgain(threaded, limited);
  while ((await metric('lockstep_threads_served')) === 0) {
    assert.deepEqual(
      [...reading.statuses()].filter((status) => status !== 200),
      [],
    );
  }
  await reading.end();
  await server.line(/reads are shared with one more thread/);

  // It serves, and records, what was told before it was there.
  const served = await metric('lockstep_threads_served');
  const address = await server.address();
  for (let at = 0; at < 24; at++) {
    using connection = new Connection(address);
    const found = await connection.ask('GET', 'vault/kv/x', { token });
    assert.deepEqual([found.status, found.text.includes('hush')], [200, true], found.text);
  }
  assert.ok((await metric('lockstep_threads_served')) > served);
  const recorded = readFileSync(join(folder, 'second.log'), 'utf8').split('\n');
  const entries = recorded.filter(
    (line) => line.includes('"type":"response"') && /"path":"(vault\/)?kv\/x"/.test(line),
  );
  assert.equal(entries.length, 25, 'each read, and the write');

  // What is told from now on holds for it too.
  await ask('POST', 'auth/token/revoke', { token: limited });
  for (const connection of threaded.connections) {
    assert.equal((await connection.ask('GET', LARGE, { token: limited })).status, 403);
  }
  await ask('PUT', 'sys/seal');
  for (const connection of threaded.connections) {
    assert.equal((await connection.ask('GET', 'secret/data/a', { token })).status, 503);
  }
  await server.ask('PUT', '/v1/sys/unseal', { body: { key } });
  for (const connection of threaded.connections) {
    assert.equal((await connection.ask('GET', 'secret/data/a', { token })).status, 200);
  }
});

test('a node that is sealed, unsealed and told of devices while a thread starts has it know', { skip }, async (t) => {
  const threaded = await threadedServer(t, 'as reads need them');
  const { server, token, key, folder, connections, metric } = threaded;
  await writeLarge(threaded);
  const reading = readAgainAndAgain(threaded, token);
  // Again and again until it is there: one of them falls into its start.
  for (let round = 0; (await metric('lockstep_threads_served')) === 0; round++) {
    const options = { file_path: join(folder, `${String(round)}.log`) };
    const path = `/v1/sys/audit/${String(round % 4)}`;
    await server.ask('PUT', path, { token, body: { type: 'file', options } });
    assert.equal((await server.ask('PUT', '/v1/sys/seal', { token })).status, 204);
    assert.equal((await server.ask('PUT', '/v1/sys/unseal', { body: { key } })).status, 200);
    for (const connection of connections) {
      assert.equal((await connection.ask('GET', 'secret/data/a', { token })).status, 200);
    }
    await server.ask('DELETE', path, { token });
    assert.deepEqual(
      [...reading.statuses()].filter((status) => status !== 200 && status !== 503),
      [],
    );
  }
  await reading.end();
  assert.equal((await server.ask('PUT', '/v1/sys/seal', { token })).status, 204);
  for (const connection of connections) {
    assert.equal((await connection.ask('GET', 'secret/data/a', { token })).status, 503);
  }
});

test('a client that only writes is brought to the thread that does', { skip }, async (t) => {
  const threaded = await threadedServer(t, 1);
  const { token, connections, metric } = threaded;
  const round = async (): Promise<number> => {
    const before = await metric('lockstep_threads_handed_over');
    const written = await Promise.all(
      connections.map((connection) => connection.ask('POST', 'secret/data/a', { token, body: { data: {} } })),
    );
    assert.ok(written.every(({ status }) => status === 200));
    return (await metric('lockstep_threads_handed_over')) - before;
  };
  assert.ok((await round()) > 0, 'some come to the other thread');
  while ((await round()) > 0);
});
